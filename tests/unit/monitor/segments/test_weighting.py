"""Shares of scores with given means: exact where there are such, near to the base, and never without an end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.segments.weighting import weighted_to

PROBABILITY = np.array([0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95])


def test_the_reference_itself_needs_no_weights() -> None:
    base = np.array([[5.0, 40.0, 30.0, 10.0, 10.0, 4.0, 1.0]])
    shares = base / base.sum()
    found = weighted_to(base, PROBABILITY, shares @ PROBABILITY, shares @ PROBABILITY**2)
    assert found == pytest.approx(shares, abs=1e-9)


@given(st.lists(st.integers(0, 1_000), min_size=7, max_size=7), st.integers(0, 2**32 - 1))
def test_means_that_there_are_shares_for_are_met(counts: list[int], seed: int) -> None:
    base = np.array([counts], dtype=np.float64) + 1
    wanted = np.random.default_rng(seed).dirichlet(np.full(7, 2.0))
    found = weighted_to(base, PROBABILITY, np.array([wanted @ PROBABILITY]), np.array([wanted @ PROBABILITY**2]))
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    assert found[0] @ PROBABILITY == pytest.approx(wanted @ PROBABILITY, abs=1e-5)
    assert found[0] @ PROBABILITY**2 == pytest.approx(wanted @ PROBABILITY**2, abs=1e-5)


@pytest.mark.parametrize(("mean", "square"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.25), (0.5, 0.5), (0.001, 0.9)])
def test_means_that_no_shares_have_give_finite_ones(mean: float, square: float) -> None:
    base = np.ones((1, 7))
    found = weighted_to(base, PROBABILITY, np.array([mean]), np.array([square]))
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(1.0)
