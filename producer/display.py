"""What a replay shows: a bar on a terminal, a line every few seconds elsewhere, both on standard error; a summary."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from contract.durations import format_duration
from contract.rejection import FUTURE_TOLERANCE_MS
from producer.options import format_time
from producer.replay import ReplayProgress, ReplayResult
from producer.scenario import Scenario

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress_shown(rows: int) -> Iterator[Callable[[ReplayProgress], None]]:
    """A callback for ``replay`` that shows how far it is in ``rows`` rows."""
    if not sys.stderr.isatty():
        yield _lines(rows)
        return
    columns = (
        TextColumn("records"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[labels]:,} labels · {task.fields[event_time]}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("records", total=rows, labels=0, event_time="")
        yield lambda progress: bar.update(
            task, completed=progress.records, labels=progress.labels, event_time=format_time(progress.event_time)
        )


def warnings(scenario: Scenario, rows: int, label_lateness: int, now: int) -> Iterator[str]:
    """What will go to the dead letters although nothing in the table is wrong. All but ``rows`` in ms."""
    latest = scenario.last_event_time(rows)
    if latest > now + FUTURE_TOLERANCE_MS:
        yield (
            f"event times may reach {format_time(latest)}; those more than a day ahead of when they are sent are "
            "dead-lettered, so choose an earlier --start or a shorter --period"
        )
    if scenario.longest_label_delay > label_lateness:
        yield late_labels(scenario.longest_label_delay, label_lateness)


def late_labels(longest: int, label_lateness: int) -> str:
    """That labels may come too late; both in ms of event time."""
    return (
        f"labels may come {format_duration(longest)} after their record; those later than "
        f"{format_duration(label_lateness)} (CHURNSTREAM_LABEL_LATENESS) are dead-lettered"
    )


def summary(result: ReplayResult) -> str:
    """One line: what was sent, how far in event time, and how it ended."""
    if result.interrupted:
        how = "interrupted; the same command sends the same records again, and duplicates are dropped"
    elif not result.complete:
        how = "gave up"
    elif result.ended:
        how = "end of the stream sent"
    else:
        how = "end of the stream not sent"
    reached = f", up to event time {format_time(result.event_time)}" if result.event_time is not None else ""
    left_out = f"; {result.left_out:,} skipped because the stream has passed them" if result.left_out else ""
    return (
        f"{result.records:,} records and {result.labels:,} labels in {result.seconds:.1f} s{reached}{left_out}; {how}"
    )


def _lines(rows: int) -> Callable[[ReplayProgress], None]:
    said = time.monotonic()

    def update(progress: ReplayProgress) -> None:
        nonlocal said
        if time.monotonic() - said < _SECONDS_BETWEEN_LINES:
            return
        said = time.monotonic()
        print(
            f"{progress.records:,} of {rows:,} records, {progress.labels:,} labels, "
            f"event time {format_time(progress.event_time)}",
            file=sys.stderr,
            flush=True,
        )

    return update
