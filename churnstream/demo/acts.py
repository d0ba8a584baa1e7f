"""The acts of a simulated stream: told before it begins, and measured one by one when it has ended."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean

from rich.table import Table
from rich.text import Text

from churnstream.demo.plan import Act
from contract.windows import Window


def announced(acts: Sequence[Act]) -> Table:
    """What happens in each, and what is to be seen of it."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for act in acts:
        table.add_row(f"from {_day(act.start)}", Text.assemble((act.name, "bold"), f": {act.happens}"))
        table.add_row("", Text(act.seen, style="dim"))
    return table


def windows_of(act: Act, windows: Iterable[Window]) -> list[Window]:
    """The final windows that lie in an act whole, so that all their customers are its own."""
    return [one for one in windows if one.status == "final" and act.start <= one.start and one.end <= act.end]


def acts_table(acts: Sequence[Act], windows: Sequence[Window], seen_first: Mapping[str, Window]) -> Table:
    """A line for each act: means over its windows, of the estimate as it was seen before the labels (``seen_first``, by
    window key; of a window that was never seen so, the one that it still has) and of what labels then said; and the
    columns that drifted in most of its windows.
    """
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("from", no_wrap=True)
    table.add_column("act")
    for name in ("estimated F1", "F1", "accuracy", "Brier"):
        table.add_column(name, justify="right")
    table.add_column("drifted")
    for act in acts:
        found = windows_of(act, windows)
        table.add_row(
            _day(act.start),
            act.name,
            _mean([seen_first.get(one.key, one) for one in found], _estimated_f1),
            _mean(found, lambda one: one.performance.f1),
            _mean(found, lambda one: one.performance.accuracy),
            _mean(found, lambda one: one.performance.brier),
            _drifted(found),
        )
    return table


def _estimated_f1(window: Window) -> float | None:
    return None if window.estimated.f1 is None else window.estimated.f1.value


def _mean(windows: Iterable[Window], metric: Callable[[Window], float | None]) -> str:
    values = [value for value in map(metric, windows) if value is not None]
    return f"{fmean(values):.3f}" if values else "–"


def _drifted(windows: Sequence[Window]) -> Text:
    counts: dict[str, int] = {}
    for window in windows:
        for name in window.drift.drifted_columns:
            counts[name] = counts.get(name, 0) + 1
    names = [name for name, count in counts.items() if 2 * count > len(windows)]
    return Text(", ".join(sorted(names)) or "none", style="bold red" if names else "green")


def _day(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime("%d %b")
