"""The timeline on a real broker while it works: who may write, whose windows wait, and what is deleted for good."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from contract.errors import UserError
from contract.kafka.stream_identity import stream_identity
from contract.messages import ModelRef, encode
from contract.panes import Fold, Pane, PaneMessage, PaneSample, TimelineProgress
from contract.settings import Settings
from contract.topics import ALERTS, PANES, WINDOWS
from contract.windows import Drift, Window
from monitor.timeline.fenced_writer import FencedWriter, TopicMessage
from monitor.timeline.metrics import performance
from monitor.timeline.own_messages import PaneMessages
from monitor.timeline.samples import Sample
from monitor.timeline.state import read_state
from monitor.timeline.sums import Sums
from tests.support.kafka.topics import allow_messages_of, committed, send, shortest_session_timeout, stream_settings
from tests.support.messages import DAY, START
from tests.support.one_by_one import merge
from tests.support.polling import eventually
from tests.support.timeline.following import (
    KnownReferences,
    RecordingSink,
    book_of,
    following,
    newest_windows,
    points_on,
    unjudged,
    windows_on,
)
from tests.support.timeline.panes import MODEL, apart, numeric_schema, pane_of, progress, publish, scored

NARROW = numeric_schema(2)
OTHER = ModelRef("churn", 4)


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(
        broker,
        topic_prefix,
        tmp_path / "state",
        partitions=1,
        window=2 * DAY,
        label_lateness=3 * DAY,
        session_timeout_ms=shortest_session_timeout(broker),
    )


def alive(settings: Settings) -> dict[str, PaneMessage]:
    """What a compacted ``panes`` would hold."""
    messages, found = PaneMessages(settings.topic(PANES)), {}
    for message in committed(settings, PANES):
        key = (message.key() or b"").decode()
        read = messages.read(message.value(), message.offset() or 0)
        found.pop(key, None)
        if read is not None:
            found[key] = read
    return found


def assert_no_window_goes_back(settings: Settings) -> None:
    revisions: dict[str, int] = {}
    for window in windows_on(settings):
        assert window.revision > revisions.get(window.key, -1), window.key
        revisions[window.key] = window.revision


def days(first: int, last: int) -> Iterator[PaneMessage]:
    """Days of 20 labelled records each, as a join publishes them."""
    for day in range(first, last):
        yield from apart(pane_of(scored(day, 20), NARROW))
        yield progress(day + 1)


def test_a_monitor_that_stood_still_while_another_took_over_writes_nothing_older(settings: Settings) -> None:
    """T10: a stand-by has written further revisions when the first one's transaction goes on."""
    begun, goes_on = threading.Event(), threading.Event()

    def stand_still(step: str) -> None:
        if step == "before-commit" and not begun.is_set():
            begun.set()
            assert goes_on.wait(60)

    publish(settings, [*days(0, 1), progress(1, ended=True)])
    with following(settings, checkpoint=stand_still) as timeline:
        assert begun.wait(60)
        other = FencedWriter(settings, stream_identity(settings), time.sleep)
        other.take_over()
        state = read_state(settings, stream_identity(settings), lambda: book_of(settings, unjudged))
        newer = [msgspec.structs.replace(one.window, revision=4, delay_p50_hours=1.0) for one in state.book.due()]
        assert len(newer) == 2
        other.publish([TopicMessage(settings.topic(WINDOWS), window.key, encode(window)) for window in newer])
        goes_on.set()
        publish(settings, [*apart(pane_of(scored(0, 21), NARROW)), progress(1, ended=True)])
        eventually(lambda: len(windows_on(settings)) >= 4, timeout=60)
        other.close()
    assert_no_window_goes_back(settings)
    assert {window.revision for window in newest_windows(settings).values()} == {5}
    assert {window.revision for window in timeline.sink.taken} == {5}


def test_windows_of_a_model_whose_reference_cannot_be_had_wait_alone(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """T6: neither at the start nor later does one model hold up another."""
    references = KnownReferences(away={OTHER})
    publish(settings, [pane_of(scored(0, 20), NARROW, model=OTHER), *days(0, 2)])
    with following(settings, references=references) as timeline:
        eventually(lambda: len(newest_windows(settings)) >= 2, timeout=60)
        publish(settings, [pane_of(scored(2, 20), NARROW, model=OTHER), *days(2, 4)])
        eventually(lambda: len(newest_windows(settings)) >= 4, timeout=60)
        assert {window.model for window in timeline.sink.taken} == {MODEL}
        references.away.clear()
        eventually(lambda: OTHER in {window.model for window in timeline.sink.taken}, timeout=60)
    waiting = [line for line in caplog.messages if line.startswith("no reference of churn v4 yet (MLflow is away)")]
    assert len(waiting) == 1


def test_a_verdict_that_takes_seconds_stops_neither_the_heartbeat_nor_the_session(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """T11: it is reached beside the event loop."""
    caplog.set_level("INFO", "churnstream.timeline")
    beat = tmp_path / "beat"
    judging = threading.Event()
    seconds = settings.session_timeout_ms / 1_000 + 2

    def judge(_model: ModelRef, _sample: Sample, _previous: Sequence[Drift | None]) -> Drift:
        judging.set()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass  # holds the interpreter, as arithmetic on small arrays does
        return Drift(judged=False, drifted=False, share=0.0)

    with following(settings, judge, heartbeat=beat):
        eventually(beat.exists, timeout=60)
        publish(settings, [*days(0, 1)])
        assert judging.wait(60)
        beats = set()
        while not windows_on(settings):
            beats.add(beat.stat().st_mtime_ns)
            judging.wait(0.1)
    assert len(beats) >= seconds / 2
    assert sum("took up" in line for line in caplog.messages) == 1


def test_a_stream_that_outlives_its_lateness_is_folded_and_taken_up_again(settings: Settings) -> None:
    """P4: panes that nothing can change any more are deleted, and metrics over all of the stream go on exactly."""
    with following(settings):
        publish(settings, days(0, 20))
        eventually(lambda: any(isinstance(one, Fold) for one in alive(settings).values()), timeout=60)
        eventually(lambda: len(newest_windows(settings)) >= 20, timeout=60)
    before = windows_on(settings)
    kept = alive(settings)
    (fold,) = [one for one in kept.values() if isinstance(one, Fold)]
    panes = [one for one in kept.values() if isinstance(one, Pane)]
    assert fold.until >= START + 8 * DAY
    assert min(pane.start for pane in panes) == fold.until
    assert sum(pane.summary.records for pane in panes) + fold.summary.records == 20 * 20
    assert not [one for one in kept.values() if isinstance(one, PaneSample) and one.start < fold.until]
    (begin,) = [one.windows_from for one in kept.values() if isinstance(one, TimelineProgress)]
    assert begin > 0
    with following(settings) as again:
        publish(settings, [*days(20, 24), progress(24, ended=True)])
        eventually(lambda: points_on(settings)[-1].end == START + 25 * DAY, timeout=60)
        assert {window.start for window in again.sink.taken} <= {START + day * DAY for day in range(18, 24)}
    assert windows_on(settings)[: len(before)] == before
    assert_no_window_goes_back(settings)
    ends = [point.end for point in points_on(settings)]
    assert ends == sorted(set(ends))
    total = merge([pane_of(scored(day, 20), NARROW).summary for day in range(24)], 0)
    assert points_on(settings)[-1].performance == performance(Sums.of(total), None)


def test_what_a_later_release_adds_is_passed_over(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """A reader meets fields and kinds of messages of the next version on each of its topics."""
    kinds = [(b"weather/0", b'{"type":"weather"}'), (b"churn/3/champion/segments", b'{"segments":[]}')]
    alert = b'{"key":"f1/churn/3/champion/0","kind":"rain"}'

    def add_later() -> None:
        send(settings, PANES, kinds[:1])
        send(settings, WINDOWS, kinds[1:])
        send(settings, ALERTS, [(b"f1/churn/3/champion/0", alert)])

    add_later()
    with_more = [(message.key.encode(), encode(message)[:-1] + b',"later":{"a":[1]}}') for message in days(0, 2)]
    send(settings, PANES, with_more)
    with following(settings):
        eventually(lambda: len(newest_windows(settings)) >= 2, timeout=60)
        add_later()
        publish(settings, days(2, 4))
        eventually(lambda: len(newest_windows(settings)) >= 4, timeout=60)
    with following(settings):
        publish(settings, [*days(4, 5), progress(5, ended=True)])
        eventually(lambda: len(newest_windows(settings)) >= 6, timeout=60)
    assert_no_window_goes_back(settings)
    assert "not a message of churnstream" not in caplog.text
    assert caplog.text.count("messages of the kind 'weather', which this release does not know") == 3


def test_a_topic_that_refuses_windows_ends_the_monitor_with_one_sentence(settings: Settings) -> None:
    allow_messages_of(settings, WINDOWS, 100)
    publish(settings, days(0, 1))
    with following(settings, fails=True) as timeline:
        eventually(lambda: timeline.ended, timeout=60)
    (failure,) = timeline.failures
    assert isinstance(failure, UserError)
    assert str(failure).startswith(f"topic {settings.topic(WINDOWS)} cannot be written (")
    assert "max.message.bytes" in str(failure)


def test_what_is_handed_on_is_on_the_topic_already_at_the_offset_that_it_is_handed_on_with(
    settings: Settings,
) -> None:
    sink = RecordingSink()
    with following(settings, sink=sink):
        publish(settings, [*days(0, 5), progress(5, ended=True)])
        eventually(lambda: len(points_on(settings)) >= 6, timeout=60)
    found = {message.offset(): message for message in committed(settings, WINDOWS)}
    handed_on: list[bytes] = [encode(one) for one in (*sink.taken, *sink.points)]
    assert sorted(found[offset].value() or b"" for offset in sink.offsets) == sorted(handed_on)
    assert sink.offsets == sorted(sink.offsets)
    assert sink.taken_up == [0]
    assert all(isinstance(one, Window) for one in sink.taken)
