"""A stream's status on a terminal of any width."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from churnstream.live.periods import period
from churnstream.live.view import Figures, LiveView, short_lines
from churnstream.status.form import Gravity, LettersStatus, Problem, StreamStatus, WindowStatus, WorkerStatus
from contract.windows import Window
from dashboard.view.words import (
    NOTHING,
    SIGNS,
    count,
    lasting,
    metric,
    moment,
    named,
    percent,
    short_moment,
    versions,
    whole,
)

_MOST_PROBLEMS = 20
_MOST_PROBLEMS_DRAWN = 4
_MOST_REASONS = 5
_LONGEST_NAME = 30
_MOST_CHANGED = 4
_STYLES: dict[Gravity, str] = {"critical": "bold red", "warning": "yellow", "unknown": "yellow"}
_SIGNS: dict[Gravity, str] = {"critical": SIGNS["bad"], "warning": SIGNS["notice"], "unknown": SIGNS["unknown"]}


def status_view(status: StreamStatus) -> RenderableType:
    """All of it, as it is printed once."""
    parts: list[RenderableType] = [verdict_line(status), *map(_problem, status.problems[:_MOST_PROBLEMS])]
    if any(one.kind == "incident" for one in status.problems):
        parts.append(Text("  → see `churnstream alerts` for details"))
    if len(status.problems) > _MOST_PROBLEMS:
        parts.append(Text(f"  and {len(status.problems) - _MOST_PROBLEMS} more: --json shows all", style="dim"))
    if _is_blind(status):
        return Group(*parts)
    return Group(*parts, *_facts(status), *(Text(remark, style="dim") for remark in status.remarks))


def watched_view(status: StreamStatus, windows: Sequence[Window]) -> LiveView:
    """The same on one screen, with the newest windows."""
    problems = [_problem_line(one) for one in status.problems if one.kind != "incident"][:_MOST_PROBLEMS_DRAWN]
    top: list[RenderableType] = [verdict_line(status), *problems]
    if not _is_blind(status):
        top += _figures(status)
    footer = [Text(f"as of {moment(status.at)}; Ctrl-C ends this view", style="dim")]
    return LiveView(top, short_lines(status.incidents, windows), windows, footer)


def verdict_line(status: StreamStatus) -> Text:
    """Whether the stream is well, in one line."""
    prefix = f" ({named(status.topic_prefix)})" if status.topic_prefix else ""
    if status.well is None:
        return Text(f"{SIGNS['unknown']} it is not known whether the stream{prefix} is well", style="bold yellow")
    if status.well:
        return Text(f"{SIGNS['good']} the stream{prefix} is well", style="bold green")
    return Text(f"{SIGNS['bad']} the stream{prefix} is not well", style="bold red")


def _is_blind(status: StreamStatus) -> bool:
    """Whether nothing is known that could be shown."""
    return status.well is None and status.stream is None


def _problem(problem: Problem) -> RenderableType:
    text = Text(f"{_SIGNS[problem.severity]} {problem.text}", style=_STYLES[problem.severity])
    # what all incidents have in common is said once, behind them
    remedy = [Text(f"  → {problem.remedy}")] if problem.remedy and problem.kind != "incident" else []
    return Group(text, *remedy)


def _problem_line(problem: Problem) -> Text:
    line = Text(f"{_SIGNS[problem.severity]} {problem.text}", style=_STYLES[problem.severity])
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _figures(status: StreamStatus) -> list[RenderableType]:
    return [
        Figures(
            [
                ("data until", _until(status.data_until, status.ended)),
                ("labels until", short_moment(status.labels_until)),
                *(("serving", _served(name, status)) for name in [one.name for one in status.models]),
                ("windows", f"{whole(status.windows)}, {whole(status.provisional_windows)} provisional"),
                ("dead letters", _letters(status.dead_letters)),
            ]
        ),
        _WorkerTable(status.workers),
    ]


def _facts(status: StreamStatus) -> list[RenderableType]:
    parts = _figures(status)
    if status.newest_window is not None:
        parts.append(_newest(status.newest_window))
    parts += [
        Text(
            f"dead letters: {whole(one.count)} {one.reason}{f' of {named(one.field)}' if one.field else ''}, "
            f"last {moment(one.last_at)}"
        )
        for one in status.dead_letters.by_reason[:_MOST_REASONS]
    ]
    return parts


def _until(time: int | None, ended: bool) -> str:
    return f"{short_moment(time)}{', ended' if ended else ''}"


def _served(name: str, status: StreamStatus) -> str:
    model = next(one for one in status.models if one.name == name)
    since = f" since {moment(model.since)}" if model.since is not None else ""
    beside = f" (challenger {versions(model.challengers[:5])})" if model.challengers else ""
    version = "no version" if model.version is None else f"v{model.version}"
    return f"{named(name, _LONGEST_NAME)} {version}{since}{beside}"


def _letters(letters: LettersStatus) -> str:
    return f"{NOTHING if letters.ever is None else whole(letters.ever)}, {whole(letters.today)} today"


def _newest(window: WindowStatus) -> Text:
    figures = [count(window.records, "record"), f"{percent(window.coverage)} labelled", f"F1 {metric(window.f1)}"]
    if window.estimated_f1 is not None and window.estimated_f1_low is not None and window.estimated_f1_high is not None:
        half = (window.estimated_f1_high - window.estimated_f1_low) / 2
        figures.append(f"estimated {metric(window.estimated_f1)}±{metric(half)}")
    figures += [f"Brier {metric(window.brier)}", f"accuracy {metric(window.accuracy)}"]
    changed = ", ".join(window.changed[:_MOST_CHANGED])
    more = f" +{len(window.changed) - _MOST_CHANGED}" if len(window.changed) > _MOST_CHANGED else ""
    told = f"; published {lasting(window.told_ago_ms)} ago" if window.told_ago_ms is not None else ""
    return Text(
        f"newest window {period(window.start, window.end)}, {window.status}: {', '.join(figures)}"
        f"{f'; changed: {changed}{more}' if changed else ''}{told}"
    )


class _WorkerTable:
    """A line for each kind of worker: how many are running, what waits for them, and in which partitions."""

    def __init__(self, workers: Sequence[WorkerStatus]) -> None:
        self._workers = workers

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("worker", no_wrap=True)
        table.add_column("running", justify="right", no_wrap=True)
        table.add_column("lag", justify="right", no_wrap=True)
        waits = any(worker.lag for worker in self._workers)
        if waits:
            table.add_column("where", no_wrap=True, overflow="ellipsis")
        widest = max([3, *(len(_lag(worker)) for worker in self._workers)])
        room = max(options.max_width - len("monitor") - len("running") - widest - 6, 10)
        for worker in self._workers:
            members = NOTHING if worker.members is None else whole(worker.members)
            where = [_where(worker, room)] if waits else []
            table.add_row(worker.name, members, _lag(worker), *where)
        yield table


def _lag(worker: WorkerStatus) -> str:
    return NOTHING if worker.lag is None else whole(worker.lag)


def _where(worker: WorkerStatus, room: int) -> Text:
    """The partitions in which something waits, those with most first, as far as there is room."""
    waiting = sorted(
        (one for one in worker.partitions if one.lag), key=lambda one: (-one.lag, one.topic, one.partition)
    )
    parts = [f"{one.topic}-{one.partition}: {whole(one.lag)}" for one in waiting]
    for shown in range(len(parts), -1, -1):
        left = len(parts) - shown
        text = ", ".join(parts[:shown]) + (f" +{left}" if left else "")
        if cell_len(text) <= room:
            return Text(text, style="dim")
    return Text("")
