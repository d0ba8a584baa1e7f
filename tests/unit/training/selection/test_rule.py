"""The rule that chooses, on candidates made for it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from contract.arrays import Floats, Labels
from training.kinds.kinds import Pace
from training.quality.clusters import clusters_of
from training.quality.evaluate import evaluate
from training.quality.intervals import ScoredRows, paired_bootstrap
from training.selection.fitting import best_threshold
from training.selection.rule import AUC_TIE, rank, standard_error

ROWS = 3_000
RNG = np.random.default_rng(0)
TRUTH = RNG.random(ROWS) ** 2
Y: Labels = (RNG.random(ROWS) < TRUTH).astype(np.int64)


@dataclass
class Fake:
    scores: Floats
    threshold: float
    metrics: dict[str, float] = field(default_factory=dict)
    pace: Pace = "medium"

    def __post_init__(self) -> None:
        self.metrics = evaluate(Y, self.scores, self.threshold) | self.metrics


def noisy(spread: float, seed: int = 1, **metrics: float) -> Fake:
    scores = np.clip(TRUTH + np.random.default_rng(seed).normal(0, spread, ROWS), 0, 1)
    return Fake(scores, best_threshold(Y, scores), metrics)


def test_the_clearly_better_one_is_first_whatever_the_order() -> None:
    good, middling, poor = noisy(0.02), noisy(0.3), noisy(0.9)
    assert rank(Y, [poor, good, middling]).order == (1, 2, 0)
    assert rank(Y, [good, middling, poor]).order == (0, 1, 2)
    assert rank(Y, [poor, good, middling]).equal == 1


def test_among_those_equal_in_f1_the_auc_decides() -> None:
    first = noisy(0.02)
    # the order far below the threshold is nothing to F1
    low = first.scores < first.threshold / 2
    shuffled = first.scores.copy()
    shuffled[low] = np.random.default_rng(3).permutation(shuffled[low])
    second = Fake(shuffled, first.threshold)
    assert second.metrics["f1"] == first.metrics["f1"]
    assert second.metrics["roc_auc"] < first.metrics["roc_auc"] - AUC_TIE
    found = rank(Y, [second, first])
    assert (found.winner, found.equal) == (1, 2)
    assert "ROC AUC" in found.reason


@pytest.mark.parametrize(("pace", "winner"), [("quick", 1), ("medium", 0), ("slow", 0)])
def test_a_tie_goes_to_the_kind_that_scores_quicker(pace: Pace, winner: int) -> None:
    first = noisy(0.02)
    nearly = first.metrics["roc_auc"] - AUC_TIE / 2
    second = Fake(first.scores, first.threshold, {"roc_auc": nearly}, pace)
    assert rank(Y, [first, second]).winner == winner


def test_speed_is_nothing_where_the_auc_is_not_equal() -> None:
    first = noisy(0.02)
    worse = first.metrics["roc_auc"] - 2 * AUC_TIE
    assert rank(Y, [first, Fake(first.scores, first.threshold, {"roc_auc": worse}, "quick")]).winner == 0


def test_the_standard_error_is_the_one_that_a_paired_bootstrap_finds() -> None:
    first, second = noisy(0.1), noisy(0.4)
    drawn = paired_bootstrap(
        Y, ScoredRows(first.scores, first.threshold), ScoredRows(second.scores, second.threshold), seed=0, draws=2_000
    )["f1"]
    assert standard_error(Y, first, second) == pytest.approx((drawn.high - drawn.low) / (2 * 1.96), rel=0.06)
    assert standard_error(Y, first, first) == 0


def test_the_standard_error_goes_by_customers_where_they_repeat() -> None:
    first, second = noisy(0.1), noisy(0.4)
    # rows in which the models differ alike are one customer's
    customers = np.argsort(np.argsort(first.scores - second.scores)) // 10
    drawn = paired_bootstrap(
        Y,
        ScoredRows(first.scores, first.threshold),
        ScoredRows(second.scores, second.threshold),
        seed=0,
        draws=2_000,
        customers=customers,
    )["f1"]
    expected = (drawn.high - drawn.low) / (2 * 1.96)
    assert standard_error(Y, first, second, clusters_of(customers)) == pytest.approx(expected, rel=0.06)
    assert expected > 1.05 * standard_error(Y, first, second)


def test_what_one_customer_alone_tells_makes_no_candidate_better() -> None:
    first, second = noisy(0.1), noisy(0.4)
    assert rank(Y, [second, first]).equal == 1
    assert rank(Y, [second, first], np.zeros(ROWS, dtype=np.int64)).equal == 2
