"""``churnstream dashboard``: the page, on a stream at work or on one that a demo has kept."""

from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import (
    BootstrapServers,
    LogFormatFlag,
    MetricsPort,
    ModelAlias,
    StreamName,
    TopicPrefix,
    TrackingUri,
    Verbose,
)
from dashboard.cli import Host, MlflowPublished, Port, ReportsPublished

_OF_THE_PAGE = ("CHURNSTREAM_HTTP_", "CHURNSTREAM_DASHBOARD_")
"""Variables of the page itself, such as the token that it asks for, whichever stream it shows."""


def dashboard(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Folder of an earlier demo or backtest: start its Kafka and show its stream."),
    ] = None,
    host: Host = None,
    port: Port = None,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
    mlflow_published: MlflowPublished = None,
    reports_published: ReportsPublished = None,
    metrics_port: MetricsPort = None,
    log_format: LogFormatFlag = None,
    verbose: Verbose = False,
) -> None:
    """Show how the model is on a web page: the verdict, since when, why, and what to do.

    It only reads the stream's topics, so any number may run. If CHURNSTREAM_HTTP_TOKEN is set, browsers are asked for
    that token. With --dir it shows what a demo or a backtest has kept, with the settings of that run, on the next free
    port. Ctrl-C or SIGTERM stops it.
    """
    import os

    from churnstream.demo.kept import forget_surroundings, kept_stream
    from churnstream.demo.page import PORT, page_port
    from dashboard import cli

    def show(port: int | None) -> None:
        cli.dashboard(
            host,
            port,
            bootstrap_servers,
            stream,
            topic_prefix,
            model_alias,
            tracking_uri,
            mlflow_published,
            reports_published,
            metrics_port,
            log_format,
            verbose,
        )

    if folder is None:
        show(port)
        return
    with kept_stream(folder) as variables:
        forget_surroundings(folder, keep=_OF_THE_PAGE)
        # the reports that the page makes are made by children, which have our environment
        os.environ.update(variables)
        asked = port if port is not None else os.environ.get("CHURNSTREAM_DASHBOARD_PORT")
        show(port if asked is not None else page_port(PORT))
