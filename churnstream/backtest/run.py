"""``churnstream backtest``, and ``churnstream demo`` on one's own table: from a file to its page, with one command."""

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from churnstream.backtest.conclusion import conclusion
from churnstream.backtest.draft import Dialogue, draft_schema, keep_schema
from churnstream.backtest.plan import Wishes, own_table_plan, read_flags, time_flags
from churnstream.demo.run import LocalRun, new_folder, run_demo
from churnstream.live.watch import Snapshot
from contract.errors import UserError
from contract.schema import load_schema


@dataclass(frozen=True)
class OwnTable:
    """A table to run, below ``base``. ``schema``: a shipped name or a TOML file; None: it is drafted.

    ``command`` is the program as the user called it. ``accepts``: doubts are shown and not asked about. ``waits``: the
    page stays open when all is measured.
    """

    table: Path
    schema: str | None
    base: Path
    command: str
    wishes: Wishes = field(default_factory=Wishes)
    accepts: bool = False
    waits: bool = False


def run_own_table(own: OwnTable, console: Console, ask: Callable[[str], str] = input) -> None:
    """Draft or take the schema, plan the run, run it, and say whether the model has drifted.

    Raises:
        UserError: the table or schema cannot be used, something must be decided, or a part of the run failed.
    """
    if not own.table.is_file():
        raise UserError(f"{own.table} is not a file; give the path of a CSV, Excel or Parquet table")
    table = own.table.resolve()
    if own.schema is not None:
        load_schema(own.schema)
    folder = new_folder(own.base)
    try:
        asks = sys.stdin.isatty() and sys.stdout.isatty() and not own.accepts
        dialogue = Dialogue(console, asks, ask, lambda path: _again(own, path))
        if own.schema is None:
            kept = draft_schema(table, folder, dialogue, own.wishes.options)
        else:
            kept = keep_schema(own.schema, folder)
        schema = own.wishes.times.over(load_schema(str(kept)))
        plan = own_table_plan(table, schema, own.wishes)
    except BaseException:
        _remove_if_empty(folder)
        raise
    again = _again(own, kept if own.schema is None else Path(own.schema))
    ending = partial(_concluding, again=again, variables=plan.variables, table=table, schema=kept.resolve())
    run = replace(plan.as_run(kept.resolve()), concluding=ending)
    look, reopen, report = (f"{own.command} {what} --dir {folder}" for what in ("mlflow", "dashboard", "report"))
    run_demo(LocalRun(run, folder.resolve(), look, reopen, report, own.waits), console)


def _concluding(
    snapshot: Snapshot, again: str, variables: Mapping[str, str], table: Path, schema: Path
) -> Sequence[str]:
    """Lines for the end: the answer, and how it is run again, here and in the compose stack."""
    stack = {
        "DATA": str(table),
        "SCHEMA": str(schema),
        "WINDOW": variables["CHURNSTREAM_WINDOW"],
        "SLIDE": variables["CHURNSTREAM_SLIDE"],
        "LABEL_LATENESS": variables["CHURNSTREAM_LABEL_LATENESS"],
    }
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in stack.items())
    return (
        conclusion(snapshot),
        f"run it again:        {again}",
        f"in the Docker stack: {settings} docker compose up",
    )


def _again(own: OwnTable, schema: Path) -> str:
    """The command that runs it again, with the schema that there is now."""
    wishes = own.wishes
    named = (
        ("--schema", str(schema)),
        ("--until", wishes.until),
        ("--label-delay", wishes.label_delay),
        ("--window", wishes.window),
        ("--slide", wishes.slide),
        ("--label-lateness", wishes.label_lateness),
        *(("--drift", drift) for drift in wishes.drifts),
    )
    given = [part for flag, value in named if value is not None for part in (flag, value)]
    given += [*time_flags(wishes.times), *read_flags(wishes.options), *([] if wishes.by_date else ["--no-dates"])]
    given += ["--force"] if wishes.force else []
    return shlex.join([own.command, "backtest", str(own.table), *given])


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()
