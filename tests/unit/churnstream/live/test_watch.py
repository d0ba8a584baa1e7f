"""When a stream that has ended is through."""

from churnstream.live.watch import Snapshot
from tests.support.messages import DAY, START
from tests.support.windows import final, window

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
