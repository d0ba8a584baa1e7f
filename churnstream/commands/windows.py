"""``churnstream windows``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import BootstrapServers, ModelName, StreamName, TopicPrefix


def windows(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    final: Annotated[bool, typer.Option("--final", help="Only final windows.")] = False,
    model_name: ModelName = None,
    since: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="Only windows that start at this time or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="Only windows that start before this time.")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV on standard output (the default).")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output: a list of objects.")] = False,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Parquet file.")] = None,
) -> None:
    """Print the stream's windows as a table: one row per window, its newest revision.

    Reads only Kafka. Times are UTC. docs/reading-a-stream.md lists the columns. In Python, `read_windows` gives the
    same table, and `read_outcomes` and `read_alerts` give outcomes and alerts.
    """
    from churnstream.frames.files import as_csv, as_json, write_parquet
    from churnstream.frames.windows import read_windows
    from contract.errors import UserError
    from contract.settings import load_settings

    if csv + json + (parquet is not None) > 1:
        raise UserError("give one of --csv, --json and --parquet")
    settings = load_settings(bootstrap_servers=bootstrap_servers, stream=stream, topic_prefix=topic_prefix)
    found = read_windows(settings, final=final, model=model_name, since=since, until=until)
    if parquet is not None:
        write_parquet(found, parquet)
        print(f"{len(found):,} windows in {parquet}", file=sys.stderr)
    else:
        print(as_json(found) if json else as_csv(found), end="")
