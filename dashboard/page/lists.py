"""Below the charts: alerts with their history, dead letters with examples, links, and the words of the page."""

from dashboard.page.nodes import Node, node, unseen
from dashboard.page.parts import WORDS, chip, link, table, why
from dashboard.view.model import IncidentLine, LetterReason, Page

_STATES = (("standing", "Standing"), ("closed", "Resolved"), ("retracted", "Taken back"))

_LETTERS_COMMANDS = (
    "`churnstream dead-letters` lists all that are still open. Once the cause is repaired, `churnstream redrive` sends "
    "them again."
)


def lists(page: Page) -> Node:
    """Alerts beside dead letters."""
    return node("div", [_incidents(page), _letters(page)], class_="columns", key="lists")


def _incidents(page: Page) -> Node:
    parts: list[Node] = [node("h2", [node("span", "Alerts"), why(page.terms, "incident", "alerts")], id="alerts")]
    for state, title in _STATES:
        found = [line for line in page.incidents if line.state == state]
        if found:
            head = node("h3", f"{title} ({len(found)})", class_="group", key=state)
            parts += [head, node("ul", [_incident(line) for line in found], class_="incidents", key=f"{state}-list")]
    if not page.incidents:
        parts.append(node("p", "No alert so far.", class_="quiet", key="none"))
    return node("section", parts, class_="card", key="alerts", aria_labelledby="alerts")


def _incident(line: IncidentLine) -> Node:
    until = f"until {line.until}" if line.until and line.state != "standing" else ""
    when = " · ".join(text for text in (f"since {line.since}" if line.since else "", until, line.windows) if text)
    head = [
        chip(line.sign, line.tone),
        unseen(f"{line.severity}, {WORDS[line.tone]}: "),
        node("span", [node("strong", line.title), node("span", when, class_="quiet when")], class_="incident-said"),
    ]
    told = [node("p", line.message)] if line.message else []
    if line.history:
        lines = [
            node(
                "li",
                [
                    node("span", one.label, class_="quiet"),
                    node("span", f" {one.value} "),
                    node("span", one.detail, class_="quiet"),
                ],
            )
            for one in line.history
        ]
        told.append(node("ol", lines, class_="history"))
    if not told:
        return node("li", node("div", head, class_="incident-head"), class_="incident", key=line.key)
    return node("li", node("details", [node("summary", head), *told]), class_="incident", key=line.key)


def _letters(page: Page) -> Node:
    parts: list[Node] = [
        node("h2", [node("span", "Dead letters"), why(page.terms, "dead letter", "letters")], id="letters")
    ]
    if page.letters:
        parts.append(node("ul", [_reason(reason) for reason in page.letters], class_="incidents"))
        parts.append(node("p", _LETTERS_COMMANDS, class_="quiet", key="commands"))
    else:
        parts.append(node("p", "No dead letter so far.", class_="quiet"))
    return node("section", parts, class_="card", key="letters", aria_labelledby="letters")


def _reason(reason: LetterReason) -> Node:
    name = f"{reason.reason} · {reason.field}" if reason.field else reason.reason
    head = [
        node("span", f"{reason.count:,}", class_="count"),
        node(
            "span",
            [node("strong", name), node("span", f"last {reason.last}", class_="quiet when") if reason.last else None],
            class_="incident-said",
        ),
    ]
    told = [node("p", text) for text in (reason.meaning, reason.remedy) if text]
    if reason.examples:
        rows = [(one.origin, one.came, one.field, one.detail) for one in reason.examples]
        told.append(table(f"Examples of {name}", ("origin", "arrived", "field", "detail"), rows))
    return node(
        "li", node("details", [node("summary", head), *told]), class_="incident", key=f"{reason.reason}/{reason.field}"
    )


def footer(page: Page) -> Node:
    """Links, and what the words mean."""
    links = node("p", [link(one) for one in page.links], class_="links") if page.links else None
    words = [node("div", [node("dt", term), node("dd", text)], key=term) for term, text in sorted(page.terms.items())]
    glossary = node("details", [node("summary", "Words on this page"), node("dl", words, class_="glossary")])
    keys = node(
        "p",
        "Keys: Tab moves through the page. In the charts, arrow keys move between windows and Enter opens one. "
        "While a window is open, ← and → go to its neighbours and Esc closes it.",
        class_="quiet keys",
    )
    shown = [links, glossary if words else None, keys]
    return node("footer", shown, class_="foot", key="foot")


def skip() -> Node:
    """The first thing that Tab reaches: past the bar, to what matters."""
    return node("a", "Skip to the verdict", href="#main", class_="skip", key="skip")
