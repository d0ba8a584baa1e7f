"""Build the documentation as a site in build/site, without a network, and check every link in it.

The pages are those of docs/, README as the front page, and what stands beside it (changes, contributing, security). A
link to a file of the repository leads to a page that shows it, because the site has no repository to point to. The
reference of commands and of Python comes from the code.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
STAGED, BUILT = ROOT / "build" / "docs", ROOT / "build" / "site"
FRONT = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Pages that stand beside docs/, and their names on the site."""
LARGEST_SOURCE = 200_000
_LINK = re.compile(r"(\]\()([^()\s]+)(\))")
_FENCE = re.compile(r"^(```.*?^```[^\S\n]*$)", re.MULTILINE | re.DOTALL)
_LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".yml": "yaml", ".md": "markdown", ".sh": "sh"}


class Stage:
    """Lays the pages as the generator reads them.

    Args:
        root: the repository.
        folder: where the pages go; docs/ is there already, and the pages that come from the code.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._sources: dict[str, str] = {}

    def lay(self) -> None:
        """Write all pages.

        Raises:
            ValueError: a link names a file that is not there.
        """
        pages = [file.relative_to(self._root).as_posix() for file in sorted((self._root / "docs").rglob("*.md"))]
        for page in [*pages, *(name for name in FRONT if (self._root / name).is_file())]:
            text = (self._root / page).read_text(encoding="utf-8")
            self._write(self.place(page), self.relinked(page, text))
        for source, place in self._sources.items():
            self._write(place, shown_source(self._root / source, source))

    def relinked(self, page: str, text: str) -> str:
        """A page's text with its links as they must be on the site; code is left alone."""
        parts = _FENCE.split(text)
        return "".join(
            part if _FENCE.fullmatch(part) else _LINK.sub(lambda found: self._link(page, found), part) for part in parts
        )

    def place(self, path: str) -> str:
        """Where a file of the repository stands on the site."""
        if path in FRONT:
            return FRONT[path]
        if path.startswith("docs/"):
            return path.removeprefix("docs/")
        return self._sources.setdefault(path, f"source/{path}.md")

    def _link(self, page: str, found: "re.Match[str]") -> str:
        before, target, after = found.groups()
        if urlsplit(target).scheme or target.startswith("#"):
            return found.group()
        path, mark, anchor = target.partition("#")
        named = os.path.normpath(PurePosixPath(page).parent / path)
        file = self._root / named
        if file.is_dir():
            named = f"{named}/index.md" if named.startswith("docs/") else f"{named}/__init__.py"
            file = self._root / named
        if not file.is_file() and not (named.startswith("docs/") and (self._folder / self.place(named)).is_file()):
            raise ValueError(f"{page} links to {target}, which is not there")
        here = PurePosixPath(self.place(page)).parent
        return f"{before}{os.path.relpath(self.place(named), here)}{mark}{anchor}{after}"

    def _write(self, place: str, text: str) -> None:
        file = self._folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def shown_source(file: Path, name: str) -> str:
    """A page that shows a file of the repository. The search passes over it."""
    text = file.read_text(encoding="utf-8")[:LARGEST_SOURCE]
    head = f"---\nsearch:\n  exclude: true\n---\n\n# `{name}`\n\n"
    return f"{head}````{_LANGUAGES.get(file.suffix, 'text')}\n{text.rstrip()}\n````\n"


def write_reference(folder: Path) -> None:
    """Write the pages that come from the code: commands, names to import, fakes."""
    import typer
    import typer.cli
    import typer.main

    import churnstream
    import contract.testing
    from churnstream.cli import app

    reference = folder / "reference"
    reference.mkdir(exist_ok=True)
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="churnstream")
    commands = typer.cli.get_docs_for_click(obj=command, ctx=context, name="churnstream", title="Commands")
    (reference / "commands.md").write_text(commands, encoding="utf-8")

    homes = {name: getattr(churnstream, name) for name in churnstream.__all__}
    named = [f"{value.__module__}.{name}" for name, value in homes.items() if hasattr(value, "__qualname__")]
    about = f"{churnstream.__doc__}\n\nImport each of the names below from `churnstream`."
    _write_python(reference / "python.md", "Python", about, named)
    fakes = [f"contract.testing.{name}" for name in contract.testing.__all__]
    _write_python(reference / "testing.md", "Fakes for tests", f"{contract.testing.__doc__}", fakes)

    schemas = folder / "schemas"
    listed = [f"- [{file.stem.removesuffix('.schema')}]({file.name})" for file in sorted(schemas.glob("*.json"))]
    head = "# Message schemas\n\nJSON Schemas (2020-12) of the values on each topic, for the shipped data set.\n\n"
    (schemas / "index.md").write_text(head + "\n".join(listed) + "\n", encoding="utf-8")


def _write_python(file: Path, title: str, about: str, names: list[str]) -> None:
    text = about.replace("::\n", ":\n")
    parts = [f"# {title}", text, *(f"::: {name}" for name in names)]
    file.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


class _BuiltPage(HTMLParser):
    """What a page names: anchors that it has, places that it links to, and what it loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if "id" in named:
            self.anchors.add(named["id"])
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if "src" in named:
            self.loaded.append(named["src"])
        if tag == "link" and "href" in named and named.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(named["href"])


def faults(site: Path) -> list[str]:
    """What is wrong with a built site: links that lead nowhere, and what a page would load from elsewhere."""
    pages: dict[Path, _BuiltPage] = {}
    for file in sorted(site.rglob("*.html")):
        page = _BuiltPage()
        page.feed(file.read_text(encoding="utf-8"))
        pages[file.resolve()] = page
    return [fault for file, page in pages.items() for fault in _faults(file, page, pages, site.resolve())]


def _faults(file: Path, page: _BuiltPage, pages: dict[Path, _BuiltPage], site: Path) -> Iterator[str]:
    name = file.relative_to(site).as_posix()
    if name == "404.html":  # its links count from the root of a server
        return
    for target in page.loaded:
        parts = urlsplit(target)
        if parts.scheme == "data":
            continue
        if parts.scheme or parts.netloc:
            yield f"{name} loads {target}"
        elif not (file.parent / unquote(parts.path)).is_file():
            yield f"{name} loads {target}, which is not there"
    for target in page.links:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc:
            continue
        goal = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        if goal.is_dir():
            goal /= "index.html"
        if not goal.is_file():
            yield f"{name} links to {target}, which is not there"
        elif parts.fragment and goal in pages and unquote(parts.fragment) not in pages[goal].anchors:
            yield f"{name} links to {target}, which has no such heading"


def main() -> int:
    """Build the site.

    Returns:
        0; 1 where the generator or a check finds a fault, which is then told on stderr.
    """
    shutil.rmtree(STAGED, ignore_errors=True)
    shutil.copytree(ROOT / "docs", STAGED)
    write_reference(STAGED)
    Stage(ROOT, STAGED).lay()
    shutil.rmtree(BUILT, ignore_errors=True)
    built = subprocess.run([sys.executable, "-m", "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False)
    found = faults(BUILT) if BUILT.is_dir() else []
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{len(list(BUILT.rglob('*.html')))} pages: file://{BUILT / 'index.html'}")
    return int(bool(built.returncode or found or not BUILT.is_dir()))


if __name__ == "__main__":
    sys.exit(main())
