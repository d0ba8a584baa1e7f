"""``churnstream dashboard``."""

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

Host = Annotated[str | None, typer.Option(help="Address to bind to; 127.0.0.1 unless given.")]
Port = Annotated[int | None, typer.Option(help="Port; 8090 unless given, 0 for a free one.")]
MlflowPublished = Annotated[
    str | None, typer.Option(envvar="CHURNSTREAM_MLFLOW_PUBLISHED", help="MLflow's address in your browser.")
]
ReportsPublished = Annotated[
    str | None, typer.Option(envvar="CHURNSTREAM_REPORTS_PUBLISHED", help="The report pages' address in your browser.")
]


def dashboard(
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
    that token. Ctrl-C or SIGTERM stops it.
    """
    from contract.masking import public_address
    from contract.settings import load_settings
    from contract.signals import tell_build
    from contract.worker.logs import configure_logging
    from contract.worker.private import keep_files_private
    from dashboard.serving.server import run_dashboard

    keep_files_private()
    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        model_alias=model_alias,
        mlflow_tracking_uri=tracking_uri,
        dashboard_host=host,
        dashboard_port=port,
        metrics_port=metrics_port,
        log_format=log_format,
    )
    configure_logging(verbose, settings.log_format, "dashboard")
    tell_build("dashboard")
    uri = settings.mlflow_tracking_uri
    run_dashboard(
        settings,
        mlflow_page=mlflow_published or (public_address(uri) if uri.startswith("http") else None),
        reports_page=reports_published,
        started=lambda address: print(f"the page: {address}", flush=True),
    )
