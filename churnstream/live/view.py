"""How a stream looks on the terminal: verdict, counts and rates, incidents, and a table of windows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from churnstream.live.lines import incident_lines
from churnstream.live.watch import Snapshot
from churnstream.live.windows import windows_table
from contract.alerts import Alert, ModelVerdict, VerdictState
from contract.windows import Window
from dashboard.view.words import named, plain_times
from monitor.naming import model_title

__all__ = ["LiveView", "champions", "dashboard", "remarks", "verdict_text", "windows_table"]

_MOST_ROWS = 40
_LEAST_ROWS = 2
MOST_INCIDENTS = 4
_MOST_WHY = 1_000
_STYLES: dict[VerdictState, str] = {
    "healthy": "bold green",
    "unjudged": "bold",
    "customers_changed": "bold yellow",
    "probably_worse": "bold yellow",
}
_GRAVE = "bold red"


@dataclass(frozen=True)
class LiveView:
    """What fits on one screen, whatever its size: ``top`` lines, then incidents, then the newest of ``windows``, and
    ``footer``, which is always there.
    """

    top: Sequence[RenderableType]
    incidents: Sequence[Text]
    windows: Sequence[Window]
    footer: Sequence[Text] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        options = options.update(height=None)
        shown = [*self.top, *self.incidents]
        used = sum(len(console.render_lines(part, options)) for part in [*shown, *self.footer])
        # the cursor stands on a line of its own
        left = console.size.height - used - 1
        yield Group(*shown)
        if self.windows:
            yield self._table(console, options, left)
        yield Group(*self.footer)

    def _table(self, console: Console, options: ConsoleOptions, lines: int) -> RenderableType:
        """Of as many windows as there are lines for, at least some."""
        rows = min(max(lines - 1, _LEAST_ROWS), _MOST_ROWS, len(self.windows))
        while True:
            table = windows_table(self.windows[-rows:], self.windows)
            # names and what is said below take lines, too
            over = len(console.render_lines(table, options)) - lines
            if over <= 0 or rows <= _LEAST_ROWS:
                return table
            rows = max(rows - over, _LEAST_ROWS)


def dashboard(snapshot: Snapshot, seconds: float, state: str, *footer: Text, own_dates: bool = False) -> LiveView:
    """Counts with their mean rates over ``seconds`` of wall time, verdict, incidents and windows, as one screen.

    ``own_dates``: as in ``remarks``.
    """
    windows = snapshot.ordered()
    verdicts = [verdict_text(verdict, lines=2) for verdict in champions(snapshot)]
    remarked = [Text(line, style="dim") for line in remarks(snapshot, own_dates)]
    what = Text(state, style="bold", no_wrap=True, overflow="ellipsis")
    top = [what, *verdicts, _counts(snapshot, seconds), *remarked]
    return LiveView(top, short_lines(snapshot.alerts.values(), windows), windows, footer)


def short_lines(alerts: Iterable[Alert], windows: Sequence[Window]) -> list[Text]:
    """A line of the screen for each of the gravest incidents."""
    lines = incident_lines(alerts, windows, MOST_INCIDENTS)
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    return lines


def champions(snapshot: Snapshot) -> list[ModelVerdict]:
    """The verdict on the champion of each name; of several versions that have been champion, on the newest at work."""
    found: dict[str, ModelVerdict] = {}
    for verdict in sorted(snapshot.verdicts.values(), key=lambda one: (one.until or 0, one.model.version)):
        if verdict.model.role == "champion":
            found[verdict.model.name] = verdict
    return [found[name] for name in sorted(found)]


def remarks(snapshot: Snapshot, own_dates: bool = False) -> list[str]:
    """What is to be known of a stream beside its counts.

    ``own_dates``: its records come by the dates of a table, such as one a month; then a leap says nothing of a clock.
    """
    found = []
    if snapshot.ahead and not own_dates:
        found.append(f"{snapshot.ahead:,} records are dated far ahead of their partition; check the sender's clock")
    if snapshot.inferred:
        found.append(f"{snapshot.inferred:,} records had no label within the horizon and count as 0")
    return found


def verdict_text(verdict: ModelVerdict, lines: int | None = None) -> RenderableType:
    """Model and verdict, then why and what to do in at most ``lines`` lines; of what comes from data nothing is markup
    and no sign does anything.
    """
    subject = model_title(verdict.model)
    told = Text(f"{named(subject)}: ")
    told.append(named(verdict.title, 80), style=_STYLES.get(verdict.state, _GRAVE))
    why = plain_times(named(verdict.message.removeprefix(f"{subject}: "), _MOST_WHY))
    remedy = f"; {named(verdict.remedy, _MOST_WHY)}" if verdict.remedy else ""
    reason = Text(f"{why}{remedy}", style="dim")
    return Group(told, reason if lines is None else _AtMost(reason, lines))


@dataclass(frozen=True)
class _AtMost:
    """A text, and an ellipsis for what does not fit into so many lines."""

    text: Text
    lines: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wrapped = self.text.wrap(console, options.max_width)
        shown = wrapped[: self.lines]
        if len(wrapped) > self.lines:
            last = shown[-1]
            last.rstrip()
            last.truncate(options.max_width - 2)
            last.append(" …")
        yield from shown


@dataclass(frozen=True)
class Figures:
    """Names with their figures, as many on a line as there is room for; none is torn apart."""

    figures: Sequence[tuple[str, str]]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        line = Text()
        for name, figure in self.figures:
            part = Text.assemble((name, "dim"), " ", figure)
            if line and line.cell_len + part.cell_len + 2 > options.max_width:
                yield line
                line = Text()
            line.append("  " if line else "").append_text(part)
        yield line


def _counts(snapshot: Snapshot, seconds: float) -> Figures:
    return Figures(
        [
            ("replayed", _with_rate(snapshot.records, seconds)),
            ("scored", _with_rate(snapshot.scored, seconds)),
            ("labelled", _with_rate(snapshot.joined, seconds)),
            ("lag", f"{snapshot.lag:,}"),
            ("dead letters", f"{snapshot.dead_letters:,}"),
        ]
    )


def _with_rate(count: int, seconds: float) -> str:
    return f"{count:,} ({count / seconds:,.0f}/s)" if seconds >= 1 else f"{count:,}"
