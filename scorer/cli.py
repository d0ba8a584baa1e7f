"""``churnstream score``."""

from typing import Annotated

import typer


def score(
    topic_prefix: Annotated[str | None, typer.Option(help="Put before every topic and group.")] = None,
    partitions: Annotated[int | None, typer.Option(help="Partitions of topics that are created.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Schema: a shipped name or a TOML file.")] = None,
    model_name: Annotated[str | None, typer.Option(help="Registered model.")] = None,
    model_alias: Annotated[str | None, typer.Option(help="Alias of the version that scores.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow, where the model is registered.")] = None,
    instance: Annotated[str | None, typer.Option(help="Stable name of this worker, for quick restarts.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what happens.")] = False,
) -> None:
    """Apply the registered model to the stream of customers, exactly once.

    Reads `customers`, writes `predictions` and `dead-letters`. Start as many as there are partitions; they share them.
    Ctrl-C or SIGTERM finishes the batch at hand.

    Kafka is found through KAFKA_BOOTSTRAP_SERVERS; every librdkafka property passes through as KAFKA_…
    (KAFKA_SASL_USERNAME is sasl.username).
    """
    from contract.process import run_until_signalled, start_worker
    from scorer.model import load_model
    from scorer.worker import ScorerWorker

    settings, schema = start_worker(
        verbose,
        topic_prefix=topic_prefix,
        partitions=partitions,
        dataset=dataset,
        model_name=model_name,
        model_alias=model_alias,
        mlflow_tracking_uri=tracking_uri,
        instance=instance,
    )
    models = [load_model(settings)]
    run_until_signalled(lambda stop: ScorerWorker(settings, schema, lambda: models).run(stop))
