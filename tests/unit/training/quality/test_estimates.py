"""Intervals in closed form: those of scipy and the bootstrap of independent rows, and wider where customers repeat."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score, roc_auc_score

from contract.arrays import Floats, Integers, Labels
from tests.support.sizes import size
from training.quality.estimates import IntervalEstimate, difference, f1, mean, roc_auc, share
from training.quality.intervals import bootstrap

Scored = tuple[Labels, Floats]


def alone(rows: int) -> Integers:
    return np.arange(rows, dtype=np.int64)


@pytest.fixture(scope="module")
def scored() -> Scored:
    rng = np.random.default_rng(7)
    y = (rng.random(800) < 0.25).astype(np.int64)
    return y, 1 / (1 + np.exp(-(rng.normal(size=800) + 1.4 * y - 1)))


def test_of_independent_rows_they_are_wilsons_and_students() -> None:
    hits = np.arange(200) < 46
    found = share(hits, alone(200))
    assert found is not None
    wilson = stats.binomtest(46, 200).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high))
    values = np.random.default_rng(0).normal(3, 2, 50)
    of_mean = mean(values, alone(50))
    assert of_mean is not None
    student = stats.t.interval(0.95, 49, values.mean(), stats.sem(values))
    assert (of_mean.low, of_mean.high) == pytest.approx(student)


def test_nothing_is_told_of_no_rows_or_of_one_label() -> None:
    nobody = np.array([], dtype=np.int64)
    assert share(nobody == 1, nobody) is None
    assert mean(nobody.astype(float), nobody) is None
    assert roc_auc(np.ones(5, dtype=np.int64), np.linspace(0, 1, 5), alone(5)) is None
    assert f1(np.zeros(5, dtype=np.int64), np.zeros(5, dtype=bool), alone(5)) is None


def test_roc_auc_and_f1_are_scikit_learns_with_intervals_near_the_bootstraps(scored: Scored) -> None:
    y, p = scored
    drawn = bootstrap(y, p, 0.5, seed=1, draws=2_000)
    for name, found, expected in (
        ("roc_auc", roc_auc(y, p, alone(len(y))), roc_auc_score(y, p)),
        ("f1", f1(y, p >= 0.5, alone(len(y))), f1_score(y, p >= 0.5)),
    ):
        assert found is not None
        assert found.value == pytest.approx(expected)
        assert (found.low, found.high) == pytest.approx(drawn[name], abs=0.012), name


def test_equal_scores_count_half() -> None:
    y = np.array([0, 0, 1, 1] * 20)
    scores = np.array([0.1, 0.5, 0.5, 0.9] * 20)
    found = roc_auc(y, scores, alone(80))
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(y, scores)) == pytest.approx(0.875)


def test_rows_that_repeat_a_customer_tell_nothing_more(scored: Scored) -> None:
    y, p = scored
    twelve = np.repeat(np.arange(len(y)), 12)
    many, scores = y[twelve], p[twelve]
    for one, repeated, naive in (
        (share(y == 1, alone(len(y))), share(many == 1, twelve), share(many == 1, alone(len(many)))),
        (mean(p, alone(len(y))), mean(scores, twelve), mean(scores, alone(len(many)))),
        (roc_auc(y, p, alone(len(y))), roc_auc(many, scores, twelve), roc_auc(many, scores, alone(len(many)))),
        (f1(y, p > 0.5, alone(len(y))), f1(many, scores > 0.5, twelve), f1(many, scores > 0.5, alone(len(many)))),
    ):
        assert one is not None
        assert repeated is not None
        assert naive is not None
        assert (repeated.low, repeated.high) == pytest.approx((one.low, one.high), abs=1e-3)
        assert naive.high - naive.low < 0.5 * (repeated.high - repeated.low)


def test_a_share_of_all_or_of_nobody_is_uncertain_by_customers_and_not_by_rows() -> None:
    customers = np.repeat(np.arange(10), 30)
    found = share(np.zeros(300, dtype=bool), customers)
    of_ten = share(np.zeros(10, dtype=bool), alone(10))
    assert found is not None
    assert of_ten is not None
    assert found.high == pytest.approx(of_ten.high)


def test_the_difference_of_two_shares_is_newcombes() -> None:
    first, second = share(np.arange(70) < 56, alone(70)), share(np.arange(80) < 48, alone(80))
    assert first is not None
    assert second is not None
    found = difference(first, second)
    # Newcombe 1998, table II, contrast (a), method 10
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_intervals_hold_the_truth_as_often_as_they_say_though_customers_repeat() -> None:
    rng = np.random.default_rng(20261128)
    trials, truth = size(ci=400, full=4_000), 0.3
    inside = {"share": 0, "mean": 0, "roc_auc": 0}
    for _ in range(trials):
        customers = np.repeat(np.arange(150), rng.integers(1, 8, 150))
        own = rng.beta(3, 7, 150)[customers]  # a customer's rows are alike
        hits = rng.random(len(customers)) < own
        y = (rng.random(150) < 0.4).astype(np.int64)[customers]
        scores = rng.normal(size=150)[customers] + 0.3 * rng.normal(size=len(customers)) + y
        found: dict[str, tuple[IntervalEstimate | None, float]] = {
            "share": (share(hits, customers), truth),
            "mean": (mean(hits.astype(np.float64), customers), truth),
            "roc_auc": (roc_auc(y, scores, customers), float(stats.norm.cdf(1 / np.sqrt(2 * 1.09)))),
        }
        for name, (estimate, expected) in found.items():
            assert estimate is not None
            inside[name] += estimate.low <= expected <= estimate.high
    error = 3 * np.sqrt(0.95 * 0.05 / trials)
    for name, count in inside.items():
        assert 0.93 - error <= count / trials <= 0.97 + error, name
