"""What Prometheus is told of a scorer and a join at work on a real broker."""

from pathlib import Path

from prometheus_client import REGISTRY

from contract.kafka.transactions import BatchAbortedError
from contract.messages import ModelRef
from contract.schema import load_schema
from contract.settings import Settings
from contract.testing import ManualClock
from contract.topics import CUSTOMERS, LABELS, PREDICTIONS
from monitor.join.worker import JoinWorker
from scorer.stream.worker import ScorerWorker
from scorer.testing import LogisticModel
from tests.support.kafka.topics import send, stream_settings
from tests.support.messages import START, customer, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running

SCHEMA = load_schema("bank_churn")
RECORDS = 40


def value(name: str, **labels: str) -> float:
    """Of a metric of this process, which runs other tests as well."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def watermarks() -> list[dict[str, str]]:
    name = "churnstream_join_watermark_timestamp_seconds"
    return [one.labels for metric in REGISTRY.collect() if metric.name == name for one in metric.samples]


def lags(settings: Settings) -> dict[str, float]:
    """By partition of ``customers``, as far as it is shown."""
    return {
        sample.labels["partition"]: sample.value
        for metric in REGISTRY.collect()
        if metric.name == "churnstream_lag_records"
        for sample in metric.samples
        if sample.labels["topic"] == settings.topic(CUSTOMERS)
    }


def test_scorer_and_join_count_what_they_commit(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(RECORDS)] + [(b"x", b"no json")])
    send(settings, LABELS, [(key(label(i)), encode(label(i))) for i in range(RECORDS)])
    model = LogisticModel(ref=ModelRef("churn", 71))
    latencies = "churnstream_record_to_prediction_seconds_count"
    before = {name: value(name) for name in (latencies, "churnstream_batches_total", "churnstream_outcomes_total")}
    no_json = value("churnstream_dead_letters_total", reason="not-json")

    with running(ScorerWorker(settings, SCHEMA, lambda: model, clock=ManualClock(START))):
        eventually(
            lambda: value("churnstream_predictions_total", version="71") == RECORDS, message="not all are scored"
        )
    with running(JoinWorker(settings, SCHEMA)):
        eventually(
            lambda: value("churnstream_outcomes_total") == before["churnstream_outcomes_total"] + RECORDS,
            message="not all are joined",
        )
        assert value("churnstream_join_kept", what="predictions") == RECORDS
        eventually(lambda: {one["of"] for one in watermarks()} == {"predictions", "labels"}, message="its watermarks")
    assert watermarks() == []

    assert value("churnstream_records_total", topic=settings.topic(CUSTOMERS)) == RECORDS + 1
    assert value("churnstream_records_total", topic=settings.topic(PREDICTIONS)) == RECORDS
    assert value("churnstream_records_total", topic=settings.topic(LABELS)) == RECORDS
    assert value("churnstream_dead_letters_total", reason="not-json") == no_json + 1
    assert value("churnstream_batches_total") >= before["churnstream_batches_total"] + 2
    assert value(latencies) >= before[latencies] + 2
    # the lag of partitions that were given back is nobody's
    assert lags(settings) == {}


def test_the_lag_of_what_is_read_is_known(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(RECORDS)])

    with running(ScorerWorker(settings, SCHEMA, LogisticModel, clock=ManualClock(START))):
        eventually(
            lambda: lags(settings) == {str(partition): 0.0 for partition in range(settings.partitions)},
            message="the lag is 0",
        )


def test_a_worker_that_only_gives_batches_up_shows_how_far_it_falls_behind(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(RECORDS)])
    aborted = value("churnstream_batches_aborted_total")

    def give_up(step: str) -> None:
        if step == "after-scoring":
            raise BatchAbortedError("the test gives it up")

    model = LogisticModel()
    with running(ScorerWorker(settings, SCHEMA, lambda: model, clock=ManualClock(START), checkpoint=give_up)):
        eventually(lambda: sum(lags(settings).values()) == RECORDS, message="nothing counts as read")
        send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(RECORDS, 2 * RECORDS)])
        eventually(lambda: sum(lags(settings).values()) == 2 * RECORDS, message="the lag has grown")
    assert value("churnstream_batches_aborted_total") > aborted
