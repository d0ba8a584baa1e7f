"""``churnstream serve``."""

from typing import Annotated

import typer

from contract.worker.flags import (
    BootstrapServers,
    Dataset,
    LogFormatFlag,
    MetricsPort,
    ModelAlias,
    ModelName,
    Partitions,
    StreamName,
    TopicPrefix,
    TrackingUri,
    Verbose,
)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to; 127.0.0.1 by default.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 8080 by default, 0 for a free one.")] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Without Kafka: live metrics are kept here and logged to MLflow.")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
    mlflow_published: Annotated[
        str | None, typer.Option(envvar="CHURNSTREAM_MLFLOW_PUBLISHED", help="MLflow's address in your browser.")
    ] = None,
    reports_published: Annotated[
        str | None,
        typer.Option(envvar="CHURNSTREAM_REPORTS_PUBLISHED", help="Address of the report pages in your browser."),
    ] = None,
    metrics_port: MetricsPort = None,
    log_format: LogFormatFlag = None,
    verbose: Verbose = False,
) -> None:
    """Answer requests over HTTP with the registered model: predictions, labels, explanations.

    Each prediction is on Kafka's `predictions`, and each label on `labels`, before its request is answered. So
    requests are joined and measured like the stream. Try it at /docs. CHURNSTREAM_HTTP_TOKEN sets a bearer token.
    Ctrl-C or SIGTERM finishes the requests that have begun.
    """
    from contract.masking import public_address
    from contract.schema import load_schema
    from contract.settings import load_settings
    from contract.signals import tell_build
    from contract.worker.logs import configure_logging
    from contract.worker.process import start_worker
    from scorer.rest.server import serve as run

    flags = {
        "bootstrap_servers": bootstrap_servers,
        "stream": stream,
        "topic_prefix": topic_prefix,
        "partitions": partitions,
        "dataset": dataset,
        "model_name": model_name,
        "model_alias": model_alias,
        "mlflow_tracking_uri": tracking_uri,
        "http_host": host,
        "http_port": port,
        "metrics_port": metrics_port,
        "log_format": log_format,
    }
    if local:
        settings = load_settings(**flags)
        configure_logging(verbose, settings.log_format, "serve")
        tell_build("serve")
        schema = load_schema(settings.dataset)
    else:
        settings, schema = start_worker("serve", verbose, **flags)
    uri = settings.mlflow_tracking_uri
    pages = {
        "API: try it": "/docs",
        "Metric timelines in MLflow": mlflow_published or (public_address(uri) if uri.startswith("http") else None),
        "Drift reports": reports_published,
    }
    run(
        settings,
        schema,
        local=local,
        links={name: address for name, address in pages.items() if address},
        started=lambda address: print(f"answering on {address}", flush=True),
    )
