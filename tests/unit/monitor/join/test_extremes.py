"""The largest numbers that a schema admits, from the topic through store and panes: exact in any order."""

import tempfile
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER
from contract.messages import ModelRef, Prediction, encode, prediction_type
from contract.panes import FEATURE_UNIT, Pane
from contract.schema import parse_schema
from contract.windows import Drift
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from tests.support import one_by_one
from tests.support.join.log import RULES, LoggedWorker, PartitionLog
from tests.support.messages import START

SCHEMA = parse_schema(
    {
        "name": "money",
        "id": "id",
        "label": {"column": "y"},
        "on_violation": "score",
        "features": {"amount": {"kind": "numeric"}, "signup_ms": {"kind": "ordinal"}, "active": {"kind": "flag"}},
    }
)
# makes many stores, and is not about what a disk does
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
_decode = msgspec.json.Decoder(prediction_type(SCHEMA)).decode


def _prediction(number: int, amount: float, signup: int) -> Prediction:
    """As it comes from the topic."""
    value = {
        "record_id": f"r{number}",
        "customer_id": f"c{number}",
        "event_time": START + number,
        "features": {"amount": amount, "signup_ms": signup, "active": number % 2},
        "probability": 0.3,
        "predicted": 0,
        "threshold": 0.5,
        "model": {"name": "m", "version": 1, "role": "champion"},
        "source": None,
    }
    return _decode(msgspec.json.encode(value))


VALUES = [
    (number, amount, signup)
    for number, (amount, signup) in enumerate(
        [(LARGEST_NUMBER, LARGEST_INTEGER), (-LARGEST_NUMBER, -LARGEST_INTEGER), (0.1, 0), (1e14, 1)] * 3
        + [(LARGEST_NUMBER, LARGEST_INTEGER)] * 9
        + [(1.7e12 + number, 1_700_000_000_000) for number in range(12)]
    )
]


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_the_largest_numbers_are_exact_in_any_order_and_outlast_a_restart(seed: int, tmp_path: Path) -> None:
    shuffled = list(VALUES)
    Random(seed).shuffle(shuffled)
    partition = PartitionLog()
    for value in shuffled:
        partition.predictions.append(_prediction(*value))
    worker = LoggedWorker(partition, tmp_path, schema=SCHEMA)
    while worker.lag:
        worker.step(5)
        worker.close()
        worker = LoggedWorker(partition, tmp_path, schema=SCHEMA)
    (pane,) = partition.panes.values()
    amounts = pane.summary.numeric["amount"]
    assert amounts.total == sum(round(amount * FEATURE_UNIT) for _, amount, _ in VALUES)
    assert (amounts.minimum, amounts.maximum) == (-LARGEST_NUMBER, LARGEST_NUMBER)
    signups = pane.summary.numeric["signup_ms"]
    assert signups.total == sum(signup for _, _, signup in VALUES) * FEATURE_UNIT
    assert (signups.count, signups.maximum) == (len(VALUES), LARGEST_INTEGER)


def test_merged_windows_add_up_the_largest_sums() -> None:
    summary = one_by_one.empty()
    for _, amount, signup in VALUES:
        one_by_one.add_prediction(summary, SCHEMA, 0.3, 0, (amount, signup, 1))
    pane = Pane(partition=0, start=START, slide=1, model=ModelRef("m", 1), threshold=0.5, summary=summary)
    read = msgspec.json.decode(encode(pane), type=Pane).summary
    merged = one_by_one.merge([read] * 1_000, 0)
    assert merged.numeric["amount"].total == 1_000 * summary.numeric["amount"].total
    assert merged.numeric["amount"].total > 2**64


@pytest.mark.parametrize("version", [-1, 2**31, 2**70])
def test_a_version_that_mlflow_cannot_give_is_refused(version: int) -> None:
    sent = msgspec.to_builtins(_prediction(1, 1.0, 1))
    sent["model"]["version"] = version
    with pytest.raises(msgspec.ValidationError, match=r"\$\.model\.version"):
        _decode(msgspec.json.encode(sent))


_amounts = st.one_of(
    st.sampled_from([LARGEST_NUMBER, -LARGEST_NUMBER, 5e-324, -0.0, 1e14, 1.7e12, 0.1]),
    st.floats(-LARGEST_NUMBER, LARGEST_NUMBER),
)
_signups = st.one_of(st.sampled_from([LARGEST_INTEGER, -LARGEST_INTEGER]), st.integers(-(2**53), 2**53))


@given(st.lists(st.tuples(_amounts, _signups, st.integers(0, 1)), min_size=1, max_size=20), st.randoms())
def test_any_numbers_of_a_schema_come_exact_from_topic_through_store_and_panes_into_windows(
    values: list[tuple[float, int, int]], random: Random
) -> None:
    predictions = [_prediction(number, amount, signup) for number, (amount, signup, _) in enumerate(values)]
    book = WindowBook(
        WindowSpec(RULES.slide, RULES.slide),
        partitions=2,
        label_lateness=RULES.lateness,
        sample_size=100,
        judge=lambda _model, _sample, _previous: Drift(judged=False, drifted=False, share=0.0),
    )
    summaries = []
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        for number in range(2):
            partition = PartitionLog(number)
            chosen = [made for made, (_, _, where) in zip(predictions, values, strict=True) if where == number]
            random.shuffle(chosen)
            for made in chosen:
                partition.predictions.append(made)
            partition.end()
            worker = LoggedWorker(partition, Path(folder), schema=SCHEMA)
            worker.drain()
            worker.close()
            for pane in partition.panes.values():
                book.update(pane)
                summaries.append(pane.summary)
            assert partition.progress is not None
            book.update(partition.progress)
    (due,) = book.due()
    assert due.window.records == len(values)
    summary = one_by_one.merge(summaries, 0).numeric
    assert summary["amount"].total == sum(round(amount * FEATURE_UNIT) for amount, _, _ in values)
    assert summary["signup_ms"].total == sum(signup for _, signup, _ in values) * FEATURE_UNIT
    assert summary["amount"].minimum == min(amount for amount, _, _ in values)
    assert summary["amount"].maximum == max(amount for amount, _, _ in values)
