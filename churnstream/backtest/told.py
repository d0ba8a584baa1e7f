"""What is said before one's own table is run: what was chosen, and from what. Pure text."""

from collections.abc import Sequence

from churnstream.backtest.cut import Cut
from churnstream.backtest.labels import LabelTiming
from churnstream.backtest.windows import Windowing
from contract.durations import HOUR, format_duration
from producer.options import format_time


def about_cut(cut: Cut) -> str:
    """Where the table is cut in two, and what lies on both sides."""
    waiting = f" ({cut.unknown:,} more rows had no label yet)" if cut.unknown else ""
    return (
        f"cut at {format_time(cut.at)}: a champion learns from the {cut.known:,} earlier rows whose label was known by "
        f"then, {cut.positives:,} of them of customers who left{waiting}; the {cut.replayed:,} rows after the cut are "
        f"replayed"
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
        few = f"; a verdict needs at least {min_records}: give a longer history or a longer --window"
    return f"windows of {format_duration(windowing.window)}, {each}, with about {windowing.records:,} rows each{few}"


def about_labels(timing: LabelTiming, column: str | None, delay: int) -> Sequence[str]:
    """How long labels are waited for. ``column`` dates them; without one they come ``delay`` ms after their row."""
    if column is None:
        when = f"{format_duration(delay)} after its row" if delay else "at its row's own time"
        return (
            f"no column says when labels were known, so each label is assumed to be known {when}; name such a column "
            f"with --label-time-column, or give --label-delay 30d",
        )
    median = "" if timing.median is None else f" (half of the labels come within {_coarse(timing.median)})"
    lines = [f"label lateness: {format_duration(timing.lateness)}{median}"]
    if timing.beyond:
        lines.append(f"{timing.beyond:,} labels come later and are not counted; raise --label-lateness to count them")
    if timing.before:
        lines.append(
            f"{timing.before:,} labels are dated before their row and are not counted; does {column!r} say when labels "
            f"were known?"
        )
    return lines


def about_drifts(drifts: Sequence[str]) -> Sequence[str]:
    """Drift is injected on request alone."""
    return (f"drift is INJECTED, as requested: {', '.join(drifts)}",) if drifts else ()


def _coarse(span: int) -> str:
    """In whole hours, or minutes where it is short."""
    unit = HOUR if span >= HOUR else 60_000
    return format_duration(max(-(-span // unit) * unit, 0))
