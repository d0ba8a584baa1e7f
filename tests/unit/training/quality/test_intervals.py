import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from contract.arrays import Floats, Labels
from training.quality import intervals
from training.quality.evaluate import evaluate
from training.quality.intervals import METRICS, ScoredRows, bootstrap, mcnemar, paired_bootstrap


def sample(rows: int, seed: int, blur: float = 0.0) -> tuple[Labels, Floats]:
    """Labels, and their true probabilities with noise on the logit."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-1, 1.5, rows)
    y = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return y, 1 / (1 + np.exp(-logit - blur * rng.normal(size=rows)))


def by_rows(y: Labels, p: Floats, threshold: float, seed: int, draws: int) -> dict[str, Floats]:
    """The bootstrap as its definition says it: scikit-learn's metrics of each draw."""
    rng = np.random.default_rng(seed)
    drawn = [evaluate(y[rows], p[rows], threshold) for rows in rng.integers(0, len(y), (draws, len(y)))]
    return {name: np.array([metrics[name] for metrics in drawn]) for name in METRICS}


@pytest.mark.parametrize("decimals", [1, 12])
def test_the_interval_is_that_of_scikit_learns_metrics_on_each_draw(decimals: int) -> None:
    y, p = sample(150, 0)
    p = p.round(decimals)  # with one decimal, nearly all probabilities are tied
    expected = by_rows(y, p, 0.4, seed=3, draws=40)
    found = bootstrap(y, p, 0.4, seed=3, draws=40)
    assert set(found) == set(METRICS)
    for name, (low, high) in found.items():
        by_hand = np.quantile(expected[name], [0.025, 0.975])
        if name == "calibration_error":
            value = evaluate(y, p, 0.4)[name]
            by_hand[0] = max(0, by_hand[0] - 2 * (expected[name].mean() - value))
        assert (low, high) == pytest.approx(tuple(by_hand), abs=1e-12), name


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize(("rows", "draws"), [(300, 3_500), (12_000, 85), (12_000, 84)])
def test_draws_that_are_measured_in_threads_give_what_they_give_one_after_another(
    rows: int, draws: int, repeated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, p = sample(rows, 4)
    customers = np.arange(rows) // 3 if repeated else None
    one, other = ScoredRows(p, 0.4), ScoredRows(sample(rows, 4, blur=1)[1], 0.3)
    found = []
    for beside_from in (rows + 1, 1):
        monkeypatch.setattr(intervals, "BESIDE_FROM", beside_from)
        alone = bootstrap(y, p, 0.4, seed=6, draws=draws, customers=customers)
        found.append((alone, paired_bootstrap(y, one, other, seed=6, draws=draws, customers=customers)))
    assert found[0] == found[1]


def test_probabilities_of_0_and_1_have_finite_intervals() -> None:
    y = np.array([0, 1] * 20)
    found = bootstrap(y, (y ^ (np.arange(40) == 0)).astype(np.float64), 0.5, seed=0, draws=200)
    assert all(np.isfinite(end) for ends in found.values() for end in ends)


def test_every_metrics_interval_holds_the_true_value_as_often_as_it_says() -> None:
    y, p = sample(400_000, 99, blur=0.5)
    truth = evaluate(y, p, 0.4)
    held = dict.fromkeys(METRICS, 0)
    samples = 200
    for number in range(samples):
        part = slice(number * 1_000, (number + 1) * 1_000)
        for name, (low, high) in bootstrap(y[part], p[part], 0.4, seed=number, draws=200).items():
            held[name] += low <= truth[name] <= high
    for name in METRICS:  # 190 are expected of 200
        assert 180 <= held[name] <= 199, name


def test_the_calibration_errors_interval_holds_its_value_and_that_of_a_perfect_model() -> None:
    for seed in range(20):
        y, p = sample(1_000, seed)
        low, high = bootstrap(y, p, 0.4, seed=0, draws=200)["calibration_error"]
        assert 0 <= low <= evaluate(y, p, 0.4)["calibration_error"] <= high
        assert low < 0.02  # the truth is 0; the value is 0.03 or so by chance alone


def test_swapping_two_models_turns_the_differences_round() -> None:
    y, p = sample(500, 1)
    one, other = ScoredRows(p, 0.4), ScoredRows(sample(500, 1, blur=1)[1], 0.3)
    there, back = paired_bootstrap(y, one, other, seed=5), paired_bootstrap(y, other, one, seed=5)
    for name in METRICS:
        assert there[name].value == -back[name].value
        assert (there[name].low, there[name].high) == pytest.approx((-back[name].high, -back[name].low), abs=1e-12)
        assert there[name].value != 0
    assert mcnemar(y, one, other).p == mcnemar(y, other, one).p
    assert mcnemar(y, one, other).only_first == mcnemar(y, other, one).only_second


def test_a_model_does_not_differ_from_itself() -> None:
    y, p = sample(300, 2)
    model = ScoredRows(p, 0.5)
    for difference in paired_bootstrap(y, model, model, seed=0, draws=50).values():
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
        assert not difference.beyond_noise
    assert mcnemar(y, model, model).p == 1


def test_the_difference_is_that_of_the_metrics_and_a_clear_one_is_beyond_noise() -> None:
    y, p = sample(3_000, 3)
    worse = sample(3_000, 3, blur=2)[1]
    here, there = evaluate(y, p, 0.4), evaluate(y, worse, 0.4)
    differences = paired_bootstrap(y, ScoredRows(p, 0.4), ScoredRows(worse, 0.4), seed=0)
    for name in METRICS:
        assert differences[name].value == pytest.approx(here[name] - there[name], abs=1e-12)
        assert differences[name].low < differences[name].value < differences[name].high
    assert differences["roc_auc"].low > 0
    assert differences["brier"].high < 0


def test_pairing_narrows_the_interval() -> None:
    y, p = sample(1_000, 4)
    near = sample(1_000, 4, blur=0.2)[1]
    low, high = bootstrap(y, p, 0.4, seed=0)["roc_auc"]
    difference = paired_bootstrap(y, ScoredRows(p, 0.4), ScoredRows(near, 0.4), seed=0)["roc_auc"]
    assert difference.high - difference.low < (high - low) / 3


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    y, p = sample(300, 5)
    assert bootstrap(y, p, 0.5, seed=1, draws=100) == bootstrap(y, p, 0.5, seed=1, draws=100)
    assert bootstrap(y, p, 0.5, seed=1, draws=100) != bootstrap(y, p, 0.5, seed=2, draws=100)


def decided(only_first: int, only_second: int, both: int = 30) -> tuple[Labels, ScoredRows, ScoredRows]:
    """Rows of label 1, of which one model or the other, or both, find as many as are asked for."""
    first = np.repeat([1.0, 0.0, 1.0], [only_first, only_second, both])
    second = np.repeat([0.0, 1.0, 1.0], [only_first, only_second, both])
    return np.ones(len(first), dtype=np.int64), ScoredRows(first, 0.5), ScoredRows(second, 0.5)


@pytest.mark.parametrize(("b", "c"), [(0, 1), (3, 9), (12, 12), (24, 0)])
def test_few_discordant_rows_are_tested_exactly(b: int, c: int) -> None:
    found = mcnemar(*decided(b, c))
    tail = sum(stats.binom.pmf(k, b + c, 0.5) for k in range(min(b, c) + 1))
    assert found.exact
    assert found.p == pytest.approx(min(1.0, 2 * tail))


@pytest.mark.parametrize(("b", "c"), [(5, 20), (59, 6), (80, 101)])
def test_many_are_tested_by_chi_square_with_the_correction(b: int, c: int) -> None:
    found = mcnemar(*decided(b, c))
    assert not found.exact
    assert (found.only_first, found.only_second) == (b, c)
    assert found.p == pytest.approx(stats.chi2.sf((abs(b - c) - 1) ** 2 / (b + c), 1))
    reference = reference_mcnemar([[30, b], [c, 0]], exact=False, correction=True)
    assert found.p == pytest.approx(reference.pvalue)


def test_as_many_on_both_sides_is_no_difference() -> None:
    assert mcnemar(*decided(40, 40)).p == 1
