"""The confidence sequence of a mean: whether it may be looked at as often as one likes, and what it finds."""

import numpy as np
import pytest

from contract.arrays import Floats
from tests.support.simulated.challengers import TrueRows
from tests.support.sizes import size
from training.quality.sequential import log_capital, running_mean

STREAMS = size(ci=300, full=3_000)
LOOKS = range(100, 3_001, 100)


def differences(rng: np.random.Generator, count: int, champion: float, challenger: float) -> Floats:
    """Squared errors of a champion minus a challenger's, each with an error of its own."""
    rows = TrueRows.drawn(rng, count)
    return rows.gains(rows.model(rng, champion), rows.model(rng, challenger))


def test_thirty_looks_err_no_more_often_than_stated() -> None:
    """2.5 % of 300 streams are 8; with 17 or more of them a test of 2.5 % would be refuted with 99.8 %."""
    needed = -np.log(0.025)
    wrong = plain = 0
    for stream in range(STREAMS):
        found = differences(np.random.default_rng([7, stream]), LOOKS[-1], 0.5, 0.5)
        wrong += any(log_capital(found[:count], 0.0) >= needed for count in LOOKS)
        plain += any(found[:count].mean() > 1.96 * found[:count].std(ddof=1) / np.sqrt(count) for count in LOOKS)
    assert wrong < 0.025 * STREAMS + 3 * np.sqrt(0.025 * 0.975 * STREAMS)
    assert plain > 0.08 * STREAMS, "an interval for one look, looked at as often, errs far more often"


def test_a_better_challenger_is_found_and_a_worse_one_too() -> None:
    found = differences(np.random.default_rng(3), 6_000, 0.9, 0.4)
    better, worse = running_mean(found), running_mean(-found)
    assert better.above
    assert worse.below
    assert better.low < better.mean < better.high
    assert (worse.low, worse.high) == pytest.approx((-better.high, -better.low))


def test_the_sign_of_an_end_is_that_of_the_bets_against_no_difference() -> None:
    for stream in range(20):
        found = differences(np.random.default_rng([11, stream]), 1_500, 0.8, 0.4)
        assert running_mean(found, 0.9).above == (log_capital(found, 0.0) >= -np.log(0.05))


def test_more_confidence_and_fewer_differences_are_wider_and_order_has_no_say() -> None:
    found = differences(np.random.default_rng(5), 2_000, 0.7, 0.4)
    usual, sure, few = running_mean(found), running_mean(found, 0.999), running_mean(found[:500])
    assert sure.low < usual.low < usual.high < sure.high
    assert few.high - few.low > usual.high - usual.low
    assert running_mean(found[::-1]).low == pytest.approx(usual.low)


@pytest.mark.parametrize("values", [[], [1.0], [-1.0], [0.0] * 10, [-1.0, 1.0] * 5])
def test_ends_stay_where_a_mean_can_be(values: list[float]) -> None:
    found = running_mean(np.array(values))
    assert -1 <= found.low <= found.mean <= found.high <= 1
    assert not found.above
