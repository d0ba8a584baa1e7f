"""Rows of one customer tell less than as many rows of others: intervals and tests go by customers."""

import itertools

import numpy as np
import pytest

from contract.arrays import Floats, Integers, Labels
from tests.support.sizes import size
from training.quality.clusters import clusters_of, standard_error
from training.quality.evaluate import compare, evaluate
from training.quality.intervals import METRICS, ScoredRows, bootstrap, mcnemar, paired_bootstrap

THRESHOLD = 0.4


def panel(customers: int, seed: int, *, blur: float = 1.0) -> tuple[Labels, Floats, Floats, Integers]:
    """Labels, two equally good models' probabilities and customers, who have 1 to 12 rows each.

    What a model takes for a customer's chance is off by the same in all of the customer's rows.
    """
    rng = np.random.default_rng(seed)
    rows = np.repeat(np.arange(customers), rng.integers(1, 13, customers))
    logit = rng.normal(-0.8, 1.2, customers)[rows] + rng.normal(0, 0.3, len(rows))
    y = (rng.random(len(rows)) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    one, other = (1 / (1 + np.exp(-logit - blur * rng.normal(size=customers)[rows])) for _ in range(2))
    return y, one, other, rows


def test_customers_with_one_row_each_change_nothing() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.random(300), rng.random(300)
    y = (rng.random(300) < p).astype(np.int64)
    ids = np.array([f"C{number}" for number in rng.permutation(300)], dtype=object)
    first, second = ScoredRows(p, THRESHOLD), ScoredRows(q, THRESHOLD)
    assert clusters_of(ids) is clusters_of(None) is None
    assert compare(y, p, q, ids) == compare(y, p, q)
    assert bootstrap(y, p, 0.4, seed=1, draws=50, customers=ids) == bootstrap(y, p, 0.4, seed=1, draws=50)
    assert paired_bootstrap(y, first, second, seed=1, draws=50, customers=ids) == paired_bootstrap(
        y, first, second, seed=1, draws=50
    )
    assert mcnemar(y, first, second, ids) == mcnemar(y, first, second)


def test_the_standard_error_is_that_of_leaving_out_each_customer() -> None:
    rng = np.random.default_rng(1)
    clusters = np.array([0, 0, 1, 2, 2, 2, 3])
    values = rng.normal(size=7)
    means = np.array([values[clusters != each].mean() for each in range(4)])
    expected = np.sqrt(3 / 4 * ((means - values.mean()) ** 2).sum())
    assert standard_error(values, clusters) == (pytest.approx(expected), 4)
    each_alone = standard_error(values, np.arange(7))
    assert each_alone == (pytest.approx(values.std(ddof=1) / np.sqrt(7)), 7)


def test_of_one_customer_alone_nothing_is_proven() -> None:
    y = np.array([0, 1] * 20)
    found = compare(y, y.astype(np.float64), np.full(40, 0.5), np.zeros(40, dtype=np.int64))
    assert found.gain == 0.25
    assert not found.better


def test_a_draw_takes_all_rows_of_the_customers_that_it_draws() -> None:
    y, p, _, customers = panel(60, 3)
    p = p.round(2)
    rng = np.random.default_rng(5)
    rows_of = [np.flatnonzero(customers == each) for each in range(60)]
    drawn = [np.concatenate([rows_of[each] for each in draw]) for draw in rng.integers(0, 60, (40, 60))]
    measured = [evaluate(y[rows], p[rows], THRESHOLD) for rows in drawn]
    expected = {name: np.array([metrics[name] for metrics in measured]) for name in METRICS}
    found = bootstrap(y, p, THRESHOLD, seed=5, draws=40, customers=customers)
    for name in set(METRICS) - {"calibration_error"}:
        assert found[name] == pytest.approx(tuple(np.quantile(expected[name], [0.025, 0.975])), abs=1e-12), name


def test_intervals_hold_the_truth_as_often_as_they_say_though_customers_repeat() -> None:
    samples, customers = size(ci=100, full=2_000), 200
    truth_y, truth_p, _, _ = panel(50_000, 77)
    truth = evaluate(truth_y, truth_p, THRESHOLD)
    held = {"by row": dict.fromkeys(METRICS, 0), "by customer": dict.fromkeys(METRICS, 0)}
    for seed in range(samples):
        y, p, _, whose = panel(customers, 1_000 + seed)
        for how, given in (("by row", None), ("by customer", whose)):
            found = bootstrap(y, p, THRESHOLD, seed=seed, draws=100, customers=given)
            for name, (low, high) in found.items():
                held[how][name] += low <= truth[name] <= high
    deviation = np.sqrt(0.95 * 0.05 * samples)
    for name in set(METRICS) - {"calibration_error"}:
        assert abs(held["by customer"][name] - 0.95 * samples) < 3 * deviation + 0.01 * samples, (name, held)
    assert held["by row"]["roc_auc"] < 0.9 * samples
    assert held["by row"]["brier"] < 0.9 * samples


def test_equal_models_are_told_apart_as_seldom_as_stated_though_customers_repeat() -> None:
    samples = size(ci=500, full=10_000)
    better = {"by row": 0, "by customer": 0}
    apart = {"by row": 0, "by customer": 0}
    for seed in range(samples):
        y, one, other, whose = panel(150, 50_000 + seed)
        for how, given in (("by row", None), ("by customer", whose)):
            found = compare(y, one, other, given)
            better[how] += found.better or found.high < 0
            apart[how] += mcnemar(y, ScoredRows(one, THRESHOLD), ScoredRows(other, THRESHOLD), given).p < 0.05
    deviation = np.sqrt(0.05 * 0.95 * samples)
    assert abs(better["by customer"] - 0.05 * samples) < 3 * deviation, better
    assert apart["by customer"] < 0.05 * samples + 3 * deviation, apart
    assert better["by row"] > 0.05 * samples + 3 * deviation, better
    assert apart["by row"] > 0.05 * samples + 3 * deviation, apart


def test_few_customers_are_tried_with_every_sign() -> None:
    leads = {1: 3, 2: 1, 3: -2, 4: 2, 5: 1}
    rows: list[tuple[int, bool]] = [(whose, lead > 0) for whose, lead in leads.items() for _ in range(abs(lead))]
    rows += [(1, True), (1, False)]  # of each one, which is no lead
    first = ScoredRows(np.array([1.0 if right else 0.0 for _, right in rows]), 0.5)
    second = ScoredRows(np.array([0.0 if right else 1.0 for _, right in rows]), 0.5)
    found = mcnemar(np.ones(len(rows), dtype=np.int64), first, second, np.array([whose for whose, _ in rows]))
    # customer 1 leads by 3 still
    sums = [
        sum(s * abs(lead) for s, lead in zip(signs, leads.values(), strict=True))
        for signs in itertools.product((-1, 1), repeat=5)
    ]
    assert found.p == pytest.approx(np.mean([abs(each) >= sum(leads.values()) for each in sums]))
    assert found.exact
    assert (found.only_first, found.only_second) == (8, 3)
