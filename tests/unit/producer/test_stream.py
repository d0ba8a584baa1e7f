from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.messages import Label
from contract.records import Record, record_type
from contract.schema import load_schema
from contract.topics import CUSTOMERS, LABELS
from producer.scenario import Scenario
from producer.scenario_options import ScenarioOptions
from producer.sources import open_table
from producer.stream import StreamMessage, stream
from producer.synthetic import SyntheticBank
from tests.unit.producer.tables import SURNAME, csv, table

SCHEMA = load_schema("bank_churn")
RECORD = msgspec.json.Decoder(record_type(SCHEMA))
LABEL = msgspec.json.Decoder(Label)
DAY = 86_400_000
DRIFTS = (
    "Age:shift=8,from=10d",
    "Geography:mix=0.5,to=Germany,from=5d",
    "flip=0.2,where=Age=40..60",
    "Tenure:missing=0.3,until=20d",
)


def replayed(rows: int, scenario: Scenario, name: str = "test", chunk_rows: int = 1_000) -> list[StreamMessage]:
    return list(stream(SyntheticBank(rows, 7, chunk_rows=chunk_rows), scenario, name))


def records(messages: list[StreamMessage]) -> list[Record]:
    return [RECORD.decode(message.value) for message in messages if message.topic == CUSTOMERS]


def labels(messages: list[StreamMessage]) -> dict[str, Label]:
    found = [LABEL.decode(message.value) for message in messages if message.topic == LABELS]
    assert len({label.record_id for label in found}) == len(found)
    return {label.record_id: label for label in found}


def test_every_record_is_valid_and_gets_one_label_later() -> None:
    messages = replayed(2_500, Scenario())

    made, later = records(messages), labels(messages)

    assert [record.record_id for record in made] == [f"bank_churn-test-{row}" for row in range(2_500)]
    assert later.keys() == {record.record_id for record in made}
    for record in made:
        label = later[record.record_id]
        assert label.customer_id == record.customer_id
        assert 0 <= label.event_time - record.event_time <= 20 * DAY


def test_messages_stand_in_event_time_order_and_say_their_own_time_and_key() -> None:
    messages = replayed(2_500, Scenario())

    assert all(one.event_time <= other.event_time for one, other in pairwise(messages))
    for message in messages:
        value = msgspec.json.decode(message.value)
        assert value["event_time"] == message.event_time
        assert value["customer_id"].encode() == message.key
    first_label = next(i for i, message in enumerate(messages) if message.topic == LABELS)
    assert any(message.topic == CUSTOMERS for message in messages[first_label:])


def test_labels_are_never_in_a_record() -> None:
    for message in replayed(100, Scenario()):
        if message.topic == CUSTOMERS:
            value = msgspec.json.decode(message.value)
            assert value.keys() == {"record_id", "customer_id", "event_time", "features"}
            assert value["features"].keys() == set(SCHEMA.names)


@settings(max_examples=10, deadline=None)
@given(chunk_rows=st.integers(3, 120))
def test_the_stream_does_not_depend_on_the_chunk_size(chunk_rows: int) -> None:
    scenario = ScenarioOptions(label_share=0.8, drifts=DRIFTS).build(SCHEMA)

    assert replayed(120, scenario, chunk_rows=chunk_rows) == replayed(120, scenario)


def test_another_name_gives_other_ids_and_delays_for_the_same_customers() -> None:
    one, other = replayed(200, Scenario()), replayed(200, Scenario(), "other")

    assert [record.features for record in records(one)] == [record.features for record in records(other)]
    assert not labels(one).keys() & labels(other).keys()
    assert [label.event_time for label in labels(one).values()] != [
        label.event_time for label in labels(other).values()
    ]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_given_share_of_records_gets_a_label(share: float) -> None:
    assert len(labels(replayed(2_000, Scenario(label_share=share)))) == pytest.approx(2_000 * share, abs=60)


def test_labels_of_those_who_leave_may_come_sooner_and_those_of_others_never() -> None:
    plain = labels(replayed(2_000, Scenario()))
    options = ScenarioOptions(label_delay="5d", positive_label_delay="1d", label_share=0.9, negative_label_share=0.5)
    scenario = options.build(SCHEMA)
    messages = replayed(2_000, scenario)
    times = {record.record_id: record.event_time for record in records(messages)}
    found = labels(messages)
    for value, delay, share in ((1, DAY, 0.9), (0, 5 * DAY, 0.5)):
        of_value = [label for label in found.values() if label.label == value]
        assert {label.event_time - times[label.record_id] for label in of_value} == {delay}
        assert len(of_value) == pytest.approx(share * sum(each.label == value for each in plain.values()), rel=0.1)
    # what became of a customer is the same, and so is the stream when it is sent again
    assert all(label.label == plain[name].label for name, label in found.items())
    assert replayed(2_000, scenario, chunk_rows=77) == messages
    assert scenario.last_event_time(2_000) == max(times.values()) + 5 * DAY


def test_covariate_drift_moves_synthetic_labels_and_flips_turn_them() -> None:
    calm = labels(replayed(5_000, Scenario()))
    older = labels(replayed(5_000, ScenarioOptions(drifts=("Age:shift=8",)).build(SCHEMA)))
    turned = labels(replayed(5_000, ScenarioOptions(drifts=("flip=1,where=Gender=Female",)).build(SCHEMA)))

    churned = {
        name: sum(label.label for label in found.values()) / 5_000 for name, found in (("calm", calm), ("older", older))
    }
    assert churned["older"] > churned["calm"] + 0.05
    changed = sum(calm[record].label != turned[record].label for record in calm) / 5_000
    assert changed == pytest.approx(0.4543, abs=0.02)


def test_a_tables_own_labels_stay_when_its_features_drift(tmp_path: Path) -> None:
    source = open_table(csv(tmp_path, table(30)), SCHEMA)

    messages = list(stream(source, ScenarioOptions(drifts=("Age:shift=8",)).build(SCHEMA), "test"))

    assert [record.features.Age for record in records(messages)] == [28.0 + i for i in range(30)]  # type: ignore[attr-defined]
    found = labels(messages)
    assert [found[f"bank_churn-test-{row}"].label for row in range(30)] == table(30)["Exited"].tolist()


def test_private_columns_are_in_no_message(tmp_path: Path) -> None:
    source = open_table(csv(tmp_path, table(30)), SCHEMA)

    assert not any(SURNAME.encode() in message.key + message.value for message in stream(source, Scenario(), "test"))


def test_a_label_without_delay_follows_its_record() -> None:
    messages = replayed(3, ScenarioOptions(label_delay="0s").build(SCHEMA))

    assert [message.topic for message in messages] == [CUSTOMERS, LABELS] * 3
