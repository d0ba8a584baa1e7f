"""A broker that is away and comes back, seen on a page that stays open."""

import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from churnstream.local_kafka.broker import LocalKafka
from tests.support.dashboard.process import shown_page
from tests.support.dashboard.sent import StreamWriter
from tests.support.dashboard.states import STATES
from tests.support.dashboard.watched import watched_page
from tests.support.kafka.topics import stream_settings
from tests.support.polling import eventually


@pytest.mark.timeout(300)
def test_a_page_says_that_the_broker_is_away_keeps_its_numbers_and_comes_back(
    own_broker: LocalKafka, browser: Browser, tmp_path: Path
) -> None:
    settings = stream_settings(own_broker.bootstrap_servers, f"{uuid.uuid4().hex[:8]}-", tmp_path / "state")
    StreamWriter(settings).write(STATES["healthy"]())
    with shown_page(settings, tmp_path) as process, watched_page(browser, process.address) as page:
        page.open()
        page.wait_for_charts()
        tiles = page.page.locator(".tiles").inner_text()
        assert "0.5" in tiles
        page.page.evaluate("() => { window.stays = true }")
        own_broker.kill()
        banner = page.page.get_by_role("alert").filter(has_text="roker")
        banner.wait_for(timeout=60_000)
        assert page.page.locator(".tiles").inner_text() == tiles
        page.picture("away")
        assert page.violations() == []
        # a page that is opened now knows what the process knew
        with watched_page(browser, process.address) as other:
            other.open()
            assert other.page.locator(".tiles").inner_text() == tiles
            assert other.page.get_by_role("alert").filter(has_text="roker").count() == 1
        own_broker.start()
        banner.wait_for(state="detached", timeout=90_000)
        StreamWriter(settings).write(STATES["worse"]())
        eventually(lambda: page.word == "WORSE", timeout=30, message="what is new after the outage")
        assert page.page.evaluate("() => window.stays"), "the page was loaded anew"
        assert page.asked == {"127.0.0.1"}
        assert page.wrong == []


@pytest.mark.timeout(180)
def test_a_page_that_never_reached_a_broker_says_so(browser: Browser, own_broker: LocalKafka, tmp_path: Path) -> None:
    settings = stream_settings(own_broker.bootstrap_servers, f"{uuid.uuid4().hex[:8]}-", tmp_path / "state")
    own_broker.kill()
    with shown_page(settings, tmp_path) as process, watched_page(browser, process.address) as page:
        page.open()
        page.page.get_by_text("roker").first.wait_for(timeout=60_000)
        page.picture("unreachable")
        assert page.violations() == []
        assert page.wrong == []
