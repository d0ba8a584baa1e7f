"""All of the page as one tree of nodes."""

from collections.abc import Mapping

from dashboard.page.lists import footer, lists, skip
from dashboard.page.nodes import Node, node
from dashboard.page.panel import panel
from dashboard.page.timeline import Zoom, timeline
from dashboard.page.top import banners, header, tiles, verdict
from dashboard.view.model import Page
from dashboard.view.selected import Selected


def whole(page: Page, selected: Selected, opened: Mapping[str, bool], zoom: Zoom) -> Node:
    """``opened`` says of tables and columns by name whether the reader has opened or closed them, ``zoom`` what part of
    the time axis the address asked for.
    """
    beside = panel(page, selected, opened)
    # NiceGUI's page is the main landmark already
    main = node(
        "div",
        [
            banners(page),
            verdict(page, selected),
            tiles(page),
            timeline(page, selected, opened, zoom),
            lists(page) if page.stage in ("young", "alive") else None,
        ],
        id="main",
        class_="main",
        key="main",
        tabindex="-1",
    )
    keys = node("page-keys", None, panel=beside is not None, key="keys", on=(("key", "(name) => emit('key ' + name)"),))
    head = [] if selected.embed else [skip(), header(page, selected)]
    foot = None if selected.embed else footer(page)
    kind = f"health{' embedded' if selected.embed else ''}{' with-panel' if beside is not None else ''}"
    return node("div", [*head, main, beside, foot, keys], class_=kind)
