"""``churnstream join``, ``churnstream monitor`` and ``churnstream report``."""

from pathlib import Path
from typing import Annotated

import typer

from contract.messages import Role
from contract.worker.flags import (
    AlertRulesFile,
    BootstrapServers,
    Dataset,
    Instance,
    LogFormatFlag,
    MetricsPort,
    ModelName,
    Partitions,
    StateDir,
    StreamName,
    TopicPrefix,
    TrackingUri,
    Verbose,
)

Slide = Annotated[
    str | None, typer.Option(help="Time from one window's start to the next, e.g. 1d. The same for both workers.")
]
Lateness = Annotated[str | None, typer.Option(help="Longest time from record to label, e.g. 60d.")]
ReportStart = Annotated[
    str, typer.Argument(help="Start of the window, in UTC: 2025-01-25, 2025-01-25T06:00, or `latest`.")
]
ReportVersion = Annotated[
    int | None, typer.Option(min=0, help="Version of the model. Default: the newest one with such a window.")
]
ReportRole = Annotated[Role, typer.Option(help="The version's role when it scored.")]
ReportFile = Annotated[
    Path | None, typer.Option(help="File to write.", show_default="in this folder, named after the window")
]


def join(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    dataset: Dataset = None,
    state_dir: StateDir = None,
    slide: Slide = None,
    label_lateness: Lateness = None,
    instance: Instance = None,
    metrics_port: MetricsPort = None,
    log_format: LogFormatFlag = None,
    verbose: Verbose = False,
) -> None:
    """Join predictions with late labels, and write outcomes and panes exactly once.

    Reads `predictions` and `labels`, writes `outcomes`, `panes` and `dead-letters`. Start up to one per
    partition: they share the partitions. The store is a cache. If it is lost, it is rebuilt from the topics.

    Kafka is found through KAFKA_BOOTSTRAP_SERVERS; every librdkafka property passes through as KAFKA_…
    """
    from contract.worker.process import run_until_signalled, start_worker
    from contract.worker.scraping import metrics_served
    from monitor.join.worker import JoinWorker

    settings, schema = start_worker(
        "join",
        verbose,
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        partitions=partitions,
        dataset=dataset,
        state_dir=state_dir,
        slide=slide,
        label_lateness=label_lateness,
        instance=instance,
        metrics_port=metrics_port,
        log_format=log_format,
    )
    with metrics_served(settings):
        run_until_signalled(lambda stop: JoinWorker(settings, schema).run(stop))


def monitor(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    dataset: Dataset = None,
    state_dir: StateDir = None,
    window: Annotated[str | None, typer.Option(help="Length of a window, e.g. 7d. A multiple of the slide.")] = None,
    slide: Slide = None,
    label_lateness: Lateness = None,
    tracking_uri: TrackingUri = None,
    experiment: Annotated[str | None, typer.Option(help="MLflow experiment.")] = None,
    alert_rules: AlertRulesFile = None,
    mlflow_published: Annotated[
        str | None, typer.Option(envvar="CHURNSTREAM_MLFLOW_PUBLISHED", help="MLflow's address as browsers see it.")
    ] = None,
    metrics_port: MetricsPort = None,
    log_format: LogFormatFlag = None,
    verbose: Verbose = False,
) -> None:
    """Turn panes into windows: realised and estimated performance, drift, reports and alerts.

    Reads `panes`, writes `windows`, `alerts` and `versions`, logs metric timelines and Evidently reports to MLflow,
    and sends alerts to the sinks of --alert-rules. Only one monitor is active at a time. While MLflow is down, windows
    wait on disk. While a sink is down, its alerts wait on their topic. On SIGTERM, it first finishes reports and
    writes.
    """
    from contract.worker.process import start_worker
    from contract.worker.scraping import metrics_served
    from monitor.worker import run_monitor

    settings, schema = start_worker(
        "monitor",
        verbose,
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        partitions=partitions,
        dataset=dataset,
        state_dir=state_dir,
        window=window,
        slide=slide,
        label_lateness=label_lateness,
        mlflow_tracking_uri=tracking_uri,
        experiment=experiment,
        alert_rules=alert_rules,
        metrics_port=metrics_port,
        log_format=log_format,
    )
    with metrics_served(settings):
        run_monitor(settings, schema, mlflow_published or None)


def report(
    start: ReportStart,
    model: ModelName = None,
    version: ReportVersion = None,
    role: ReportRole = "champion",
    out: ReportFile = None,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    dataset: Dataset = None,
    state_dir: StateDir = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Make Evidently's drift report of any window, as one HTML file.

    Reads `windows` and `panes`, and the version's reference sample from MLflow. No monitor needs to run. Samples of
    a final window are deleted. Once Kafka has removed them, the command says where MLflow has a report.
    """
    from contract.kafka.reachability import require_kafka
    from contract.schema import load_schema
    from contract.settings import load_settings
    from contract.worker.logs import configure_logging
    from contract.worker.private import keep_files_private
    from monitor.on_demand.asked import start_asked
    from monitor.on_demand.making import make_report
    from monitor.on_demand.window import AskedWindow

    keep_files_private()
    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        dataset=dataset,
        state_dir=state_dir,
        mlflow_tracking_uri=tracking_uri,
        model_name=model,
    )
    configure_logging(verbose=False)
    asked = AskedWindow(settings.model_name, version, role, start_asked(start))
    schema = load_schema(settings.dataset)
    require_kafka(settings)
    print(make_report(settings, schema, asked, out).resolve())
