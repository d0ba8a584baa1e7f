"""``churnstream score``."""

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from contract.worker.flags import (
    BootstrapServers,
    Dataset,
    Instance,
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

if TYPE_CHECKING:
    from contract.schema import Schema
    from contract.settings import Settings
    from scorer.models.loaded import Model
    from scorer.models.swap import Champion


def score(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
    instance: Instance = None,
    metrics_port: MetricsPort = None,
    log_format: LogFormatFlag = None,
    wait_for_model: Annotated[
        bool, typer.Option("--wait-for-model", help="Wait for a first model instead of ending if there is none.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Apply the registered model to the stream of customers, exactly once.

    Reads `customers`, writes `predictions` and `dead-letters`. You can start as many scorers as there are partitions.
    Ctrl-C or SIGTERM finishes the current batch. If the alias moves to another version, that version takes over between
    two batches. If a version fails its checks, it is refused, and the scorer keeps the one it has. The version with
    the alias `challenger` scores the same records beside it, within CHURNSTREAM_CHALLENGER_BUDGET.

    Kafka is found through KAFKA_BOOTSTRAP_SERVERS; every librdkafka property passes through as KAFKA_…
    (KAFKA_SASL_USERNAME is sasl.username).
    """
    from contract.worker.process import run_until_signalled, start_worker
    from contract.worker.scraping import metrics_served
    from scorer.models.loaded import ModelRegistry
    from scorer.models.swap import Champion

    settings, schema = start_worker(
        "score",
        verbose,
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        partitions=partitions,
        dataset=dataset,
        model_name=model_name,
        model_alias=model_alias,
        mlflow_tracking_uri=tracking_uri,
        instance=instance,
        metrics_port=metrics_port,
        log_format=log_format,
    )
    with metrics_served(settings):
        champion = Champion(settings, source=ModelRegistry(settings, kept=True))
        if not wait_for_model:
            champion.load()
        run_until_signalled(lambda stop: _work(settings, schema, champion, stop))


def _work(settings: "Settings", schema: "Schema", champion: "Champion", stop: threading.Event) -> None:
    """Score with the model that is the champion at each batch, and beside it with the challenger."""
    from contract.worker.process import in_background
    from scorer.models.challenger import Challenger
    from scorer.stream.worker import ScorerWorker

    def model() -> "Model":
        if champion.model is None:
            raise RuntimeError("the worker began before a model was loaded")
        return champion.model

    if champion.model is None:
        champion.load_when_there(stop)
    if stop.is_set():
        return
    challenger = Challenger(settings, lambda: model().ref.version) if settings.challenger_budget else None
    with in_background(champion.run, *([challenger.run] if challenger else [])):
        ScorerWorker(settings, schema, model, challenger=challenger).run(stop)
