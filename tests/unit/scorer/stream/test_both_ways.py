"""Batches scored by columns and by structs: the same bytes, the same dead letters, whatever the stream has."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from random import Random

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from contract.messages import ModelRef
from contract.schema import Schema, load_schema
from scorer.kernels import check
from scorer.models.columns import CheckedColumns
from scorer.stream.batch import FEW, BatchScorer, ScoredBatch
from scorer.stream.reading import Raw
from scorer.testing import LogisticModel
from tests.support.fuzz.mutations import fuzzed_customers
from tests.support.messages import customer, encode, key
from tests.support.service.bad_input import NOW
from tests.support.sizes import size

SCHEMA = load_schema("bank_churn")
SEEDS = 5
MESSAGES = size(ci=2_000, full=200_000)
"""Of each seed."""
CHALLENGER = ModelRef("churn", 2, "challenger")


@dataclass
class ColumnModel(LogisticModel):
    """The logistic model by column, too. It fails on records of an ``Age`` in ``bad_ages``; ``calls`` counts."""

    schema: Schema = field(default=SCHEMA, kw_only=True)
    bad_ages: tuple[float, ...] = field(default=(), kw_only=True)
    bad_columns: bool = field(default=False, kw_only=True)
    calls: int = field(default=0, kw_only=True)

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        if any(row.Age in self.bad_ages for row in features):  # type: ignore[attr-defined]
            raise ValueError("an age that the model cannot take")
        return super().score(features)

    def score_columns(self, columns: CheckedColumns) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        self.calls += 1
        numbers = columns.values[self.schema.names.index(self.feature)]
        if self.bad_columns or np.isin(numbers, self.bad_ages).any():
            raise ValueError("an age that the model cannot take")
        numbers = np.where(np.isnan(numbers), self.centre, numbers)
        probabilities = 1.0 / (1.0 + np.exp(-(numbers - self.centre) / self.scale))
        return probabilities, (probabilities >= self.threshold).astype(np.uint8)


def result(scored: ScoredBatch, challenger: LogisticModel | None = None) -> object:
    beside = None if challenger is None else list(scored.beside(challenger))
    return list(scored.predictions), [(raw, str(rejection)) for raw, rejection in scored.rejected], beside


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("bad_ages", [(), (33.0, 41.0)], ids=["a good model", "one that fails"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_both_ways_give_the_same(seed: int, bad_ages: tuple[float, ...]) -> None:
    random = Random(seed)
    fast, slow = BatchScorer(SCHEMA), BatchScorer(SCHEMA, kernels=False)
    model = ColumnModel(bad_ages=bad_ages)
    challenger = ColumnModel(ref=CHALLENGER, centre=30.0, bad_ages=(25.0,))
    stream = fuzzed_customers(seed, valid=0.7)
    seen = predictions = 0
    while seen < MESSAGES:
        batch = islice(stream, random.choice((1, 10, 20, 100, 1_000)))
        messages = [Raw(seen + place, one.key, one.value, NOW) for place, one in enumerate(batch)]
        seen += len(messages)
        expected = slow.score(messages, 3, model, most_failed=None)
        assert result(fast.score(messages, 3, model, most_failed=None), challenger) == result(expected, challenger)
        predictions += len(expected.predictions)
    assert predictions > MESSAGES / 2
    assert model.calls > 0


def raw(i: int) -> Raw:
    record = customer(i)
    return Raw(i, key(record), encode(record), NOW)


def test_a_batch_of_usual_records_is_scored_by_column_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise AssertionError("decoded to structs")

    scorer = BatchScorer(SCHEMA)
    monkeypatch.setattr(scorer._definition, "all_records", fails)
    monkeypatch.setattr(scorer._definition, "record", fails)
    scored = scorer.score([raw(i) for i in range(100)], 0, ColumnModel())
    assert len(scored.predictions) == 100
    assert len(scored.beside(ColumnModel(ref=CHALLENGER))) == 100


def test_a_model_that_fails_on_columns_alone_is_scored_by_structs_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scorer = BatchScorer(SCHEMA)
    model = ColumnModel(bad_columns=True)
    messages = [raw(i) for i in range(FEW)]
    for _ in range(3):
        expected = scorer.score(messages, 0, ColumnModel()).predictions
        assert list(scorer.score(messages, 0, model).predictions) == list(expected)
    assert caplog.text.count("model churn v1 fails on columns (ValueError") == 1


def test_a_challenger_that_fails_on_all_that_is_declined_and_scores_the_rest_is_not_broken() -> None:
    odd = [customer(i, Age=99) | {"record_id": 'a "b"'} for i in range(20)]
    messages = [raw(i) for i in range(60)]
    messages += [Raw(60 + i, key(record), encode(record), NOW) for i, record in enumerate(odd)]
    challenger = ColumnModel(ref=CHALLENGER, bad_ages=(99.0,))
    answers = BatchScorer(SCHEMA).score(messages, 0, ColumnModel()).beside(challenger)
    assert [answer is None for answer in answers] == [False] * 60 + [True] * 20


def test_without_numba_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [raw(i) for i in range(FEW)]
    expected = BatchScorer(SCHEMA).score(messages, 0, ColumnModel()).predictions
    monkeypatch.setattr(check, "available", lambda: False)
    model = ColumnModel()
    assert list(BatchScorer(SCHEMA).score(messages, 0, model).predictions) == list(expected)
    assert model.calls == 0


def test_a_schema_that_scores_whatever_comes_is_scored_the_same() -> None:
    features = tuple(msgspec.structs.replace(each, on_violation="score", missing=True) for each in SCHEMA.features)
    lenient = replace(SCHEMA, features=features)
    fast, slow = BatchScorer(lenient), BatchScorer(lenient, kernels=False)
    messages = [Raw(place, one.key, one.value, NOW) for place, one in enumerate(islice(fuzzed_customers(99), MESSAGES))]
    model = ColumnModel(schema=lenient)
    with np.errstate(over="ignore"):
        assert result(fast.score(messages, 0, model)) == result(slow.score(messages, 0, model))
    assert model.calls == 1
