import msgspec
import pytest

from contract.errors import UserError
from contract.schema import load_schema
from contract.topics import CUSTOMERS, LABELS
from producer.opening import open_source
from producer.repeated import RepeatedSource
from producer.scenario import Scenario
from producer.stream import stream
from producer.synthetic import SyntheticBank

SCHEMA = load_schema("bank_churn")


def test_each_pass_is_new_records_of_the_same_customers() -> None:
    source = RepeatedSource(SyntheticBank(50, 7), 3)

    sent = [(one.topic, msgspec.json.decode(one.value)) for one in stream(source, Scenario(), "again")]

    records = [value for topic, value in sent if topic == CUSTOMERS]
    customers = [record["customer_id"] for record in records]
    assert len(source) == len(records) == len({record["record_id"] for record in records}) == 150
    assert customers[:50] == customers[50:100] == customers[100:]
    assert [one["features"] for one in records[:50]] == [one["features"] for one in records[100:]]
    labels: dict[str, set[int]] = {}
    for topic, value in sent:
        if topic == LABELS:
            labels.setdefault(value["customer_id"], set()).add(value["label"])
    assert len(labels) == 50
    assert all(len(found) == 1 for found in labels.values())


def test_passes_are_part_of_the_replays_name() -> None:
    assert open_source(None, 50, 7, SCHEMA).name == "synthetic-50-7"
    assert open_source(None, 50, 7, SCHEMA, passes=3).name == "synthetic-50-7-3-passes"
    with pytest.raises(UserError, match="--passes got 0"):
        open_source(None, 50, 7, SCHEMA, passes=0)
