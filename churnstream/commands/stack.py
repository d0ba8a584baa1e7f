"""``churnstream init`` and ``churnstream showcase``: what the compose stack does besides its workers."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from churnstream.demo.scenario import REPLAY_SECONDS, ROWS
from contract.worker.flags import (
    BootstrapServers,
    Dataset,
    ModelAlias,
    ModelName,
    Partitions,
    StreamName,
    TopicPrefix,
    TrackingUri,
)

Data = Annotated[
    Path | None,
    typer.Option(envvar="CHURNSTREAM_DATA", help="Table (CSV, Excel, Parquet) instead of the synthetic bank."),
]


def init(
    data: Data = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", envvar="CHURNSTREAM_FORCE", help="Accept a model that is worthless or too good to be true."
        ),
    ] = False,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Prepare a new stream: create its topics, and train and register a champion if there is none.

    Run it before the workers. Running it again changes nothing. If the model is no better than guessing or too good to
    be true, it does not become champion, and the command ends with the reason, unless --force is given.
    """
    from rich.console import Console

    from churnstream.stack.bootstrap import initialise
    from contract.settings import load_settings
    from contract.worker.logs import configure_logging

    configure_logging(verbose=True)
    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        partitions=partitions,
        dataset=dataset,
        model_name=model_name,
        model_alias=model_alias,
        mlflow_tracking_uri=tracking_uri,
    )
    Console().print(initialise(settings, data, force=force), soft_wrap=True, highlight=False)


def showcase(
    data: Data = None,
    rows: Annotated[
        int, typer.Option(min=500, envvar="CHURNSTREAM_ROWS", help="Number of customers of the synthetic bank.")
    ] = ROWS,
    seconds: Annotated[
        float, typer.Option(min=0.1, envvar="CHURNSTREAM_REPLAY_SECONDS", help="Wall time that the replay takes.")
    ] = REPLAY_SECONDS,
    again: Annotated[bool, typer.Option("--again", help="Replay again after the end of the stream, and exit.")] = False,
    mlflow_published: Annotated[
        str, typer.Option(envvar="CHURNSTREAM_MLFLOW_PUBLISHED", help="MLflow's address in your browser.")
    ] = "http://127.0.0.1:5000",
    reports: Annotated[
        str, typer.Option(envvar="CHURNSTREAM_REPORTS", help="Address of `evidently ui`, as seen from this process.")
    ] = "http://127.0.0.1:8000",
    reports_published: Annotated[
        str, typer.Option(envvar="CHURNSTREAM_REPORTS_PUBLISHED", help="Address of `evidently ui` in your browser.")
    ] = "http://127.0.0.1:8000",
    dashboard_published: Annotated[
        str, typer.Option(envvar="CHURNSTREAM_DASHBOARD_PUBLISHED", help="Address of the model's page in your browser.")
    ] = "http://127.0.0.1:8090",
) -> None:
    """Replay the demo's six weeks of customers once, to workers that are already running, and say where to look.

    Then it keeps following the stream. If the replay has been done before, nothing is sent.
    """
    from rich.console import Console

    from churnstream.stack.addresses import require_http
    from churnstream.stack.showcase import Pages, Showcase, replay_again, run_showcase
    from contract.settings import load_settings
    from contract.worker.logs import configure_logging
    from contract.worker.process import stop_on_signals

    configure_logging(verbose=False)
    settings = load_settings()
    pages = Pages(
        require_http("MLFLOW_TRACKING_URI", settings.mlflow_tracking_uri),
        require_http("--mlflow-published", mlflow_published),
        require_http("--reports", reports),
        require_http("--reports-published", reports_published),
        require_http("--dashboard-published", dashboard_published),
    )
    # a container's log has no width of its own
    console = Console(width=None if sys.stdout.isatty() else 120)
    run = replay_again if again else run_showcase
    run(settings, Showcase(data, rows, seconds, pages), stop_on_signals(), console)
