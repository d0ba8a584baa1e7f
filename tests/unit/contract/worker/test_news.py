"""What a worker says of its work: when it is ready, what it has done, and nothing where nothing happens."""

import logging
from collections import Counter

import pytest

from contract.settings import load_settings
from contract.worker.logs import NEWS, configure_logging
from contract.worker.news import WorkerNews, stream_place, with_partitions


class ToldNews:
    """A worker's counts, the clock that it goes by, and the lines that it has said."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.now = 1_000.0
        self.counts = Counter(scored=0, refused=0)
        self._caplog = caplog
        self.news = WorkerNews(lambda: dict(self.counts), lambda: self.now)

    def lines(self) -> list[str]:
        found = [record.getMessage() for record in self._caplog.records]
        self._caplog.clear()
        return found


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> ToldNews:
    caplog.set_level(logging.INFO, NEWS)
    return ToldNews(caplog)


def test_it_is_ready_once_and_says_what_has_changed(told: ToldNews) -> None:
    told.news.tell(None)
    assert told.lines() == []
    for _ in range(3):
        told.news.tell("scores with v1")
        told.now += 11
    assert told.lines() == ["ready: scores with v1"]
    told.news.tell("scores with v2")
    told.now += 1
    # a model that goes to and fro makes no flood
    told.news.tell("scores with v1")
    assert told.lines() == ["now: scores with v2"]


def test_it_says_that_it_is_back_after_a_while_in_which_it_was_not_ready(told: ToldNews) -> None:
    told.news.tell("scores")
    for seconds in (5, 47):
        told.lines()
        for _ in range(seconds):
            told.news.tell(None)
            told.now += 1
        told.news.tell("scores")
    assert told.lines() == ["back after 47 s: scores"]


def test_what_has_happened_is_told_soon_and_then_once_a_minute(told: ToldNews) -> None:
    told.news.tell("scores")
    told.lines()
    for second in range(200):
        if 10 <= second < 100:
            told.counts["scored"] += 100
        told.now += 1
        told.news.tell("scores", 7)
    assert told.lines() == [
        "in the last 5 s: 600 scored; 7 waiting",
        "in the last 59 s: 6,000 scored; 7 waiting",
        "in the last 59 s: 2,400 scored; 7 waiting",
    ]


def test_the_rest_is_told_at_the_end(told: ToldNews) -> None:
    told.news.tell("scores")
    told.lines()
    told.counts["refused"] += 1
    told.news.close(0)
    told.news.close(0)
    assert told.lines() == ["in the last 1 s: 1 refused; 0 waiting"]


def test_partitions_are_named() -> None:
    assert with_partitions("scores", None) is None
    assert with_partitions("scores", [2]) == "scores (partition 2)"
    assert with_partitions("scores", [0, 2]) == "scores (partitions 0, 2)"
    assert with_partitions("scores", []) == "standing by, because other workers have all partitions"


@pytest.mark.parametrize(
    ("flags", "command"),
    [
        ({}, "churnstream dashboard"),
        ({"stream": "cards"}, "churnstream dashboard --stream cards"),
        ({"topic_prefix": "a-"}, "churnstream dashboard --topic-prefix a-"),
    ],
)
def test_where_to_look_is_told(flags: dict[str, str], command: str) -> None:
    place = stream_place(load_settings(kafka={"bootstrap.servers": "k:1"}, **flags))
    assert place == f"Kafka k:1; see it with `{command}`"


def test_news_are_shown_without_verbose_and_others_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "basicConfig", lambda **_given: None)
    configure_logging(verbose=False)
    assert logging.getLogger(NEWS).isEnabledFor(logging.INFO)
    assert not logging.getLogger("churnstream.join").isEnabledFor(logging.INFO)
