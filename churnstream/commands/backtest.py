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
Drift = Annotated[list[str] | None, typer.Option(help="Drift to inject, written as for `replay`. Default: none.")]
Accept = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask about doubts; only show them.")]
Force = Annotated[bool, typer.Option("--force", help="Continue with a model that is worthless or too good to be true.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="End when everything is measured, even on a terminal.")]


def backtest(
    table: Annotated[Path, typer.Argument(help="History: CSV, Excel or Parquet.", show_default=False)],
    schema: SchemaFile = None,
    time_column: TimeColumnFlag = None,
    time_format: TimeFormat = None,
    time_zone: TimeZone = None,
    label_time_column: LabelTimeColumn = None,
    label_delay: Annotated[
        str | None,
        typer.Option(show_default="0s", help="Time from a row to its label if no column states it, such as 30d."),
    ] = None,
    no_dates: Annotated[
        bool, typer.Option("--no-dates", help="Ignore dates: split by customer and simulate time.")
    ] = False,
    until: Annotated[
        str | None,
        typer.Option(show_default="the middle", help="Learn only from what was known before this time (ISO 8601)."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(show_default="chosen", help="Length of a window, such as 28d: a multiple of the slide."),
    ] = None,
    slide: Annotated[
        str | None, typer.Option(show_default="chosen", help="Distance from the start of one window to the next.")
    ] = None,
    label_lateness: Annotated[
        str | None, typer.Option(show_default="chosen", help="Longest time to wait for labels.")
    ] = None,
    drift: Drift = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    yes: Accept = False,
    force: Force = False,
    base: Annotated[Path, typer.Option("--dir", help="Where to create the folder of this run.")] = DEFAULT_BASE,
    no_wait: NoWait = False,
) -> None:
    """Did my model drift? Train on the first part of a historical table, replay the rest as it happened, and see.

    Without --schema, it drafts one and shows all doubts; on a terminal it asks about them. The dates in the table
    decide what a champion may learn from and when records and labels come. Windows and the label lateness follow from
    them. If there are no dates, it learns from half of the customers, replays the others, and simulates time. It first
    shows what it has chosen, and at the end whether the model drifted. It stops, with the reason, if the model is no
    better than guessing or too good to be true, unless --force is given.

    It needs neither Docker nor Java. It leaves one folder with the schema, all figures, reports and logs.

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
