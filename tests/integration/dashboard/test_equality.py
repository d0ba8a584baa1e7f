"""What the page says is what the topics say: every number, by its JSON and by what a browser shows."""

import json
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from contract.messages import ModelRef
from contract.settings import Settings
from contract.windows import Window
from tests.integration.dashboard.conftest import Shown
from tests.support.dashboard import oracle
from tests.support.dashboard.process import shown_page
from tests.support.dashboard.watched import WatchedPage, watched_page
from tests.support.kafka.topics import stream_settings
from tests.support.messages import DAY, START
from tests.support.polling import eventually
from tests.support.timeline.following import alerts_on, following, newest_windows, verdicts_on
from tests.support.timeline.panes import progress, publish
from tests.support.timeline.relation_days import labelled_day, verdicts

WRONG = 4


@pytest.fixture
def settings(broker: str, tmp_path: Path) -> Settings:
    return stream_settings(
        broker,
        f"equal-{uuid.uuid4().hex[:8]}-",
        tmp_path / "state",
        partitions=1,
        window=DAY,
        session_timeout_ms=6_000,
        false_alerts_per_month=0.01,
    )


@pytest.mark.parametrize("state", ["drifted", "retracted"])
def test_every_number_of_a_month_is_the_topics(shown: Shown, browser: Browser, state: str) -> None:
    """Windows of all kinds, each revised; in ``retracted`` two of them back and forth, with incidents taken back."""
    stream = shown(state)
    with watched_page(browser, stream.process.address) as page:
        equal(page, stream.settings, ModelRef("churn", 3))


@pytest.mark.timeout(300)
def test_a_live_monitor_is_followed_through_late_corrections_and_a_retraction(
    settings: Settings, browser: Browser, tmp_path: Path
) -> None:
    model, wrong = ModelRef("churn", 3), START + WRONG * DAY
    with shown_page(settings, tmp_path) as process, watched_page(browser, process.address) as page:
        page.open()
        with following(settings, complete=verdicts(settings)):
            for day in range(WRONG + 1):
                publish(settings, [labelled_day(day, flip=day == WRONG), progress(day + 1)])
            worse = "WORSE since 5 Jan 2025"
            eventually(lambda: [one.title for one in verdicts_on(settings)][-1:] == [worse], timeout=60)
            eventually(lambda: newest_windows(settings)[wrong].untrusted_since == wrong, timeout=60)
            eventually(lambda: page.word == "WORSE", timeout=30)
            equal(page, settings, model)
            publish(settings, [labelled_day(WRONG), progress(WRONG + 1)])
            eventually(lambda: len([one for one in alerts_on(settings) if one.state == "retracted"]) == 2, timeout=60)
            eventually(lambda: verdicts_on(settings)[-1].title == "HEALTHY since 1 Jan 2025", timeout=60)
            eventually(lambda: newest_windows(settings)[wrong].untrusted_since is None, timeout=60)
        eventually(lambda: page.word == "HEALTHY", timeout=30)
        equal(page, settings, model)
        assert "taken back" in page.text.lower()


def equal(page: WatchedPage, settings: Settings, model: ModelRef) -> None:
    """The whole page, and each window opened, beside the topics."""
    told = oracle.read_topics(settings)
    windows = told.of(model)
    assert len(windows) >= WRONG
    caught_up = "the page has caught up"
    eventually(lambda: not list(oracle.of_axis(fetched(page), windows)), timeout=20, message=caught_up)
    assert list(oracle.of_all(lambda query: fetched(page, query), told, model)) == []
    page.open("/?metric=f1")
    page.wait_for_charts()
    assert list(shown_wrongly(page, windows)) == []


def shown_wrongly(page: WatchedPage, windows: list[Window]) -> Iterator[str]:
    """What a browser shows: tiles, the tables under the charts, and the panels of the first window and the last two."""
    names = page.page.locator(".tile:not(.wide) .tile-name span:first-child").all_inner_texts()
    numbers = page.page.locator(".tile:not(.wide) .tile-now").all_inner_texts()
    yield from oracle.of_tiles(dict(zip(names, numbers, strict=False)), windows, "f1")
    for window in (windows[0], *windows[-2:]):
        page.open(f"/?window={oracle.address_of(window)}")
        panel = page.page.locator(".panel")
        panel.wait_for()
        found = fetched(page, f"window={oracle.address_of(window)}")["window"]
        read = panel.inner_text()
        rows = {
            cells[0]: cells[1:]
            for cells in (
                row.locator("th, td").all_inner_texts() for row in panel.locator("section table tbody tr").all()
            )
            if cells
        }
        for number in found["numbers"]:
            texts = [number[name] for name in ("realised", "nowcast", "estimated", "training")]
            if [plain(text) for text in rows[number["title"]]] != [plain(text) for text in texts]:
                yield f"{window.start}: {number['title']} is shown as {rows[number['title']]} instead of {texts}"
        for fact in found["facts"]:
            if plain(fact["value"]) not in plain(read):
                yield f"{window.start}: {fact['label']} {fact['value']} is not shown"
        confusion = window.performance
        for count in (confusion.tn, confusion.fp, confusion.fn, confusion.tp) if window.labelled else ():
            if f"{count:,}" not in read:
                yield f"{window.start}: {count} of the confusion matrix is not shown"


def plain(text: str) -> str:
    """Without what a line break may change."""
    return "".join(text.split())


def fetched(page: WatchedPage, query: str = "") -> dict[str, Any]:
    """``/page.json`` of what the address names."""
    with urllib.request.urlopen(f"{page.address}/page.json?{query}", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
