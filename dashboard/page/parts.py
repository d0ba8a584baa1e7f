"""Small parts that all of the page is made of."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from dashboard.page.nodes import Node, local_link, node, outer_link, unseen
from dashboard.view.address import address_of
from dashboard.view.metrics import TITLES
from dashboard.view.model import Fact, Link, Tone
from dashboard.view.selected import METRICS, Selected

SIGNS: Mapping[Tone, str] = {"good": "✓", "notice": "!", "bad": "✕", "unknown": "–"}
WORDS: Mapping[Tone, str] = {"good": "good", "notice": "worth a look", "bad": "bad", "unknown": "not known"}

_BROAD = 22
"""Longer values get twice the room."""


def address(selected: Selected, **changes: Any) -> str:
    """The address of the same page with something changed, never empty."""
    return address_of(msgspec.structs.replace(selected, **changes)) or "?"


def chip(sign: str, tone: Tone) -> Node:
    """A sign on the colour of its tone. The word beside it says the same."""
    return node("span", sign or SIGNS[tone], class_=f"chip {tone}", aria_hidden="true")


def why(terms: Mapping[str, str], term: str, where: str, more: str = "") -> Node | None:
    """A question mark that explains a word, by mouse, touch or keyboard; None where there is nothing to explain.
    ``more`` is said below it.
    """
    text = terms.get(term) or more
    if not text:
        return None
    title = TITLES[term] if term in METRICS else term
    name = f"why-{where}".replace(" ", "-")
    button = node("button", "?", class_="why", type="button", popovertarget=name, aria_label=f"What is “{title}”?")
    lines = [node("strong", title), node("p", text), node("p", more) if more and more != text else None]
    told = node("div", lines, class_="why-text", id=name, popover="auto")
    return node("span", [button, told], class_="why-box")


def fact_list(facts: Iterable[Fact], terms: Mapping[str, str], where: str) -> Node:
    """Facts as pairs of label and value. One that is not well has a sign, and its detail is seen at once; that of the
    others is behind the question mark.
    """
    pairs = []
    for number, fact in enumerate(facts):
        loud = fact.tone in ("notice", "bad")
        sign = [chip("", fact.tone), unseen(f"{WORDS[fact.tone]}: ")] if loud else []
        detail = node("span", fact.detail, class_="fact-detail") if fact.detail and loud else None
        said = node("dd", [*sign, node("span", fact.value, class_="fact-value"), detail])
        name = node(
            "dt", [node("span", fact.label), why(terms, fact.term or fact.label, f"{where}-{number}", fact.detail)]
        )
        pairs.append(
            node(
                "div",
                [name, said],
                class_=f"fact {fact.tone}{' broad' if len(fact.value) > _BROAD else ''}",
                key=fact.label,
            )
        )
    return node("dl", pairs, class_="facts")


def with_interval(text: str) -> list[Node]:
    """A number, and its interval on a line of its own."""
    value, opening, interval = text.partition(" (")
    said = [node("span", value)]
    return [*said, node("span", f"{opening}{interval}", class_="interval")] if interval else said


def table(
    caption: str, columns: Iterable[str], rows: Iterable[Iterable[str]], *, class_: str = "numbers", seen: bool = False
) -> Node:
    """A table of texts whose first column names its rows. The caption is for screen readers unless ``seen``."""
    head = node("tr", [node("th", column, scope="col") for column in columns])
    body = []
    for row in rows:
        first, *others = row
        body.append(node("tr", [node("th", first, scope="row"), *(node("td", with_interval(text)) for text in others)]))
    parts = [
        node("caption", caption, class_=None if seen else "unseen"),
        node("thead", head),
        node("tbody", body),
    ]
    shown = node("table", parts, class_=class_)
    return node("div", shown, class_="scrolled", tabindex="0", role="region", aria_label=caption)


def link(shown: Link) -> Node:
    """A link of the view model: in a tab of its own if it leaves the page."""
    if shown.address.startswith("?"):
        made = local_link(shown.text, shown.address)
    elif shown.address.startswith("/"):
        made = node("a", shown.text, href=shown.address)
    else:
        made = outer_link(shown.text, shown.address)
    if not shown.note:
        return made
    return node("span", [made, node("span", f" {shown.note}", class_="quiet")], key=shown.address)
