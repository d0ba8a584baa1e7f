"""A page in a browser that is watched: what it asked for, what went wrong in it, and whether everybody can use it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, WebSocket

from tests.support.dashboard.hostile import FLAG

Scheme = Literal["light", "dark"]
PICTURES = "CHURNSTREAM_PICTURES"
"""The variable that names a folder where pictures of the page are kept; without it none are."""
SCREEN = (1_280, 900)
PHONE = (360, 780)
READY_MS = 30_000
_CHART = "canvas"
_NETWORK_CHANGED, _NETWORK_CHANGES = "ERR_NETWORK_CHANGED", 3
"""Chromium gives up what it loads when the machine gets another network, as with each container that starts."""
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class WatchedPage:
    """``page`` is Playwright's; ``asked`` are the hosts that it has asked for anything, ``wrong`` what went wrong."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.asked: set[str] = set()
        self.wrong: list[str] = []
        page.on("request", self._on_request)
        page.on("websocket", self._on_websocket)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.wrong.append(f"uncaught: {error}"))

    def open(self, path: str = "/") -> None:
        """Go to a path of the dashboard and wait for the verdict."""
        for _ in range(_NETWORK_CHANGES):
            self.page.goto(f"{self.address}{path}", wait_until="networkidle")
            if not any(_NETWORK_CHANGED in one for one in self.wrong):
                break
            self.wrong.clear()
        self.wait_for_verdict()

    def wait_for_verdict(self) -> None:
        self.page.locator(".verdict .word").wait_for(timeout=READY_MS)

    def wait_for_charts(self) -> None:
        """Until the charts over time are drawn."""
        self.page.locator(_CHART).first.wait_for(timeout=READY_MS)

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return self.page.locator(".verdict .word").inner_text()

    @property
    def text(self) -> str:
        """All that can be read."""
        return self.page.locator("body").inner_text()

    @property
    def scripts_ran(self) -> bool:
        """Whether one of the hostile texts has run as a script."""
        return bool(self.page.evaluate(f"() => window.{FLAG} !== undefined"))

    @property
    def polluted(self) -> list[str]:
        """What has been put on the prototype of all of JavaScript's objects, as a name such as ``__proto__`` can."""
        found: list[str] = self.page.evaluate(
            "() => { const found = []; for (const k in {}) found.push(k); return found }"
        )
        return found

    def too_wide(self) -> list[str]:
        """By how much the page is wider than its window, and what of it; empty where it is not."""
        found: list[str] = self.page.evaluate(_TOO_WIDE)
        return found

    def violations(self) -> list[str]:
        """What axe-core finds, a line each with the elements concerned."""
        # of NiceGUI and Quasar, seen for a moment on a busy machine: a lost connection, and that something is loaded
        self.page.locator("#popup").wait_for(state="hidden", timeout=READY_MS)
        self.page.locator(".q-loading-bar[aria-hidden=true]").wait_for(state="attached", timeout=READY_MS)
        options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": _TAGS}}
        found: dict[str, Any] = Axe().run(self.page, options=options).response
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: "
            + "; ".join(f"{node['target']} {node['html'][:150]} {_why(node)}" for node in one["nodes"][:4])
            for one in found["violations"]
        ]

    def picture(self, name: str, *, whole: bool = True) -> None:
        """Keep a picture of the page, if pictures are wanted."""
        folder = os.environ.get(PICTURES)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(700)  # a chart's animation has no end that can be waited for
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file beside the pictures, if these are wanted."""
        folder = os.environ.get(PICTURES)
        if folder:
            (Path(folder) / name).write_bytes(content)

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob"):
            self.asked.add(urlsplit(request.url).hostname or request.url)

    def _on_websocket(self, socket: WebSocket) -> None:
        self.asked.add(urlsplit(socket.url).hostname or socket.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")


@contextlib.contextmanager
def watched_page(
    browser: Browser, address: str, *, size: tuple[int, int] = SCREEN, scheme: Scheme = "light"
) -> Iterator[WatchedPage]:
    """A page of a context of its own, not gone anywhere yet."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce"
    )
    try:
        yield WatchedPage(context.new_page(), address)
    finally:
        context.close()


def _why(node: dict[str, Any]) -> str:
    return " ".join(check["message"] for check in [*node["any"], *node["all"], *node["none"]][:2])


_TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  const found = [`${document.documentElement.scrollWidth} px in ${wide} px`];
  for (const one of document.body.querySelectorAll('*')) {
    const box = one.getBoundingClientRect();
    if (box.right > wide + 1 && box.width > 0 && found.length < 8) {
      found.push(`${one.tagName}.${one.className} to ${Math.round(box.right)}`);
    }
  }
  return found;
}"""
