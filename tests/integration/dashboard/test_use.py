"""What readers do with the page: by mouse, by keys alone, by ear, on paper; and what is pushed to it meanwhile."""

import re
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from contract.messages import ModelRef
from contract.windows import Window
from tests.integration.dashboard.conftest import Shown, ShownStream
from tests.support.dashboard.sent import message
from tests.support.dashboard.watched import PHONE, watched_page
from tests.support.messages import DAY

A_SECOND = 1.0
"""How soon a window that is on the topic is on the page that is open."""
OPEN = "Open the newest window"
PANEL = ".panel"


@pytest.fixture(scope="module")
def stream(shown: Shown) -> ShownStream:
    return shown("drifted")


def test_keys_alone_open_a_window_and_close_it(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address) as page:
        page.open()
        page.wait_for_charts()
        tab_to(page.page, lambda: focused(page.page, "type") == "range")
        page.page.keyboard.press("End")
        page.page.keyboard.press("ArrowLeft")
        page.page.keyboard.press("Enter")
        panel = page.page.locator(PANEL)
        panel.wait_for()
        assert "29 Jan" in panel.get_by_role("heading", level=2).inner_text()
        page.page.keyboard.press("Escape")
        panel.wait_for(state="detached")


def test_a_screen_reader_gets_verdict_reason_and_remedy(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address) as page:
        page.open()
        page.wait_for_charts()
        tree = page.page.locator("body").aria_snapshot()
        for told in ("CUSTOMERS CHANGED", "19 Jan 2025", "IsActiveMember", "What to do", "Age: median 37 → 44"):
            assert told in tree, told
        assert re.search(r"heading .*CUSTOMERS CHANGED.* \[level=1\]", tree)
        # what the colours of the charts say is in tables, too
        page.page.get_by_text("Drift distance of each column by window").click()
        table = page.page.get_by_role("table").filter(has_text="Age")
        table.wait_for()
        assert "drifted" in table.inner_text()


def test_an_address_shows_a_colleague_the_same(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address) as page:
        page.open()
        page.page.get_by_role("link", name="Brier score").click()
        page.page.get_by_role("link", name=OPEN).first.click()
        panel = page.page.locator(PANEL)
        panel.wait_for()
        page.page.wait_for_function("() => location.search.includes('window=') && location.search.includes('brier')")
        query = urlsplit(page.page.url).query
        read = panel.inner_text()
        page.picture("drifted-window", whole=False)
        assert page.violations() == []
        page.page.emulate_media(color_scheme="dark")
        assert page.violations() == []
        with watched_page(browser, stream.process.address) as other:
            other.open(f"/?{query}")
            assert other.page.locator(PANEL).inner_text() == read
            assert other.page.locator("nav [aria-current=true]").inner_text() == "Brier score"


def test_a_column_has_a_history(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address) as page:
        page.open()
        page.page.get_by_role("link", name=re.compile("Age: median")).click()
        panel = page.page.locator(PANEL)
        panel.wait_for()
        panel.locator("canvas").wait_for()
        assert panel.get_by_role("heading", level=2).inner_text() == "Age"
        assert parse_qs(urlsplit(page.page.url).query)["feature"] == ["Age"]
        page.picture("drifted-feature", whole=False)
        assert page.violations() == []


def test_a_frame_shows_the_page_without_what_is_around_it(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address) as page:
        page.open("/?embed=1")
        assert page.word == "CUSTOMERS CHANGED"
        assert page.page.get_by_role("combobox").count() == 0
        assert page.violations() == []


def test_an_open_window_fits_a_phone(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address, size=PHONE) as page:
        page.open()
        page.page.get_by_role("link", name=OPEN).first.click()
        page.page.locator(PANEL).wait_for()
        page.picture("drifted-window-phone", whole=False)
        assert page.too_wide() == []
        assert page.violations() == []


def test_the_overview_is_one_page_of_paper(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address) as page:
        page.open()
        page.wait_for_charts()
        paper = page.page.pdf(format="A4", print_background=True)
        page.keep("drifted.pdf", paper)
        assert pages_of(paper) == 1


def test_a_window_that_closes_is_on_an_open_page_within_a_second(stream: ShownStream, browser: Browser) -> None:
    with watched_page(browser, stream.process.address) as page:
        page.open()
        page.wait_for_charts()
        page.page.evaluate("() => { window.stays = true }")
        newest = newest_window(stream)
        took = []
        for number in range(1, 4):
            later = msgspec.structs.replace(
                newest,
                start=newest.start + number * DAY,
                end=newest.end + number * DAY,
                dead_letters={"not-json": 1_230 + number},
            )
            begin = time.monotonic()
            stream.writer.write([message(later)])
            page.page.locator(".tile-now", has_text=f"1,23{number}").wait_for(timeout=10_000)
            took.append(time.monotonic() - begin)
        assert page.page.evaluate("() => window.stays"), "the page was loaded anew"
        # a busy machine may be late once
        assert min(took) < A_SECOND, took
        assert page.wrong == []


def tab_to(page: Page, there: Callable[[], bool]) -> None:
    """Press Tab until the focus is where it is wanted."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if there():
            return
    raise AssertionError("Tab never came there")


def focused(page: Page, attribute: str) -> str:
    """An attribute of the element that has the focus."""
    found: str = page.evaluate(f"() => document.activeElement.getAttribute('{attribute}') ?? ''")
    return found


def newest_window(stream: ShownStream) -> Window:
    """The last of those that the stream began with."""
    found = [
        msgspec.json.decode(one.value or b"", type=Window)
        for one in stream.messages
        if one.topic == "windows" and one.value
    ]
    return max((one for one in found if one.model == ModelRef("churn", 3)), key=lambda one: (one.end, one.revision))


def pages_of(paper: bytes) -> int:
    """The number of pages of a PDF as Chromium writes it."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", paper))
