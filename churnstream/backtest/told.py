"""What is said before one's own table is run: what was chosen, and from what. Pure text."""

from collections.abc import Sequence

from churnstream.backtest.cut import Cut
from churnstream.backtest.labels import LabelTiming
from churnstream.backtest.windows import Windowing
from contract.durations import HOUR, format_duration
from producer.options import format_time


def about_cut(cut: Cut) -> str:
    """Where the table is cut in two, and what lies on both sides."""
    waiting = f" ({cut.unknown:,} more rows had no label by then)" if cut.unknown else ""
    return (
        f"cut at {format_time(cut.at)}: a champion learns from the {cut.known:,} rows before it whose label was known, "
        f"{cut.positives:,} of customers who left{waiting}; the {cut.replayed:,} rows from it on are replayed"
    )


def about_windows(windowing: Windowing, min_records: int) -> str:
    """How long windows are, how many there are, and whether they have enough records for a verdict."""
    each = (
        f"one for each of {windowing.snapshots} snapshots"
        if windowing.snapshots and windowing.window == windowing.slide
        else f"one every {format_duration(windowing.slide)}, about {windowing.windows:,} in all"
    )
    few = ""
    if windowing.records < min_records:
        few = f"; fewer than {min_records} are too few for a verdict: give a longer history, or --window"
    return f"windows of {format_duration(windowing.window)}, {each}, with about {windowing.records:,} rows each{few}"


def about_labels(timing: LabelTiming, column: str | None, delay: int) -> Sequence[str]:
    """How long labels are waited for. ``column`` dates them; without one they come ``delay`` ms after their row."""
    if column is None:
        when = f"{format_duration(delay)} after its row" if delay else "at its row's own time"
        return (
            f"no column says when labels were known, so each is taken to be known {when}; name such a column with "
            f"--label-time-column, or say --label-delay 30d",
        )
    median = "" if timing.median is None else f" (half of them come within {_coarse(timing.median)})"
    lines = [f"labels are waited for {format_duration(timing.lateness)}{median}"]
    if timing.beyond:
        lines.append(f"{timing.beyond:,} labels come later and are not counted; --label-lateness waits for longer")
    if timing.before:
        lines.append(
            f"{timing.before:,} labels are dated before their row and are not counted; does {column!r} say when labels "
            f"were known?"
        )
    return lines


def about_drifts(drifts: Sequence[str]) -> Sequence[str]:
    """Drift is injected on request alone."""
    return (f"drift is INJECTED, as asked for: {', '.join(drifts)}",) if drifts else ()


def _coarse(span: int) -> str:
    """In whole hours, or minutes where it is short."""
    unit = HOUR if span >= HOUR else 60_000
    return format_duration(max(-(-span // unit) * unit, 0))
