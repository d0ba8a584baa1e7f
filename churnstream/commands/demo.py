"""``churnstream demo``, ``churnstream mlflow`` and ``churnstream doctor``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from churnstream.commands.backtest import Accept, Drift, Force, NoWait, SchemaFile, program
from churnstream.demo.scenario import ROWS, SEED
from contract.worker.flags import (
    AlertRulesFile,
    BootstrapServers,
    Dataset,
    ModelAlias,
    ModelName,
    Partitions,
    StateDir,
    StreamName,
    TopicPrefix,
    TrackingUri,
)

DEFAULT_BASE = Path("demo-runs")


def demo(
    data: Annotated[
        Path | None, typer.Option(help="Run on your own CSV, Excel or Parquet table, as `backtest` does.")
    ] = None,
    schema: SchemaFile = None,
    drift: Drift = None,
    yes: Accept = False,
    force: Force = False,
    rows: Annotated[int, typer.Option(min=500, help="Number of customers of the synthetic bank.")] = ROWS,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic bank.")] = SEED,
    base: Annotated[Path, typer.Option("--dir", help="Where to create the folder of this run.")] = DEFAULT_BASE,
    no_wait: NoWait = False,
) -> None:
    """Run the whole stream on this machine: train, replay six weeks in which two things change, score, join, measure.

    Starts its own Kafka on free ports, all workers and the model's page, and ends them all at the end or on Ctrl-C. On
    a terminal the page stays open until Ctrl-C. It leaves one folder with its Kafka, MLflow's store, the drift reports
    and the logs. The last line of its output is the command that opens the page again. It needs neither Docker nor
    Java.
    """
    import signal

    from churnstream.backtest.plan import Wishes
    from churnstream.backtest.run import OwnTable, run_own_table
    from churnstream.demo.run import LocalRun, new_folder, run_demo
    from churnstream.demo.synthetic import synthetic_plan
    from churnstream.live.shown import output
    from contract.errors import UserError

    if data is not None and not data.is_file():
        raise UserError(f"--data {data} is not a file; give a CSV, Excel or Parquet table")
    if data is None and (schema is not None or drift or force):
        raise UserError("--schema, --drift and --force need your own table; give it with --data")
    # whoever ends it by SIGTERM wants everything gone, too
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    waits = sys.stdout.isatty() and not no_wait
    if data is not None:
        own = OwnTable(data, schema, base, program(), Wishes(drifts=tuple(drift or ()), force=force), yes, waits)
        run_own_table(own, output())
        return
    folder = new_folder(base)
    look, reopen, report = (f"{program()} {what} --dir {folder}" for what in ("mlflow", "dashboard", "report"))
    run_demo(LocalRun(synthetic_plan(rows, seed), folder.resolve(), look, reopen, report, waits), output())


def mlflow(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", show_default="the last demo's", help="Folder of an earlier demo or backtest."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Show what a demo or a backtest has left in MLflow: metric timelines, drift reports, models."""
    from churnstream.mlflow_server import newest_run, serve
    from contract.settings import load_settings

    serve(folder if folder is not None else newest_run(DEFAULT_BASE), port, load_settings().experiment)


def doctor(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    replication_factor: Annotated[int | None, typer.Option(help="Replicas of newly created topics.")] = None,
    state_dir: StateDir = None,
    alert_rules: AlertRulesFile = None,
    create_topics: Annotated[bool, typer.Option("--create-topics", help="Create missing topics.")] = False,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Check broker, topics, clock, registry, model, schema and disk, and say what to do about each failure.

    Shows how many messages wait for the workers, and the newest window. It also looks at the newest messages: are
    records and labels in the partition of their key, are labels dated after their records, and why are there dead
    letters? It changes nothing unless --create-topics is given. The exit code is 1 if anything is wrong.
    """
    from rich.console import Console
    from rich.markup import escape

    from churnstream.doctor import examine
    from contract.settings import load_settings

    console = Console()
    ill = False
    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        partitions=partitions,
        replication_factor=replication_factor,
        state_dir=state_dir,
        alert_rules=alert_rules,
        dataset=dataset,
        model_name=model_name,
        model_alias=model_alias,
        mlflow_tracking_uri=tracking_uri,
    )
    for finding in examine(settings, create_topics):
        ill = ill or not finding.well
        console.print(
            f"[{'green]ok  ' if finding.well else 'red]FAIL'}[/] {finding.name:9}",
            escape(finding.found),
            soft_wrap=True,
        )
        if finding.remedy:
            console.print(f"               → {escape(finding.remedy)}", soft_wrap=True)
    if ill:
        raise typer.Exit(1)
