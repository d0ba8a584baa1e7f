"""The MLflow sink in a test: windows drained by it, and every point that a store then holds."""

from collections import Counter

import msgspec
from confluent_kafka import Message
from mlflow import MlflowClient
from mlflow.entities import Run

from contract.kafka.clients import idempotent_producer
from contract.kafka.stream_identity import STREAM_HEADER, stream_identity
from contract.messages import encode
from contract.settings import Settings
from contract.testing import ManualClock
from contract.topics import WINDOWS
from contract.windows import Window, WindowMessage
from monitor.mlflow_sink.offsets import WindowsTopic
from monitor.mlflow_sink.sink import MlflowSink
from tests.support.messages import DAY, START
from tests.support.windows import performance

CLOCK = ManualClock(1_800_000_000_000)
Point = tuple[int, int, float]
"""Step, timestamp, value."""


def fill(sink: MlflowSink, *messages: WindowMessage) -> None:
    """Spool messages as if they stood one behind the other on ``windows``, after those that wait."""
    begin = len(sink.spool)
    for offset, each in enumerate(messages, begin):
        sink.spool.append(each, offset)


def drain(settings: Settings, *messages: WindowMessage) -> None:
    """What a monitor does that is started, given windows, and stopped."""
    sink = MlflowSink(settings, CLOCK)
    fill(sink, *messages)
    sink.drain()
    assert len(sink.spool) == 0


def windows_topic(settings: Settings) -> WindowsTopic:
    """The stream's topic ``windows`` as the broker has it now."""
    return WindowsTopic(stream_identity(settings), stream_identity(settings, WINDOWS))


def publish(settings: Settings, *messages: WindowMessage, stream: str | None = None) -> list[int]:
    """Put messages on ``windows``, as the timeline does; returns their offsets."""
    stream = stream or stream_identity(settings)
    offsets: list[int] = []

    def note(error: object, message: Message) -> None:
        assert error is None, error
        offsets.append(message.offset() or 0)

    producer = idempotent_producer(settings)
    for each in messages:
        producer.produce(
            settings.topic(WINDOWS),
            key=each.key.encode(),
            value=encode(each),
            partition=0,
            headers={STREAM_HEADER: stream.encode()},
            on_delivery=note,
        )
    assert producer.flush(30) == 0
    return offsets


def runs(settings: Settings, client: MlflowClient | None = None) -> dict[str, Run]:
    client = client or MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    if experiment is None:
        return {}
    found = client.search_runs([experiment.experiment_id])
    names = [str(run.info.run_name) for run in found]
    assert len(names) == len(set(names)), "a run was made twice"
    return dict(zip(names, found, strict=True))


def history(settings: Settings, run: str, metric: str) -> list[Point]:
    """All points of a metric, in the order of step and timestamp."""
    client = MlflowClient(settings.mlflow_tracking_uri)
    return _history(client, runs(settings, client)[run], metric)


def points(settings: Settings) -> dict[tuple[str, str], list[Point]]:
    """Every point of every metric of every run."""
    client = MlflowClient(settings.mlflow_tracking_uri)
    return {
        (name, metric): _history(client, run, metric)
        for name, run in runs(settings, client).items()
        for metric in run.data.metrics
    }


def _history(client: MlflowClient, run: Run, metric: str) -> list[Point]:
    found = client.get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.timestamp, point.value) for point in found)


def assert_one_value_a_place(found: dict[tuple[str, str], list[Point]]) -> None:
    """No metric of a run has two values at one step and timestamp."""
    places = Counter((*metric, step, timestamp) for metric, each in found.items() for step, timestamp, _ in each)
    assert [place for place, count in places.items() if count > 1] == []


def end(day: int) -> int:
    return START + (day + 7) * DAY


def with_f1(each: Window, f1: float | None) -> Window:
    return msgspec.structs.replace(each, performance=performance(f1))
