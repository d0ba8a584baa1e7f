"""How a stream looks on the terminal: counts and rates, and a table of windows."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from churnstream.live.watch import Snapshot
from contract.alerts import ModelVerdict, VerdictState
from contract.windows import Window
from monitor.naming import model_title

_SHOWN = 12
_STYLES: dict[VerdictState, str] = {
    "healthy": "bold green",
    "unjudged": "bold",
    "customers_changed": "bold yellow",
    "probably_worse": "bold yellow",
}
_GRAVE = "bold red"


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
    verdicts = [_verdict(verdict) for verdict in champions(snapshot)]
    return Group(Text(state, style="bold"), *verdicts, counts, *lines, windows_table(snapshot.ordered()[-_SHOWN:]))


def champions(snapshot: Snapshot) -> list[ModelVerdict]:
    """The verdict on the champion of each name; of several versions that have been champion, on the newest at work."""
    found: dict[str, ModelVerdict] = {}
    for verdict in sorted(snapshot.verdicts.values(), key=lambda one: (one.until or 0, one.model.version)):
        if verdict.model.role == "champion":
            found[verdict.model.name] = verdict
    return [found[name] for name in sorted(found)]


def remarks(snapshot: Snapshot) -> list[str]:
    """What is to be known of a stream beside its counts."""
    found = []
    if snapshot.ahead:
        found.append(
            f"{snapshot.ahead:,} records are dated far ahead of their partition; check the clock of whoever sends them"
        )
    if snapshot.inferred:
        found.append(f"{snapshot.inferred:,} records have had no label within the horizon, and count as 0")
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
            _estimated(window),
            _drifted(window),
        )
    return table


def _verdict(verdict: ModelVerdict) -> Text:
    """Model, verdict, why and what to do, in one paragraph; of what comes from data nothing is markup."""
    subject = model_title(verdict.model)
    told = Text(f"{subject}: ")
    told.append(verdict.title, style=_STYLES.get(verdict.state, _GRAVE))
    told.append(f" – {verdict.message.removeprefix(f'{subject}: ')}", style="dim")
    if verdict.remedy:
        told.append(f"; {verdict.remedy}", style="dim")
    return told


def _with_rate(count: int, seconds: float) -> str:
    return f"{count:,} ({count / seconds:,.0f}/s)" if seconds >= 1 else f"{count:,}"


def _time(milliseconds: int, form: str) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime(form)


def _estimated(window: Window) -> str:
    if window.untrusted_since is not None:
        return "withdrawn"
    estimate = window.estimated.f1
    return "–" if estimate is None else f"{estimate.value:.3f}±{(estimate.high - estimate.low) / 2:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _drifted(window: Window) -> Text:
    if not window.drift.judged:
        return Text("too few customers", style="dim")
    names = window.drift.drifted_columns
    return Text(", ".join(names), style="bold red") if names else Text("none", style="green")
