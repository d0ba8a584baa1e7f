"""When a stream that has ended is through, and what is shown of it."""

from churnstream.live.view import remarks
from churnstream.live.watch import MOST_WINDOWS, Snapshot, SnapshotReader
from contract.messages import ModelRef, Role, encode
from contract.panes import Fold, JoinProgress, Pane, PaneMessage, PaneSample, Summary, TimelineProgress
from contract.topics import ALERTS, PANES, WINDOWS
from contract.windows import Cumulative, Window
from tests.support.messages import DAY, START
from tests.support.windows import final, performance, window

WEEK_START = START - START % (7 * DAY)


def ended(*days: int) -> Snapshot:
    """A stream that has ended, of 2,000 records in one pane, with final 7-day windows from these days on."""
    first = (WEEK_START - START) // DAY
    windows = {found.key: found for found in (final(first + day) for day in days)}
    return Snapshot(
        records=2_000, scored=2_000, ended=True, newest=WEEK_START + 2 * DAY, panes={b"pane": 2_000}, windows=windows
    )


def test_a_stream_is_complete_with_its_last_window() -> None:
    assert ended(0, 1, 2).complete


def test_windows_that_overlap_the_measured_ones_are_waited_for() -> None:
    stream = ended(0, 1)
    assert stream.measured == stream.distinct
    assert not stream.complete


def test_a_provisional_last_window_is_waited_for() -> None:
    stream = ended(0, 1)
    last = window((WEEK_START - START) // DAY + 2)
    stream.windows[last.key] = last
    assert not stream.complete


def test_a_provisional_window_before_the_last_is_waited_for() -> None:
    stream = ended(0, 1, 2)
    between = window((WEEK_START - START) // DAY + 1)
    stream.windows[between.key] = between
    assert not stream.complete


MODEL = ModelRef("churn", 3)


def pane(start: int, records: int, role: Role = "champion") -> Pane:
    model = ModelRef("churn", 3, role)
    return Pane(partition=0, start=start, slide=10, model=model, threshold=0.5, summary=Summary(records=records))


def read(
    *messages: PaneMessage | Window | Cumulative | tuple[str, bytes, bytes | None], most: int = MOST_WINDOWS
) -> Snapshot:
    snapshot = Snapshot()
    reader = SnapshotReader(snapshot, most)
    for message in messages:
        if isinstance(message, tuple):
            reader.take(*message)
        else:
            topic = WINDOWS if isinstance(message, Window | Cumulative) else PANES
            reader.take(topic, message.key.encode(), encode(message))
    return snapshot


def test_a_folded_pane_still_counts_and_is_counted_once() -> None:
    panes = [pane(0, 5), pane(10, 7), pane(10, 6)]
    fold = Fold(model=MODEL, until=10, summary=Summary(records=5))
    snapshot = read(*panes, pane(20, 9, "challenger"), fold, (PANES, panes[0].key.encode(), None))
    assert (snapshot.distinct, snapshot.newest) == (5 + 6, 10)


def test_what_is_new_on_the_topics_or_none_of_ours_is_passed_over() -> None:
    sample = PaneSample(
        partition=0, start=0, slide=10, model=MODEL, records=5, hashes=[1], probabilities=[0.5], columns=[[1.0]]
    )
    cumulative = Cumulative(model=MODEL, end=10, revision=0, performance=performance())
    garbage = [(topic, b"k", value) for topic in (PANES, WINDOWS, ALERTS) for value in (None, b"", b"{", b"\xff", b"7")]
    snapshot = read(
        sample, TimelineProgress(windows_from=7), cumulative, *garbage, (PANES, b"k", b'{"type":"later"}'), pane(0, 5)
    )
    assert (snapshot.distinct, snapshot.windows, snapshot.alerts) == (5, {}, {})


def test_the_newest_revision_of_a_window_is_shown() -> None:
    snapshot = read(window(0, labelled=10), window(0, labelled=20, revision=1), final(0, revision=2))
    assert [found.revision for found in snapshot.ordered()] == [2]


def test_records_dated_far_ahead_and_silence_are_told_of_all_partitions() -> None:
    def progress(partition: int, ahead: int, inferred: int) -> JoinProgress:
        return JoinProgress(
            partition=partition, watermark=1, label_watermark=1, ended=False, ahead=ahead, inferred=inferred
        )

    snapshot = read(progress(0, 1, 2), progress(1, 4, 0), progress(0, 3, 1_000))
    assert remarks(snapshot) == [
        "7 records are dated far ahead of their partition; check the sender's clock",
        "1,000 records had no label within the horizon and count as 0",
    ]
    assert remarks(Snapshot()) == []
    # monthly rows leap ahead by themselves
    assert remarks(snapshot, own_dates=True) == [
        "1,000 records had no label within the horizon and count as 0",
    ]


def test_a_stream_that_never_ends_takes_no_more_memory_and_counts_on() -> None:
    days = range(0, 7 * 150, 7)
    first = (WEEK_START - START) // DAY
    snapshot = read(*(final(first + day) for day in days), most=50)
    assert len(snapshot.windows) <= 50
    assert snapshot.measured == 2_000 * len(days)
    # the newest are there, and one that was let go of is not counted again
    assert snapshot.ordered()[-1].start == WEEK_START + days[-1] * DAY
    again = read(*(final(first + day) for day in (*days, days[0])), most=50)
    assert again.measured == snapshot.measured
