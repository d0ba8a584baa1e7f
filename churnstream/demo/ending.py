"""What a run says when all has been measured: its windows, what was to be seen, and where to look."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from churnstream.demo.acts import acts_table
from churnstream.demo.following import Followed, Said
from churnstream.demo.plan import RunPlan
from churnstream.live.lines import incident_lines
from churnstream.live.view import remarks, windows_table
from contract.settings import Settings
from contract.windows import Window
from dashboard.view.words import count
from monitor.reports.files import report_file, strength


def tell(followed: Followed, plan: RunPlan, console: Console) -> None:
    """The final windows, the acts and the verdicts as they followed each other, and all counts."""
    snapshot = followed.snapshot
    console.print(windows_table([window for window in snapshot.ordered() if window.status == "final"]))
    if plan.acts:
        console.print("\nwhat was estimated before the labels came, and what the labels then showed:", style="bold")
        console.print(acts_table(plan.acts, snapshot.ordered(), followed.provisional))
    if followed.verdicts:
        console.print("\nhow the verdict changed as windows and labels came:", style="bold")
        console.print(_course(followed.verdicts))
    console.print()
    if followed.provisional:
        console.print(
            f"{len(followed.provisional)} windows were provisional first, {followed.ahead} of them with an estimate "
            f"before half of their labels had come; {followed.final_before} were final while others were still "
            f"provisional",
            soft_wrap=True,
        )
    for remark in remarks(snapshot, plan.own_dates):
        console.print(remark, soft_wrap=True)
    outcomes = sum(window.labelled for window in snapshot.tiles())
    console.print(
        f"{snapshot.records:,} records replayed, {snapshot.predictions:,} predictions, {outcomes:,} outcomes, "
        f"{count(snapshot.dead_letters, 'dead letter')}, {count(len(snapshot.alerts), 'incident')}",
        soft_wrap=True,
    )
    for line in incident_lines(snapshot.alerts.values(), snapshot.ordered()):
        console.print(line)


def strongest(settings: Settings, windows: Iterable[Window]) -> tuple[Window, Path | None] | None:
    """The window that has drifted most of those that have a report, and that; where none of them has one, the window
    that has drifted most. None: no window has drifted.
    """
    drifted = [(window, report_file(settings.state_dir, window)) for window in windows if window.drift.drifted]
    return max(drifted, key=lambda found: (found[1] is not None, strength(found[0])), default=None)


def day_of(window: Window) -> str:
    """The start of a window as ``churnstream report`` takes it."""
    start = datetime.fromtimestamp(window.start / 1_000, UTC)
    return start.strftime("%Y-%m-%d") if window.start % 86_400_000 == 0 else start.strftime("%Y-%m-%dT%H:%M:%S")


def addresses(lines: Sequence[tuple[str, str]], console: Console) -> None:
    """Each below the other, under their names; long ones are not broken, so that they can be copied."""
    width = max(len(name) for name, _ in lines) + 2
    for name, address in lines:
        console.print(f"{name + ':':{width}}{address}", soft_wrap=True)


def _course(verdicts: Sequence[Said]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for one in verdicts:
        when = "" if one.until is None else datetime.fromtimestamp(one.until / 1_000, UTC).strftime("%d %b %Y")
        table.add_row(Text(f"  {when}", style="dim"), Text(one.title))
    return table
