"""The scorer's worker on a real broker."""

import json
import os
import random
from pathlib import Path

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from contract.kafka.clients import idempotent_producer
from contract.kafka.control import MAX_CONTROL_BYTES, end_of_stream_message, is_end_of_stream
from contract.messages import ModelRef, Prediction
from contract.schema import load_schema
from contract.testing import ManualClock
from contract.topics import (
    CUSTOMERS,
    DEAD_LETTERS,
    LABELS,
    MAX_MESSAGE_BYTES,
    MAX_PREDICTION_BYTES,
    MAX_VALUE_BYTES,
    PREDICTIONS,
)
from contract.worker.clock import SystemClock
from monitor.join.incoming import IncomingReader
from monitor.join.worker import JoinWorker
from scorer.stream.batch import MOST_FAILED_IN_A_ROW
from scorer.stream.worker import ScorerWorker
from scorer.testing import FaultyModel, LogisticModel
from tests.support.kafka.topics import allow_messages_of, committed, end_stream, headers, send, stream_settings
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.service.bad_input import BAD_RECORDS, NOW

SCHEMA = load_schema("bank_churn")


def test_bad_input_goes_to_dead_letters_and_the_stream_goes_on(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    sent = []
    for i, bad in enumerate(BAD_RECORDS):
        sent += [(key(customer(i)), encode(customer(i))), (bad.key, bad.value)]
    send(settings, CUSTOMERS, sent)
    worker = ScorerWorker(settings, SCHEMA, LogisticModel, clock=ManualClock(NOW))
    with running(worker):
        eventually(
            lambda: worker.stats.predictions + worker.stats.dead_letters == len(sent), message="not all are through"
        )
    scored = {json.loads(message.value() or b"")["record_id"] for message in committed(settings, PREDICTIONS)}
    assert scored == {f"test-{i}" for i in range(len(BAD_RECORDS))}

    origins = {
        (message.partition(), message.offset()): (message.key(), message.value())
        for message in committed(settings, CUSTOMERS)
    }
    found = []
    for letter in committed(settings, DEAD_LETTERS):
        head = headers(letter)
        assert head["origin-topic"] == settings.topic(CUSTOMERS)
        assert head["time"] == str(NOW)
        assert letter.partition() == int(head["origin-partition"])
        origin = origins[int(head["origin-partition"]), int(head["origin-offset"])]
        assert (letter.key(), letter.value()) == origin
        found.append((letter.key(), letter.value(), head["reason"], head["field"]))
    assert sorted(found, key=repr) == sorted(
        ((bad.key, bad.value, str(bad.reason), bad.field) for bad in BAD_RECORDS), key=repr
    )


HOUR = 3_600_000


@pytest.mark.parametrize("wrong", [-HOUR, HOUR, -365 * DAY, 365 * DAY], ids=["-1h", "+1h", "-1y", "+1y"])
def test_with_the_clock_set_back_or_forward_the_scorer_gives_the_same_answers(
    broker: str, topic_prefix: str, tmp_path: Path, wrong: int
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    now = SystemClock().now()
    # plausible by the broker's clock up to a day from now, whatever the reader's shows
    times = [now - 400 * DAY, now, now + DAY - HOUR, now + DAY + HOUR, now + 300 * DAY]
    records = [customer(i, event_time=time) for i, time in enumerate(times)]
    send(settings, CUSTOMERS, [(key(record), encode(record)) for record in records])
    worker = ScorerWorker(settings, SCHEMA, LogisticModel, clock=ManualClock(now + wrong))
    with running(worker):
        eventually(lambda: worker.stats.predictions + worker.stats.dead_letters == len(times))
    found = [json.loads(message.value() or b"")["event_time"] for message in committed(settings, PREDICTIONS)]
    assert found == times[:3]
    assert [headers(letter)["reason"] for letter in committed(settings, DEAD_LETTERS)] == ["implausible-event-time"] * 2


def test_what_a_machine_with_a_wrong_clock_writes_is_taken_and_has_the_brokers_time(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    before = SystemClock().now()
    producer = idempotent_producer(settings)
    errors: list[object] = []
    for wrong in (-400 * DAY, -2 * HOUR, 2 * HOUR, 400 * DAY):
        producer.produce(
            settings.topic(PREDICTIONS),
            b"{}",
            timestamp=before + wrong,
            on_delivery=lambda error, _message: errors.append(error),
        )
    assert producer.flush(30) == 0
    assert errors == [None] * 4
    for message in committed(settings, PREDICTIONS):
        kind, time = message.timestamp()
        assert kind == TIMESTAMP_LOG_APPEND_TIME
        assert abs(time - before) < HOUR


def test_end_of_stream_is_passed_on_behind_the_last_prediction(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(50)])
    end_stream(settings, START)
    worker = ScorerWorker(settings, SCHEMA, LogisticModel)
    with running(worker):
        eventually(lambda: len(committed(settings, PREDICTIONS)) == 52)
    for partition in range(settings.partitions):
        found = [message for message in committed(settings, PREDICTIONS) if message.partition() == partition]
        assert [is_end_of_stream(message.headers()) for message in found] == [False] * (len(found) - 1) + [True]


def test_garbage_that_looks_like_the_end_of_the_stream_stops_neither_scorer_nor_join(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    value, ends = end_of_stream_message(START)
    passed_on = [(None, None), (None, b""), (None, b"{"), (None, b"\xff"), (None, b'{"event_time": 1e400}')]
    refused = [(b"c", value), (None, b"x" * (MAX_CONTROL_BYTES + 1)), (None, b"x" * 2_000_000)]
    for topic in (CUSTOMERS, LABELS):
        send(settings, topic, passed_on + refused, headers=[*ends, ("foreign", os.urandom(50_000))])
        send(settings, topic, [(None, value)], headers=[("churnstream-control", b"pause")])
    send(settings, CUSTOMERS, [(key(customer(1)), encode(customer(1)))])
    send(settings, LABELS, [(key(label(1)), encode(label(1)))])
    scorer = ScorerWorker(settings, SCHEMA, LogisticModel)
    with running(scorer):
        eventually(lambda: (scorer.stats.predictions, scorer.stats.dead_letters) == (1, len(refused) + 1))
    found = committed(settings, PREDICTIONS)
    assert [(message.key(), message.value()) for message in found[:-1]] == passed_on
    # nobody's headers but ours travel on
    assert [message.headers() for message in found[:-1]] == [ends] * len(passed_on)
    join = JoinWorker(settings, SCHEMA)
    with running(join):
        eventually(lambda: join.stats.dead_letters == len(refused) + 1)
        eventually(lambda: join.stats.outcomes == 1)


def test_a_record_behind_the_end_of_the_stream_is_predicted_behind_it(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    for i in range(3):
        send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i)))])
        end_stream(settings, START, [CUSTOMERS])
    worker = ScorerWorker(settings, SCHEMA, LogisticModel)
    with running(worker):
        eventually(lambda: len(committed(settings, PREDICTIONS)) == 6)
    assert [m.key() for m in committed(settings, PREDICTIONS)] == [b"1000", None, b"1001", None, b"1002", None]


def test_predictions_stay_in_the_partition_and_order_of_their_records(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=3, batch_size=100)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(1_000)])
    worker = ScorerWorker(settings, SCHEMA, LogisticModel)
    with running(worker):
        eventually(lambda: worker.stats.predictions == 1_000)
    assert worker.stats.batches > 3
    records = [
        (m.partition(), m.key(), json.loads(m.value() or b"")["record_id"]) for m in committed(settings, CUSTOMERS)
    ]
    predictions = [
        (m.partition(), m.key(), json.loads(m.value() or b"")["record_id"]) for m in committed(settings, PREDICTIONS)
    ]
    assert predictions == records


def test_the_champion_is_asked_for_once_a_batch(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1, batch_size=10)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(100)])
    versions = iter(range(1, 1_000))

    def champion() -> LogisticModel:
        model = LogisticModel()
        model.ref = type(model.ref)("churn", next(versions))
        return model

    worker = ScorerWorker(settings, SCHEMA, champion)
    with running(worker):
        eventually(lambda: worker.stats.predictions == 100)
    used = [json.loads(m.value() or b"")["model"]["version"] for m in committed(settings, PREDICTIONS)]
    assert used == sorted(used)
    assert len(set(used)) == worker.stats.batches


def test_the_largest_value_that_the_topic_takes_does_not_stop_the_scorer(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    # random, so that compression cannot make room; 200 bytes are the batch's own
    largest = os.urandom(MAX_MESSAGE_BYTES - 200)
    send(settings, CUSTOMERS, [(key(customer(1)), largest), (key(customer(2)), encode(customer(2)))])
    worker = ScorerWorker(settings, SCHEMA, LogisticModel)
    with running(worker):
        eventually(lambda: (worker.stats.predictions, worker.stats.dead_letters) == (1, 1), timeout=30)
    (letter,) = committed(settings, DEAD_LETTERS)
    assert letter.value() == largest
    assert headers(letter)["reason"] == "too-large"


def of_size(i: int, size: int) -> bytes:
    """A valid record of ``size`` bytes, whose salary has hundreds of thousands of random digits."""
    value = encode(customer(i))
    digits = "".join(random.Random(i).choices("0123456789", k=size - len(value)))
    return value.replace(f"{10_000.0 + i}".encode(), f"{10_000.0 + i}{digits}".encode())


def test_what_is_accepted_at_the_bound_can_be_read_where_it_is_published(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    records = [of_size(1, MAX_VALUE_BYTES), of_size(2, MAX_VALUE_BYTES + 1)]
    assert [len(record) for record in records] == [MAX_VALUE_BYTES, MAX_VALUE_BYTES + 1]
    send(settings, CUSTOMERS, [(key(customer(i)), record) for i, record in enumerate(records, start=1)])
    model = LogisticModel(ref=ModelRef("\x01" * 256, 2**31 - 1))  # its name takes six bytes a letter
    worker = ScorerWorker(settings, SCHEMA, lambda: model, clock=ManualClock(NOW))
    with running(worker):
        eventually(lambda: (worker.stats.predictions, worker.stats.dead_letters) == (1, 1))
    (prediction,) = committed(settings, PREDICTIONS)
    assert MAX_VALUE_BYTES < len(prediction.value() or b"") <= MAX_PREDICTION_BYTES
    assert isinstance(IncomingReader(SCHEMA).prediction(prediction).content, Prediction)
    (letter,) = committed(settings, DEAD_LETTERS)
    assert letter.value() == records[1]
    assert headers(letter)["reason"] == "too-large"


@pytest.mark.parametrize(("key_bytes", "value_bytes"), [(4, 12_000_000), (11_000_000, 1_000)], ids=["value", "key"])
def test_a_message_too_large_for_our_topics_is_cut_in_its_dead_letter(
    broker: str, topic_prefix: str, tmp_path: Path, key_bytes: int, value_bytes: int
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    # customers is somebody else's topic
    allow_messages_of(settings, CUSTOMERS, 20_000_000)
    large = os.urandom(key_bytes), os.urandom(value_bytes)
    send(settings, CUSTOMERS, [large, (key(customer(2)), encode(customer(2)))], max_bytes=20_000_000)
    worker = ScorerWorker(settings, SCHEMA, LogisticModel)
    with running(worker):
        eventually(lambda: (worker.stats.predictions, worker.stats.dead_letters) == (1, 1), timeout=30)
    (letter,) = committed(settings, DEAD_LETTERS)
    said = headers(letter)
    assert said["cut"] == ("key" if key_bytes > value_bytes else "value")
    assert (said["original-key-bytes"], said["original-value-bytes"]) == (str(key_bytes), str(value_bytes))
    assert (said["origin-topic"], said["origin-offset"]) == (settings.topic(CUSTOMERS), "0")
    assert large[0].startswith(letter.key() or b"none")
    assert large[1].startswith(letter.value() or b"none")


def test_a_record_that_the_model_cannot_score_is_a_dead_letter_and_the_stream_goes_on(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(100)])
    model = FaultyModel(fails=lambda row: row.EstimatedSalary == 10_057)  # type: ignore[attr-defined]
    worker = ScorerWorker(settings, SCHEMA, lambda: model)
    with running(worker):
        eventually(lambda: (worker.stats.predictions, worker.stats.dead_letters) == (99, 1))
        send(settings, CUSTOMERS, [(key(customer(100)), encode(customer(100)))])
        eventually(lambda: worker.stats.predictions == 100)
    (letter,) = committed(settings, DEAD_LETTERS)
    assert json.loads(letter.value() or b"")["record_id"] == "test-57"
    assert headers(letter)["reason"] == "not-scorable"
    assert headers(letter)["detail"] == "model churn v1 failed: ValueError"


def test_a_broken_model_turns_no_record_into_a_dead_letter_and_the_next_one_scores_them_all(
    broker: str, topic_prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i))) for i in range(30)])
    models: list[LogisticModel] = [FaultyModel()]
    worker = ScorerWorker(settings, SCHEMA, lambda: models[0])
    with running(worker):
        eventually(lambda: "counts as broken" in caplog.text)
        assert not committed(settings, PREDICTIONS)
        assert not committed(settings, DEAD_LETTERS)
        models[0] = LogisticModel(ref=ModelRef("churn", 2))
        eventually(lambda: worker.stats.predictions == 30)
    assert worker.stats.dead_letters == 0
    assert {json.loads(m.value() or b"")["model"]["version"] for m in committed(settings, PREDICTIONS)} == {2}
    assert caplog.text.count("counts as broken") == 1


def test_records_that_come_one_by_one_are_dead_letters_until_the_model_has_failed_on_ten_in_a_row(
    broker: str, topic_prefix: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1)
    model = FaultyModel(fails=lambda row: row.EstimatedSalary < 10_050)  # type: ignore[attr-defined]
    worker = ScorerWorker(settings, SCHEMA, lambda: model)
    with running(worker):
        for i in range(MOST_FAILED_IN_A_ROW):
            send(settings, CUSTOMERS, [(key(customer(i)), encode(customer(i)))])
            eventually(lambda count=i + 1: worker.stats.dead_letters == count)  # type: ignore[misc]
        send(settings, CUSTOMERS, [(key(customer(40)), encode(customer(40)))])
        eventually(lambda: "counts as broken" in caplog.text)
        assert worker.stats.dead_letters == MOST_FAILED_IN_A_ROW
        # one that it scores shows that it is not
        send(settings, CUSTOMERS, [(key(customer(60)), encode(customer(60)))])
        eventually(lambda: (worker.stats.predictions, worker.stats.dead_letters) == (1, MOST_FAILED_IN_A_ROW + 1))
