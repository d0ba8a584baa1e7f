"""A page that is open in a browser: what it shows, what its reader does, and what is pushed to it."""

import asyncio
from urllib.parse import parse_qsl

import msgspec
from nicegui import run, ui

from dashboard.page.drawn import DrawnNode
from dashboard.page.panel import COLUMN
from dashboard.page.source import PageSource
from dashboard.page.timeline import ASKED, PICK, ZOOMED, Zoom
from dashboard.page.whole import whole
from dashboard.signals import PUSHES
from dashboard.view.address import address_of, selected_of
from dashboard.view.model import Page
from dashboard.view.selected import Selected

KEY = "key"
EVERY_SECONDS = 0.1
"""How often an open page looks whether there is something new."""
_MOST_OPENED = 500
_LONGEST_SENT = 4_000


class Session:
    """One for each open page. ``begin`` draws it, then it lives in NiceGUI's event loop."""

    def __init__(self, source: PageSource, selected: Selected) -> None:
        self._source = source
        self._selected = selected
        self._zoom: Zoom = (selected.since, selected.until, 0)
        self._opened: dict[str, bool] = {}
        self._lock = asyncio.Lock()
        self._seen = -1

    async def begin(self) -> None:
        """Draws the page where NiceGUI stands, and keeps it up to date from then on."""
        page = await self._read()
        if page is None:
            return  # the process is on its way out
        self._page = page
        ui.page_title(self._page.title)
        self._drawn = DrawnNode(whole(self._page, self._selected, self._opened, self._zoom), self.follow)
        ui.timer(EVERY_SECONDS, self.refresh)

    async def refresh(self) -> None:
        """Draws what is new, if anything is."""
        if self._source.revision != self._seen:
            async with self._lock:
                await self._show()
            PUSHES.inc()

    async def follow(self, sent: str) -> None:
        """What the reader did: an address of this page, or a word with what belongs to it."""
        if len(sent) > _LONGEST_SENT:
            return
        if sent.startswith("?"):
            await self._go(selected_of(dict(parse_qsl(sent[1:]))))
            return
        word, _, rest = sent.partition(" ")
        if word == PICK:
            await self._go(self._picked(rest))
        elif word == ZOOMED:
            await self._zoomed(rest)
        elif word == KEY:
            await self._go(self._moved(rest))
        elif word == ASKED:
            name, _, flag = rest.partition(" ")
            await self._open(name, flag == "1")
        elif word == COLUMN:
            flag, _, name = rest.partition(" ")
            await self._open(f"{COLUMN} {name}", flag == "true")

    async def _go(self, selected: Selected) -> None:
        async with self._lock:
            had, self._selected = self._selected, selected
            if had == selected:
                return
            if (had.since, had.until) != (selected.since, selected.until):
                self._zoom = (selected.since, selected.until, self._zoom[2] + 1)
            self._name_address()
            await self._show()

    async def _zoomed(self, rest: str) -> None:
        """The charts have been zoomed by hand; the address says so, and they need not be told."""
        try:
            since, until = (int(end) for end in rest.split()) if rest else (None, None)
        except ValueError:
            return
        async with self._lock:
            wanted = msgspec.structs.replace(self._selected, since=since, until=until)
            if wanted != self._selected:
                self._selected = wanted
                self._name_address()
                self._draw()

    async def _open(self, name: str, is_open: bool) -> None:
        async with self._lock:
            if self._opened.get(name) != is_open and len(self._opened) < _MOST_OPENED:
                self._opened[name] = is_open
                self._draw()

    def _picked(self, rest: str) -> Selected:
        """A window of the charts by its number, or a row of the heat map by its name."""
        try:
            window, row = (int(number) for number in rest.split())
        except ValueError:
            return self._selected
        axis, rows = self._page.axis, self._page.heat.rows
        if 0 <= window < len(axis.starts):
            return msgspec.structs.replace(self._selected, window=axis.starts[window], feature=None)
        if 0 <= row < len(rows):
            return msgspec.structs.replace(self._selected, feature=rows[row].column, window=None)
        return self._selected

    def _moved(self, key: str) -> Selected:
        window = self._page.window
        if key == "Escape":
            return msgspec.structs.replace(self._selected, window=None, feature=None)
        if window is None:
            return self._selected
        start = window.before if key == "ArrowLeft" else window.after
        return self._selected if start is None else msgspec.structs.replace(self._selected, window=start)

    async def _read(self) -> Page | None:
        # the revision first: what comes while the page is being made is new the next time
        self._seen = self._source.revision
        # the charts zoom by themselves, so they need what is beyond the part that is seen, too
        wanted = msgspec.structs.replace(self._selected, since=None, until=None)
        return await run.io_bound(self._source.page, wanted)

    async def _show(self) -> None:
        page = await self._read()
        if page is None:
            return
        if page.title != self._page.title:
            ui.page_title(page.title)
        self._page = page
        self._draw()

    def _draw(self) -> None:
        self._drawn.become(whole(self._page, self._selected, self._opened, self._zoom))

    def _name_address(self) -> None:
        ui.navigate.history.replace(address_of(self._selected) or "./")
