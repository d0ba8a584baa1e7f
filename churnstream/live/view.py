"""How a stream looks on the terminal: counts and rates, and a table of windows."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from churnstream.live.watch import Snapshot
from contract.windows import Estimate, Window
from monitor.naming import model_title
from monitor.verdicts.alerts import untrusted_since

_SHOWN = 12


def dashboard(snapshot: Snapshot, seconds: float, state: str) -> RenderableType:
    """Counts with their mean rates over ``seconds`` of wall time, and the last windows."""
    counts = Table.grid(padding=(0, 3))
    counts.add_row("replayed", "scored", "labelled", "lag", "dead letters", style="dim")
    counts.add_row(
        _with_rate(snapshot.records, seconds),
        _with_rate(snapshot.scored, seconds),
        _with_rate(snapshot.joined, seconds),
        f"{snapshot.lag:,}",
        f"{snapshot.dead_records + snapshot.dead_labels:,}",
    )
    lines = [Text(line, style="dim") for line in remarks(snapshot)]
    return Group(Text(state, style="bold"), counts, *lines, windows_table(snapshot.ordered()[-_SHOWN:]))


def remarks(snapshot: Snapshot) -> list[str]:
    """What is to be known of a stream beside its counts."""
    found = []
    if snapshot.ahead:
        found.append(
            f"{snapshot.ahead:,} records are dated far ahead of their partition; check the clock of whoever sends them"
        )
    if snapshot.inferred:
        found.append(f"{snapshot.inferred:,} records have had no label within the horizon, and count as 0")
    for model in sorted({alert.model for alert in snapshot.alerts.values() if alert.model is not None}):
        since = untrusted_since(snapshot.alerts.values(), model)
        if since is not None:
            found.append(
                f"labels no longer go with the scores of {model_title(model)}: its estimates since "
                f"{_time(since, '%Y-%m-%d')} are not to be trusted"
            )
    return found


def windows_table(windows: Sequence[Window]) -> Table:
    """One row per window: its days, status, size, F1 (realised, nowcast, estimated), and the columns that drifted."""
    caption = "realised, nowcast and estimated are of F1"
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0), caption=caption)
    table.caption_justify = "left"
    for name in ("window", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("records", "labelled", "realised", "nowcast", "estimated"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("drifted")
    for window in windows:
        nowcast = None if window.nowcast is None else window.nowcast.performance.f1
        table.add_row(
            f"{_time(window.start, '%m-%d')} – {_time(window.end, '%m-%d')}",
            window.status,
            f"{window.records:,}",
            f"{window.coverage:.0%}",
            _number(window.performance.f1),
            _number(None if nowcast is None else nowcast.value),
            _with_interval(window.estimated.f1),
            _drifted(window),
        )
    return table


def _with_rate(count: int, seconds: float) -> str:
    return f"{count:,} ({count / seconds:,.0f}/s)" if seconds >= 1 else f"{count:,}"


def _time(milliseconds: int, form: str) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime(form)


def _with_interval(estimate: Estimate | None) -> str:
    return "–" if estimate is None else f"{estimate.value:.3f}±{(estimate.high - estimate.low) / 2:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _drifted(window: Window) -> Text:
    if not window.drift.judged:
        return Text("too few records", style="dim")
    names = window.drift.drifted_columns
    return Text(", ".join(names), style="bold red") if names else Text("none", style="green")
