"""Models that fail: the record at fault is found in few calls, and a model that scores nothing is called broken."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import numpy.typing as npt
import pytest

from contract.records import features_type
from contract.schema import load_schema
from scorer.models.isolation import MOST_PROBED, BrokenModelError, Scored, halved, score_each
from scorer.models.scores import ModelAnswerError, checked_scores
from scorer.testing import FaultyModel, LogisticModel
from tests.support.messages import features

FEATURES = features_type(load_schema("bank_churn"))


def rows(count: int) -> list[msgspec.Struct]:
    """Records that are told apart by their ``EstimatedSalary``, 10,000 and their place."""
    return [msgspec.convert(features(place), FEATURES) for place in range(count)]


def at(*places: int) -> Callable[[msgspec.Struct], bool]:
    wanted = {10_000.0 + place for place in places}
    return lambda row: row.EstimatedSalary in wanted  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", ["raise", "nan", "infinite", "negative", "above one", "short", "long"])
@pytest.mark.parametrize("places", [(0,), (57,), (99,), (3, 4, 5, 98)])
def test_the_records_at_fault_are_found_and_the_others_scored_as_ever(fault: str, places: tuple[int, ...]) -> None:
    all_rows = rows(100)
    scored = score_each(FaultyModel(fails=at(*places), fault=fault), all_rows, 10)
    assert tuple(scored.failures) == places
    expected, decisions = LogisticModel().score(all_rows)
    good = [place for place in range(100) if place not in places]
    assert scored.probabilities[good].tolist() == expected[good].tolist()
    assert scored.decisions[good].tolist() == decisions[good].tolist()


def test_a_model_that_fails_on_nothing_is_called_once() -> None:
    model = FaultyModel(fails=at())
    assert score_each(model, rows(1_000), 10).failures == {}
    assert model.calls == 1


@pytest.mark.parametrize("count", [1, 2, 5, 17])
def test_the_number_of_calls_grows_with_the_culprits_and_the_logarithm_of_the_batch(count: int) -> None:
    places = np.random.default_rng(count).choice(4_096, count, replace=False).tolist()
    model = FaultyModel(fails=at(*places))
    scored = score_each(model, rows(4_096), 10)
    assert sorted(scored.failures) == sorted(places)
    assert model.calls <= 2 + 2 * count * math.log2(4_096) + count


@pytest.mark.parametrize("count", [11, 1_000, 10_000])
def test_a_model_that_fails_on_everything_is_broken_and_that_is_found_in_few_calls(count: int) -> None:
    model = FaultyModel()
    with pytest.raises(BrokenModelError, match=f"churn v1 scores none of the {count:,} records .ValueError.$"):
        score_each(model, rows(count), 10)
    assert model.calls <= 1 + MOST_PROBED


def test_few_records_may_all_be_at_fault() -> None:
    assert sorted(score_each(FaultyModel(), rows(10), 10).failures) == list(range(10))
    # of a model that works, any number
    assert len(score_each(FaultyModel(), rows(300), None).failures) == 300
    # and after too many in a row, none
    with pytest.raises(BrokenModelError):
        score_each(FaultyModel(), rows(1), 0)


def test_a_model_that_scores_some_records_is_not_broken() -> None:
    culprits = range(25, 1_000)
    assert len(score_each(FaultyModel(fails=at(*culprits)), rows(1_000), 10).failures) == len(culprits)


@dataclass
class _Short(LogisticModel):
    """Answers with too few decisions."""

    def score(self, features: Sequence[msgspec.Struct]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
        probabilities, decisions = super().score(features)
        return probabilities, decisions[:-1]


def test_an_answer_that_is_none_is_told() -> None:
    with pytest.raises(ModelAnswerError, match="churn v1 answered 2 records with shape"):
        checked_scores(_Short(), rows(2))
    with pytest.raises(ModelAnswerError, match="outside 0 to 1"):
        checked_scores(FaultyModel(fails=at(1), fault="above one"), rows(2))
    with pytest.raises(ModelAnswerError, match="not a number"):
        checked_scores(FaultyModel(fails=at(1), fault="nan"), rows(2))
    assert checked_scores(LogisticModel(), [])[0].shape == (0,)


@dataclass
class _Attempts:
    bad: set[int]
    tried: list[int] = field(default_factory=list)

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.tried.append(len(items))
        if self.bad.intersection(items):
            raise ValueError("bad")
        return [-item for item in items]


def test_halves_keep_the_order() -> None:
    attempts = _Attempts({2, 6})
    answers = halved(attempts, range(8))
    assert [answer if isinstance(answer, int) else None for answer in answers] == [0, -1, None, -3, -4, -5, None, -7]
    assert attempts.tried == [8, 4, 2, 2, 1, 1, 4, 2, 2, 1, 1]


def test_what_was_scored_is_an_array_of_probabilities() -> None:
    scored = score_each(FaultyModel(fails=at(1)), rows(2), 10)
    assert isinstance(scored, Scored)
    assert (scored.probabilities.dtype, scored.decisions.dtype) == (np.float64, np.uint8)
    assert np.isnan(scored.probabilities[1])
