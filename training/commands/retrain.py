"""``churnstream retrain``."""

from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import (
    BootstrapServers,
    Dataset,
    Encoding,
    ModelAlias,
    ModelName,
    Sheet,
    StreamName,
    TopicPrefix,
    TrackingUri,
    Verbose,
)
from training.defaults import DEFAULT_SEED, NOT_PROMOTED
from training.retrain.options import DEFAULT_EVERY, LEAST_RECORDS, Policy


def retrain(
    when: Annotated[
        str, typer.Option(help="Reasons to retrain, separated by commas: drift, performance, schedule, always.")
    ] = "always",
    policy: Annotated[
        Policy,
        typer.Option(help="What becomes of the version: none, challenger, or promote if it is proven better."),
    ] = "none",
    every: Annotated[
        str | None, typer.Option(show_default="30d", help="With --when schedule: event time between two versions.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only records from this time on: ISO 8601, UTC.")] = None,
    until: Annotated[str | None, typer.Option(help="Only records before this time: ISO 8601, UTC.")] = None,
    maturity: Annotated[
        str | None,
        typer.Option(
            show_default="the schema's horizon, else the label lateness",
            help="Time after a record by which its label has come or never will, such as 30d.",
        ),
    ] = None,
    gap: Annotated[
        str | None,
        typer.Option(
            show_default="as long as labels take",
            help="Time between the rows to learn from and the rows to test on, such as 7d.",
        ),
    ] = None,
    least: Annotated[
        int, typer.Option(min=LEAST_RECORDS, help="Fewest new labelled records with which a version is trained.")
    ] = LEAST_RECORDS,
    table: Annotated[
        Path | None, typer.Option("--data", help="Table with labels to learn from, in addition to the stream.")
    ] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    seed: Annotated[int, typer.Option(help="Seed of the folds and the model.")] = DEFAULT_SEED,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say whether it is time to retrain.")] = False,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
    verbose: Verbose = False,
) -> None:
    """Make the next version from what the stream has learned: records as they were scored, with their labels.

    A record counts only if it has its label and the time for that is up. The newest 15 % of these records are held
    out, and the version is measured on them. It is registered with its lineage. Nothing is promoted unless --policy
    says so. With --when, the command first checks whether it is time, and prints why or why not, so it can run every
    night. If it is killed and started again, it registers one version.

    Exit code 0 also if it is not time; 3 if the version was judged and does not take the alias.

    \b
    Examples:
      churnstream retrain
      churnstream retrain --when performance,schedule --policy challenger
      churnstream retrain --since 2025-03-01 --data customers.csv --policy promote
    """
    from contract.settings import load_settings
    from contract.tables.options import ReadOptions
    from contract.worker.logs import configure_logging

    configure_logging(verbose)
    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        dataset=dataset,
        model_name=model_name,
        model_alias=model_alias,
        mlflow_tracking_uri=tracking_uri,
    )
    from training.retrain.options import RetrainOptions, duration_of, moment_of, read_occasions

    options = RetrainOptions(
        when=read_occasions(when),
        policy=policy,
        every=DEFAULT_EVERY if every is None else duration_of("--every", every),
        since=None if since is None else moment_of("--since", since),
        until=None if until is None else moment_of("--until", until),
        maturity=None if maturity is None else duration_of("--maturity", maturity),
        gap=gap,
        least=least,
        table=table,
        read=ReadOptions(sheet, encoding),
        trains=not dry_run,
    )
    from rich.console import Console

    from training.commands.progress import Bar

    with Bar("retraining") as bar:
        from training.retrain.retrain import retrain as run

        result = run(settings, options, seed=seed, listener=bar)
    from training.commands.show_retraining import show

    show(result, Console())
    if result.became is not None and result.became.refused:
        raise typer.Exit(NOT_PROMOTED)
