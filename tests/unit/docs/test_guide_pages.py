"""What the pages for newcomers name is there: files, names in them, messages, terms; and all links lead somewhere."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")))
PARTS = ("contract", "producer", "scorer", "monitor", "training", "dashboard", "churnstream")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_ROW = re.compile(
    r"^\| (?P<change>[^|]+) \| \[[^\]]+\]\(\.\./(?P<file>[^)]+)\)[^|]* \| `(?P<name>[^|]+)` \|$", re.MULTILINE
)


def text_of(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def slug(heading: str) -> str:
    """A heading's anchor, as GitHub and the site make it."""
    plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    return re.sub(r"\s", "-", re.sub(r"[^\w\- ]", "", plain.strip()))


def anchors(page: Path) -> set[str]:
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)}


def broken_links(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    broken = []
    for link in _LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists() or (anchor and goal.suffix == ".md" and anchor not in anchors(goal)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading\n[a](gone.md) [b](#a-heading) [c](#another) [d](https://example.org)", encoding="utf-8"
    )
    assert broken_links(page) == ["gone.md", "#another"]


def test_what_to_change_where_names_files_and_what_to_look_for_in_them() -> None:
    rows = [found.groupdict() for found in _ROW.finditer((DOCS / "architecture.md").read_text(encoding="utf-8"))]
    assert len(rows) >= 20
    assert [row for row in rows if row["name"] not in (ROOT / row["file"]).read_text(encoding="utf-8")] == []


def test_the_architecture_names_every_part() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    assert [part for part in PARTS if f"| `{part}` |" not in text] == []


def test_the_glossary_has_the_terms_that_the_pages_go_by() -> None:
    _, _, glossary = (DOCS / "concepts.md").read_text(encoding="utf-8").partition("## Glossary")
    terms = re.findall(r"^\| \*\*(.+?)\*\* \|", glossary, re.MULTILINE)
    needed = (
        "record", "event time", "watermark", "pane", "slide", "window", "provisional", "final", "revision", "outcome",
        "absorbed offset", "published offset", "end of stream", "estimated", "realised", "drift", "reference",
    )  # fmt: skip
    assert [term for term in needed if term not in terms] == []
    assert terms == sorted(terms)


@cache
def messages() -> tuple[str, ...]:
    """All texts in the product's code, with ``…`` for what is filled in."""
    return tuple(
        text
        for part in PARTS
        for file in (ROOT / part).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for text in _texts(node)
    )


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


def is_said(quoted: str) -> bool:
    """Whether the code has this message, whatever stands for ``…``."""
    return any(_holds(text, quoted.split("…")) for text in messages())


def _holds(text: str, parts: list[str]) -> bool:
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def test_the_messages_of_troubleshooting_are_those_of_the_code() -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    tables = re.findall(r"^\| message \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    quoted = [found for table in tables for found in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)]
    assert len(quoted) >= 25
    assert [message for message in quoted if not is_said(message)] == []
    assert not is_said("no Kafka … has this message")


def test_the_reasons_of_troubleshooting_are_those_of_dead_letters() -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| reason \|.*\n\|.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    code = (ROOT / "contract" / "rejection.py").read_text(encoding="utf-8")
    assert [
        reason for reason in re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE) if f'"{reason}"' not in code
    ] == []


def test_each_page_is_in_the_menu_of_the_site() -> None:
    menu = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    assert [page.name for page in sorted(DOCS.glob("*.md")) if f' = "{page.name}" }}' not in menu] == []


def test_the_readme_is_read_in_two_minutes() -> None:
    text = re.sub(r"\]\([^)]*\)", "]", text_of(ROOT / "README.md"))
    assert len(re.findall(r"\w[\w'’-]*", text)) <= 600  # at 300 words a minute, tables included
