"""The top of the page: what is chosen, banners, the verdict, facts, tiles and what has changed."""

from dashboard.page.nodes import CHOOSE, Node, local_link, node, unseen
from dashboard.page.parts import SIGNS, WORDS, address, chip, fact_list, link, why, with_interval
from dashboard.view.model import Banner, Page, Tile, VersionChoice
from dashboard.view.selected import Selected

_TURN = "() => document.dispatchEvent(new CustomEvent('churnstream-scheme'))"
_PRINT = "() => window.print()"
_SHORT = 12
"""Longer texts of tiles are set smaller."""


def header(page: Page, selected: Selected) -> Node:
    """The bar with the name, the choice of the model's version, and light or dark."""
    choice = None
    if page.choices:
        options = [node("option", one.text, value=_chosen(one, selected)) for one in page.choices]
        now = next((one for one in page.choices if _is_chosen(one, selected)), page.choices[0])
        picker = node("select", options, id="choice", value=_chosen(now, selected), on=(CHOOSE,))
        choice = node("div", [node("label", "Model", for_="choice"), picker], class_="choice")
    buttons = [
        node("button", "◐", type="button", class_="plain", aria_label="Light or dark", on=(("click", _TURN),)),
        node("button", "Print", type="button", class_="plain", on=(("click", _PRINT),)),
    ]
    name = node("p", [node("span", "churnstream", class_="brand"), node("span", "model health", class_="brand-what")])
    return node("header", [name, choice, node("div", buttons, class_="tools")], class_="bar", key="bar")


def banners(page: Page) -> Node:
    """What must be said above all else; a screen reader says it at once."""
    return node("div", [_banner(one) for one in page.banners], class_="banners", key="banners", role="alert")


def _banner(banner: Banner) -> Node:
    said = [chip("", banner.tone), node("p", [node("strong", banner.text), node("span", banner.remedy)])]
    return node("div", said, class_=f"banner {banner.tone}", key=banner.text)


def verdict(page: Page, selected: Selected) -> Node:
    """The verdict: sign, word and colour, since when, why, what changed and what to do. A new one is read aloud."""
    head = page.headline
    word = [
        node("span", head.sign or SIGNS[head.tone], class_=f"sign {head.tone}", aria_hidden="true"),
        node("span", head.word, class_="word"),
        node("span", f"since {head.since}", class_="since") if head.since else None,
    ]
    heading = [node("span", head.subject, class_="subject"), unseen(": "), node("span", word, class_="verdict-line")]
    said = [
        node("div", node("h1", heading), aria_live="polite", aria_atomic="true"),
        node("p", head.why, class_="reason") if head.why else None,
        _remedy(page),
        _more(page),
    ]
    changes = [node("h2", "What changed", class_="changes-title"), _changes(page, selected)] if page.changes else []
    parts = [
        node("div", said, class_="verdict-said", key="said"),
        node("div", changes, class_="verdict-changes", key="changes") if changes else None,
        fact_list(page.facts, page.terms, "fact") if page.facts else None,
    ]
    kind = f"verdict {head.tone}{'' if changes else ' without-changes'}"
    return node("section", parts, class_=kind, key="verdict", aria_label="Verdict")


def _remedy(page: Page) -> Node | None:
    head = page.headline
    if not head.remedy:
        return None
    return node("p", [node("strong", "What to do: "), node("span", head.remedy)], class_="remedy")


def _more(page: Page) -> Node | None:
    """Where one sees more, and the figures behind the verdict."""
    head = page.headline
    figures = node("p", head.evidence, class_="quiet")
    known = node("details", [node("summary", "How we know"), figures], key="evidence") if head.evidence else None
    links = [link(one) for one in head.links]
    return node("div", [*links, known], class_="verdict-more") if links or known is not None else None


def _changes(page: Page, selected: Selected) -> Node:
    known = {row.column for row in page.heat.rows}
    lines = []
    for change in page.changes:
        to = address(selected, feature=change.column, window=None)
        said = local_link(change.text, to) if change.column in known else node("span", change.text)
        lines.append(node("li", said, key=change.column))
    return node("ul", lines, class_="changes")


def tiles(page: Page) -> Node | None:
    """Now beside training."""
    if not page.tiles:
        return None
    shown = [_tile(tile, page, number) for number, tile in enumerate(page.tiles)]
    parts = [node("h2", "Now, compared with training", class_="unseen"), node("ul", shown, class_="tiles")]
    return node("section", parts, key="tiles", aria_label="Now, compared with training")


def _tile(tile: Tile, page: Page, number: int) -> Node:
    loud = tile.tone in ("notice", "bad")
    now = [
        chip(tile.sign, tile.tone) if loud else None,
        unseen(f"{WORDS[tile.tone]}: ") if loud else None,
        *with_interval(tile.now),
    ]
    parts = [
        node(
            "h3",
            [node("span", tile.name), why(page.terms, tile.term, f"tile-{number}", tile.detail)],
            class_="tile-name",
        ),
        node("p", now, class_="tile-now" if len(tile.now.partition(" (")[0]) <= _SHORT else "tile-now long"),
        node("p", [node("span", "training ", class_="quiet"), *with_interval(tile.then)], class_="tile-then")
        if tile.then
        else None,
        node("p", tile.detail, class_="tile-detail") if tile.detail else None,
    ]
    return node("li", parts, class_=f"tile {tile.tone}", key=tile.name)


def _chosen(choice: VersionChoice, selected: Selected) -> str:
    role = choice.role if choice.role == "challenger" else "champion"
    return address(
        selected,
        model=choice.model,
        version=choice.version,
        role=role,
        window=None,
        feature=None,
        since=None,
        until=None,
    )


def _is_chosen(choice: VersionChoice, selected: Selected) -> bool:
    same = choice.version == selected.version and (choice.version is None or choice.role == selected.role)
    return same and selected.model in (None, choice.model)
