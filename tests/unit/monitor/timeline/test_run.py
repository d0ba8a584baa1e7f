"""The end of a timeline: topics that vanish, and lines of the libraries."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from contract.errors import UserError
from contract.settings import load_settings
from monitor.timeline import run
from monitor.timeline.run import LibraryLines, TopicWatch, quieten_libraries

Answer = str | Exception
GONE = KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
AWAY = KafkaException(KafkaError(KafkaError._TIMED_OUT))


class FakeAdmin:
    """Describes every topic as ``answer`` says: its id, or what goes wrong."""

    answer: Answer = "one"

    def describe_topics(self, topics: object, **_options: object) -> dict[str, Future[SimpleNamespace]]:
        del topics
        future: Future[SimpleNamespace] = Future()
        if isinstance(self.answer, str):
            future.set_result(SimpleNamespace(topic_id=self.answer))
        else:
            future.set_exception(self.answer)
        return {"panes": future}


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    admin = FakeAdmin()
    monkeypatch.setattr(run, "admin_client", lambda _settings: admin)
    watch = TopicWatch(load_settings())

    def look(answer: Answer) -> None:
        admin.answer = answer
        watch.look()

    return look


def test_a_topic_that_was_made_anew_ends_the_monitor(looked: Callable[[Answer], None]) -> None:
    looked("one")
    looked("one")
    with pytest.raises(UserError, match=r"topic panes was deleted and made again .*; restart the monitor"):
        looked("two")


def test_a_topic_that_is_gone_for_two_looks_ends_the_monitor(looked: Callable[[Answer], None]) -> None:
    looked("one")
    looked(GONE)
    looked("one")
    looked(GONE)
    with pytest.raises(UserError, match="topic panes was deleted while the monitor was running; restart"):
        looked(GONE)


def test_a_broker_that_does_not_answer_is_no_news(looked: Callable[[Answer], None]) -> None:
    for answer in ("one", AWAY, AWAY, AWAY, TimeoutError(), "one"):
        looked(answer)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What a handler of the root logger writes once the libraries are quiet."""
    written: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(logging.Formatter().format(record))

    handler = Handler()
    others = [(other, list(other.filters)) for other in logging.getLogger().handlers]
    logging.getLogger().addHandler(handler)
    quieten_libraries()
    yield written
    logging.getLogger().removeHandler(handler)
    for other, filters in others:
        other.filters[:] = filters


def test_a_storm_of_the_libraries_is_one_line_and_ours_pass(lines: list[str]) -> None:
    for _ in range(1_000):
        logging.getLogger("aiokafka.cluster").error("Topic %s not found in cluster metadata", "t.windows")
    try:
        raise ValueError("boom")
    except ValueError:
        logging.getLogger("faust.agents").exception("[^Agent]: raised\nand more")
    logging.getLogger("mode.services").error("[^App]: Crashed reason=%r", ValueError("boom"))
    for number in range(3):
        logging.getLogger("churnstream.timeline").error("line %d", number)
    assert lines == [
        "Topic t.windows not found in cluster metadata",
        "[^Agent]: raised",
        "line 0",
        "line 1",
        "line 2",
    ]
    assert LibraryLines().filter(logging.makeLogRecord({"name": "root", "msg": "x"}))
