import numpy as np
import pytest

from contract.arrays import Floats
from training.table.sentinels import sentinel


def with_some(values: Floats, number: float, share: float = 0.1) -> Floats:
    found = values.astype(np.float64)
    found[np.random.default_rng(1).random(len(values)) < share] = number
    return found


AGES = np.random.default_rng(0).integers(18, 93, 2_000)
AMOUNTS = np.random.default_rng(0).lognormal(8, 1, 2_000)
GAINS = np.random.default_rng(0).normal(0, 300, 2_000).round()


@pytest.mark.parametrize(
    ("values", "number"), [(AGES, -999), (AGES, 999), (AGES, -1), (AMOUNTS, -1), (AMOUNTS, 99_999_999), (GAINS, -9_999)]
)
def test_a_number_apart_that_stands_for_not_known_is_found(values: Floats, number: float) -> None:
    assert sentinel(with_some(values, number)) == number


@pytest.mark.parametrize("values", [AGES, AMOUNTS, GAINS, AGES * 10.0, np.full(2_000, 999.0), np.arange(-50, 1_950)])
def test_usual_numbers_have_none(values: Floats) -> None:
    assert sentinel(values.astype(np.float64)) is None


def test_a_number_within_the_others_stands_for_itself() -> None:
    assert sentinel(with_some(AGES, 99)) is None
    assert sentinel(with_some(GAINS, -1)) is None
    assert sentinel(with_some(GAINS, -999)) is None
    assert sentinel(with_some(np.random.default_rng(0).integers(0, 5, 2_000), -1)) is None, "a scale, as it seems"


def test_a_few_rows_and_gaps_say_nothing() -> None:
    few = AGES.astype(np.float64)
    few[:3] = -999
    assert sentinel(few) is None
    assert sentinel(np.full(100, np.nan)) is None
