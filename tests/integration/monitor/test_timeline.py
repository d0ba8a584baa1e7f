"""The timeline on a real broker: what it publishes after restarts, losses, and topics that were made anew."""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic

from contract.errors import UserError
from contract.kafka.clients import admin_client, transactional_id, transactional_producer
from contract.kafka.provision import ensure_topics
from contract.kafka.topic_format import write_format
from contract.messages import encode
from contract.panes import PaneMessage
from contract.settings import Settings
from contract.topics import ALERTS, FORMAT, PANES, WINDOWS
from monitor.timeline.metrics import performance
from monitor.timeline.run import quieten_libraries
from monitor.timeline.sums import Sums
from tests.support.kafka.topics import delete_topics, remake_topics, send, stream_settings
from tests.support.messages import DAY, START
from tests.support.one_by_one import merge
from tests.support.polling import eventually
from tests.support.timeline.following import alerts_on, following, newest_windows, windows_on
from tests.support.timeline.panes import ScoredRecord, numeric_schema, pane_of, progress, publish, scored

NARROW = numeric_schema(2)
SIZE = 2


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(
        broker, topic_prefix, tmp_path / "state", partitions=1, window=SIZE * DAY, session_timeout_ms=6_000
    )


def assert_finals_are_one_group_by(settings: Settings, records: Iterable[ScoredRecord]) -> None:
    """The last window of each start against the records that fall into it."""
    by_day: dict[int, list[ScoredRecord]] = {}
    for record in records:
        by_day.setdefault(record.day, []).append(record)
    starts = {START + (day - before) * DAY for day in by_day for before in range(SIZE)}
    found = newest_windows(settings)
    assert {start for start, window in found.items() if window.status == "final"} == starts
    for start in starts:
        first = (start - START) // DAY
        summaries = [pane_of(by_day[day], NARROW).summary for day in range(first, first + SIZE) if day in by_day]
        assert found[start].records == sum(summary.records for summary in summaries)
        assert found[start].performance == performance(Sums.of(merge(summaries, 0)))


def assert_each_once(settings: Settings) -> None:
    seen = [(window.key, window.status, window.revision) for window in windows_on(settings)]
    assert len(seen) == len(set(seen))


def wait_for(settings: Settings, *, finals: int) -> None:
    eventually(
        lambda: sum(window.status == "final" for window in newest_windows(settings).values()) >= finals,
        timeout=60,
        message=f"{finals} final windows",
    )


def test_panes_of_real_size_survive_a_restart(settings: Settings) -> None:
    wide = numeric_schema(40)
    first, second = scored(0, 5_000), scored(1, 1_000)
    pane = pane_of(first, wide)
    assert len(encode(pane)) > 4_000_000
    publish(settings, [pane, progress(1)])
    with following(settings):
        eventually(lambda: newest_windows(settings), timeout=60)
    publish(settings, [pane_of(second, wide), progress(2, ended=True)])
    with following(settings):
        wait_for(settings, finals=3)
    assert_finals_are_one_group_by(settings, first + second)
    assert_each_once(settings)


def test_a_monitor_that_starts_again_emits_nothing_twice_and_makes_no_topic(settings: Settings) -> None:
    records = scored(0, 300) + scored(1, 200)
    publish(settings, [pane_of(records[:300], NARROW), pane_of(records[300:], NARROW), progress(3, ended=True)])
    with following(settings):
        wait_for(settings, finals=3)
    before = windows_on(settings)
    with following(settings) as again:
        more = scored(2, 100)
        publish(settings, [pane_of(more, NARROW), progress(5, ended=True)])
        wait_for(settings, finals=4)
        assert {window.start for window in again.sink.taken} == {START + DAY, START + 2 * DAY}
    assert windows_on(settings)[: len(before)] == before
    assert_finals_are_one_group_by(settings, records + more)
    assert_each_once(settings)
    ours = [name for name in admin_client(settings).list_topics().topics if name.startswith(settings.topic_prefix)]
    assert not [name for name in ours if "changelog" in name or "timeline" in name]


def test_what_was_read_but_not_emitted_before_the_end_is_emitted_at_the_start(settings: Settings) -> None:
    records = scored(0, 50)
    publish(settings, [pane_of(records, NARROW), progress(2, ended=True)])
    with following(settings):
        wait_for(settings, finals=2)
    assert_finals_are_one_group_by(settings, records)
    assert not alerts_on(settings)


def test_panes_that_were_lost_are_told_and_right_windows_stay(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    records = scored(0, 600) + scored(4, 100)
    publish(settings, [pane_of(records[:600], NARROW), pane_of(records[600:], NARROW), progress(5, ended=True)])
    with following(settings):
        wait_for(settings, finals=4)
    before = windows_on(settings)
    remake(settings, PANES)
    # a join that has lost its own state, too, knows only what comes now
    publish(settings, [pane_of(scored(0, 200, first=600), NARROW), progress(5, ended=True)])
    with following(settings):
        eventually(lambda: "has lost panes" in caplog.text, timeout=60)
        publish(settings, [pane_of(scored(9, 30), NARROW), progress(12, ended=True)])
        wait_for(settings, finals=6)
    after = windows_on(settings)
    assert after[: len(before)] == before
    assert {window.start for window in after[len(before) :]} == {START + 8 * DAY, START + 9 * DAY}
    (line,) = [line for line in caplog.messages if "has lost panes" in line]
    assert "from 2024-12-31T00:00:00Z to 2025-01-07T00:00:00Z" in line
    assert settings.topic(PANES) in line


def test_a_panes_topic_that_was_made_anew_and_filled_again_changes_nothing(settings: Settings) -> None:
    records = scored(0, 300)
    publish(settings, [pane_of(records, NARROW), progress(2, ended=True)])
    with following(settings):
        wait_for(settings, finals=2)
    remake(settings, PANES)
    with following(settings) as again:
        publish(settings, [pane_of(records, NARROW), progress(2, ended=True)])
        publish(settings, [pane_of(scored(1, 100), NARROW), progress(3, ended=True)])
        wait_for(settings, finals=3)
        assert [window.revision for window in again.sink.taken] == [1, 0]
    assert_finals_are_one_group_by(settings, records + scored(1, 100))


def test_topics_made_anew_give_the_windows_of_the_new_records(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    publish(settings, [pane_of(scored(0, 600), NARROW), progress(2, ended=True)])
    with following(settings):
        wait_for(settings, finals=2)
    remake_topics(settings)
    others = scored(0, 300, first=1_000)
    publish(settings, [pane_of(others, NARROW), progress(2, ended=True)])
    with following(settings) as again:
        wait_for(settings, finals=2)
        assert [window.revision for window in again.sink.taken] == [0, 0]
    assert_finals_are_one_group_by(settings, others)
    assert "earlier stream" not in caplog.text


def test_windows_of_an_earlier_stream_are_forgotten_but_for_their_revisions(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    publish(settings, [pane_of(scored(0, 600), NARROW), progress(2, ended=True)])
    with following(settings):
        wait_for(settings, finals=2)
    remake(settings, FORMAT, PANES)
    others = scored(0, 300, first=1_000)
    publish(settings, [pane_of(others, NARROW), progress(2, ended=True)])
    with following(settings) as again:
        eventually(lambda: len(again.sink.taken) == 2, timeout=60)
        assert [window.revision for window in again.sink.taken] == [1, 1]
    assert_finals_are_one_group_by(settings, others)
    (line,) = [line for line in caplog.messages if "earlier stream" in line]
    assert line.startswith("topics were made again: 2 windows")


def test_windows_that_were_deleted_come_again(settings: Settings) -> None:
    records = scored(0, 100)
    publish(settings, [pane_of(records, NARROW), progress(2, ended=True)])
    with following(settings):
        wait_for(settings, finals=2)
    remake(settings, WINDOWS)
    with following(settings):
        wait_for(settings, finals=2)
    assert_finals_are_one_group_by(settings, records)


def remake(settings: Settings, *topics: str) -> None:
    admin = admin_client(settings)
    delete_topics(admin, map(settings.topic, topics))
    if FORMAT in topics:
        # of a stream whose other topics hold messages, the format would be missed
        admin.create_topics([NewTopic(settings.topic(FORMAT), 1, 1)])[settings.topic(FORMAT)].result(10)
        eventually(lambda: settings.topic(FORMAT) in admin.list_topics(timeout=10).topics)
        write_format(settings, 10)
    ensure_topics(admin, settings)


def test_garbage_on_any_of_the_topics_stops_nothing(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    garbage = [(b"x", b"{}"), (b"x", b"\xff\x00"), (b"x", None), (b"y", b'{"type":"weather"}'), (b"", b"null")]
    for topic in (PANES, WINDOWS, ALERTS):
        send(settings, topic, garbage, headers=[("foreign", b"\xff"), ("foreign", None)])
    records = scored(0, 100)
    publish(settings, [pane_of(records, NARROW), progress(2, ended=True)])
    with following(settings):
        wait_for(settings, finals=2)
        send(settings, PANES, garbage)
        more = scored(3, 50)
        publish(settings, [pane_of(more, NARROW), progress(5, ended=True)])
        wait_for(settings, finals=4)
    assert_finals_are_one_group_by(settings, records + more)
    told = [line for line in caplog.messages if "not a message of churnstream, skipped" in line]
    assert len(told) == 4, "one for each topic at the start, and one while it follows panes"
    assert f"topic {settings.topic(PANES)}, partition 0, offset 0: not a message of churnstream" in caplog.text


def test_panes_of_aborted_and_open_transactions_are_not_read(settings: Settings) -> None:
    records = scored(0, 100)
    publish(settings, [pane_of(records, NARROW), progress(2, ended=True)])
    abort_panes(settings, [pane_of(records + scored(0, 50, first=100), NARROW)])
    with following(settings):
        wait_for(settings, finals=2)
        abort_panes(settings, [pane_of(records + scored(0, 70, first=100), NARROW), progress(9, ended=True)])
        more = scored(3, 50)
        publish(settings, [pane_of(more, NARROW), progress(5, ended=True)])
        wait_for(settings, finals=4)
    assert_finals_are_one_group_by(settings, records + more)
    assert all(window.revision == 0 for window in windows_on(settings))


def test_windows_deleted_under_a_running_monitor_end_it_with_one_line(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    publish(settings, [pane_of(scored(0, 100), NARROW), progress(2, ended=True)])
    with quiet_libraries(), following(settings, fails=True) as timeline:
        wait_for(settings, finals=2)
        delete_topics(admin_client(settings), [settings.topic(WINDOWS)])
        publish(settings, [pane_of(scored(3, 50), NARROW), progress(5, ended=True)])
        eventually(lambda: timeline.ended, timeout=90, message="the monitor has ended")
    (failure,) = timeline.failures
    assert isinstance(failure, UserError)
    assert str(failure).startswith(
        f"topic {settings.topic(WINDOWS)} was deleted while the monitor was running; restart"
    )
    written = [line for line in caplog.handler.stream.getvalue().splitlines() if "churnstream" not in line]
    assert len(written) < 60
    assert "Traceback" not in caplog.text


def abort_panes(settings: Settings, messages: Iterable[PaneMessage]) -> None:
    producer = transactional_producer(settings, transactional_id(settings, "aborted"))
    producer.init_transactions(30)
    producer.begin_transaction()
    for message in messages:
        producer.produce(settings.topic(PANES), key=message.key, value=encode(message), partition=0)
    producer.flush(30)
    producer.abort_transaction(30)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """The log as the command ``monitor`` writes it."""
    before = [(handler, list(handler.filters)) for handler in logging.getLogger().handlers]
    quieten_libraries()
    try:
        yield
    finally:
        for handler, filters in before:
            handler.filters[:] = filters
