"""One reader behind all pages: a page is made once for all who look, and anew when there is something new."""

import threading
from dataclasses import dataclass, field

import pytest

from contract.messages import ModelRef
from contract.testing import ManualClock
from dashboard.serving import live
from dashboard.serving.live import LiveSource, ReaderWatch
from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState
from dashboard.view.places import Places
from dashboard.view.selected import Selected


@dataclass
class ReaderAtRest:
    """A reader of topics on which nothing comes."""

    reach: Reach = field(default_factory=Reach)
    positions: Positions = field(default_factory=Positions)
    revision: int = 0


@pytest.fixture
def reader() -> ReaderAtRest:
    return ReaderAtRest()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_700_000_000_000)


@pytest.fixture
def source(reader: ReaderAtRest, clock: ManualClock) -> LiveSource:
    return LiveSource(StreamState(), threading.Lock(), reader, Places(), clock)


def test_a_page_is_made_once_for_all_who_look_at_the_same(source: LiveSource) -> None:
    assert source.page(Selected()) is source.page(Selected())
    assert source.page(Selected()) is not source.page(Selected(metric="brier"))


def test_it_is_made_anew_when_something_is_known(source: LiveSource, reader: ReaderAtRest) -> None:
    page, revision = source.page(Selected()), source.revision
    reader.revision += 1
    assert source.revision > revision
    assert source.page(Selected()).revision == source.revision > page.revision


def test_it_is_made_anew_each_minute_because_it_says_how_long_ago_things_were(
    source: LiveSource, clock: ManualClock
) -> None:
    page = source.page(Selected())
    clock.advance(30_000)
    assert source.page(Selected()) is page
    clock.advance(30_000)
    assert source.page(Selected()) is not page


def test_a_clock_that_is_set_back_makes_no_revision_smaller(source: LiveSource, clock: ManualClock) -> None:
    revision = source.revision
    clock.time -= 86_400_000
    assert source.revision == revision


def test_few_pages_are_kept(source: LiveSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_MOST_PAGES", 2)
    first = source.page(Selected(metric="f1"))
    source.page(Selected(metric="brier"))
    assert source.page(Selected(metric="f1")) is first
    source.page(Selected(metric="recall"))
    assert source.page(Selected(metric="f1")) is first
    source.page(Selected(metric="accuracy"))
    source.page(Selected(metric="precision"))
    assert source.page(Selected(metric="f1")) is not first


def test_no_report_is_made_of_a_window_that_nobody_knows(source: LiveSource) -> None:
    assert source.report_of(ModelRef("churn", 1), 0) is None


def test_a_reader_that_fails_is_noticed_and_one_that_is_stopped_is_not() -> None:
    def fail(_stop: threading.Event) -> None:
        raise ValueError("Age 37")

    ended, failed = ReaderWatch(threading.Event.is_set), ReaderWatch(fail)
    for watch in (ended, failed):
        watch.run(threading.Event())
    assert (ended.failed, failed.failed) == (False, True)
