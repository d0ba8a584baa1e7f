import numpy as np
import pytest

from contract.errors import UserError
from training.quality.costs import Costs, cost, costs_by_threshold, gain, read_costs

ALONE = np.arange(6, dtype=np.int64)
Y = np.array([1, 1, 0, 0, 0, 0])
P = np.array([0.9, 0.2, 0.8, 0.1, 0.3, 0.05])
COSTS = Costs(missed=50, needless=4)


def test_costs_and_gains_are_counted_by_hand() -> None:
    called = P >= 0.25  # one churner of two, and two who stay
    assert cost(Y, called, COSTS) == pytest.approx(1_000 * (50 + 2 * 4) / 6)
    nobody, everybody = np.zeros(6, dtype=bool), np.ones(6, dtype=bool)
    over_nobody, over_everybody = gain(Y, called, nobody, COSTS, ALONE), gain(Y, called, everybody, COSTS, ALONE)
    assert over_nobody is not None
    assert over_everybody is not None
    assert over_nobody.value == pytest.approx(1_000 * (100 - 58) / 6)
    assert over_everybody.value == pytest.approx(1_000 * (16 - 58) / 6)
    assert over_nobody.low < over_nobody.value < over_nobody.high


def test_costs_by_threshold_are_those_of_each_threshold() -> None:
    thresholds = np.array([0.0, 0.1, 0.25, 0.8, 0.95])
    one_by_one = [cost(Y, threshold <= P, COSTS) for threshold in thresholds]
    assert costs_by_threshold(Y, P, thresholds, COSTS).tolist() == pytest.approx(one_by_one)


@pytest.mark.parametrize("ratio", [0.5, 1, 5, 20])
def test_where_probabilities_are_right_no_threshold_costs_less(ratio: float) -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(1, 4, 400_000)
    y = (rng.random(len(p)) < p).astype(np.int64)
    costs = Costs(ratio, 1)
    grid = np.linspace(0, 1, 101)
    cheapest = float(costs_by_threshold(y, p, grid, costs).min())
    assert cost(y, p >= costs.threshold, costs) <= cheapest * 1.003


def test_no_costs_are_none() -> None:
    assert read_costs(None, None) is None
    assert read_costs(5, 1) == Costs(5, 1)


@pytest.mark.parametrize(
    ("missed", "needless", "said"),
    [
        (5, None, "--cost-fn needs --cost-fp"),
        (None, 1, "--cost-fp needs --cost-fn"),
        (0, 1, "--cost-fn got 0"),
        (5, -1, "--cost-fp got -1"),
        (float("nan"), 1, "--cost-fn got nan"),
        (5, float("inf"), "--cost-fp got inf"),
        (1e9, 1e-9, "further apart"),
    ],
)
def test_what_is_no_cost_is_refused_by_the_flags_name(missed: float | None, needless: float | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_costs(missed, needless)
