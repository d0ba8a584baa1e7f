"""``churnstream backtest``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import Encoding, LabelTimeColumn, Sheet, TimeColumnFlag, TimeFormat, TimeZone

DEFAULT_BASE = Path("backtests")

SchemaFile = Annotated[
    str | None,
    typer.Option("--schema", "--dataset", show_default="drafted", help="Schema: a shipped name or a TOML file."),
]
Drift = Annotated[list[str] | None, typer.Option(help="Drift to inject, as `replay` takes it; none unless asked for.")]
Accept = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask about doubts; they are shown all the same.")]
Force = Annotated[bool, typer.Option("--force", help="Go on with a model that is worthless, or too good to be true.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="End when all is measured, also on a terminal.")]


def backtest(
    table: Annotated[Path, typer.Argument(help="History: CSV, Excel or Parquet.", show_default=False)],
    schema: SchemaFile = None,
    time_column: TimeColumnFlag = None,
    time_format: TimeFormat = None,
    time_zone: TimeZone = None,
    label_time_column: LabelTimeColumn = None,
    label_delay: Annotated[
        str | None,
        typer.Option(show_default="0s", help="Time from a row to its label, where no column says it, such as 30d."),
    ] = None,
    no_dates: Annotated[
        bool, typer.Option("--no-dates", help="Use no dates: split by customers, and simulate time.")
    ] = False,
    until: Annotated[
        str | None,
        typer.Option(show_default="the middle", help="Learn from what was known before this moment; ISO 8601."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(show_default="chosen", help="Length of a window, such as 28d; a multiple of slide.")
    ] = None,
    slide: Annotated[
        str | None, typer.Option(show_default="chosen", help="From one window's start to the next's.")
    ] = None,
    label_lateness: Annotated[
        str | None, typer.Option(show_default="chosen", help="Longest time that labels are waited for.")
    ] = None,
    drift: Drift = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    yes: Accept = False,
    force: Force = False,
    base: Annotated[Path, typer.Option("--dir", help="Where this run's folder is made.")] = DEFAULT_BASE,
    no_wait: NoWait = False,
) -> None:
    """Did my model drift? Train on the first part of a table of history, replay the rest as it happened, and see.

    Without --schema one is drafted: what is doubtful is shown, and on a terminal asked about. The table's own dates say
    what a champion may learn from, when records come, and when labels do; from them follow windows, and how long labels
    are waited for. Where there are no dates, half of the customers are learned from and the others replayed, and time
    is simulated. What was chosen is said first, whether the model drifted last. A model that is no better than guessing
    or too good to be true ends it, with the reason, unless --force is given.

    It needs neither Docker nor Java, and leaves one folder with the schema, all figures, reports and logs.

    \b
    Examples:
      churnstream backtest history.csv
      churnstream backtest history.xlsx --time-column snapshot_date --label-time-column left_on
      churnstream backtest history.csv --schema mine.toml --until 2024-07-01 --window 28d --slide 7d
    """
    import signal

    from churnstream.backtest.plan import Wishes
    from churnstream.backtest.run import OwnTable, run_own_table
    from churnstream.live.shown import output
    from contract.tables.options import ReadOptions
    from contract.tables.times import TimeOptions

    wishes = Wishes(
        TimeOptions(time_column, time_format, time_zone, label_time_column),
        not no_dates,
        until,
        label_delay,
        window,
        slide,
        label_lateness,
        tuple(drift or ()),
        ReadOptions(sheet, encoding),
        force,
    )
    # whoever ends it by SIGTERM wants everything gone, too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    waits = sys.stdout.isatty() and not no_wait
    run_own_table(OwnTable(table, schema, base, program(), wishes, yes, waits), output())


def program() -> str:
    """The command line as the user calls it."""
    return sys.argv[0] if Path(sys.argv[0]).name == "churnstream" else "churnstream"
