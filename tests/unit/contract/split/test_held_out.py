import numpy as np
import pytest

from contract.errors import UserError
from contract.split.held_out import held_out

ROWS = 20_000
IDS = np.array([str(number) for number in range(ROWS)], dtype=object)


@pytest.mark.parametrize("share", [0.05, 0.15, 0.5])
def test_a_share_of_the_customers_is_held_out(share: float) -> None:
    deviation = (share * (1 - share) / ROWS) ** 0.5
    assert held_out(IDS, share=share).mean() == pytest.approx(share, abs=3 * deviation)


def test_another_seed_holds_out_other_customers_as_chance_has_it() -> None:
    first, second = held_out(IDS, seed=0), held_out(IDS, seed=1)
    assert (held_out(IDS, seed=1) == second).all()
    assert (first & second).sum() == pytest.approx(0.15**2 * ROWS, abs=63)  # three standard deviations


def test_a_customers_side_depends_on_nothing_else_in_the_table() -> None:
    order = np.random.default_rng(1).permutation(ROWS)
    assert (held_out(IDS[order]) == held_out(IDS)[order]).all()
    assert (held_out(IDS[:100]) == held_out(IDS)[:100]).all()
    assert held_out(IDS[:1].tolist()).tolist() == held_out(IDS)[:1].tolist()
    assert held_out([]).tolist() == []


def test_who_is_held_out_with_a_share_is_so_with_any_larger_one() -> None:
    assert not (held_out(IDS, share=0.1) & ~held_out(IDS, share=0.15)).any()


def test_sides_stay_over_releases() -> None:
    """Champions have learned from the others: whoever changes the hash must change ``SPLIT_RULE``."""
    assert np.flatnonzero(held_out(IDS[:60], seed=0)).tolist() == [3, 6, 20, 27, 33, 35, 37, 40, 54, 55, 57, 59]


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_is_between_0_and_1(share: float) -> None:
    with pytest.raises(UserError, match=r"--test-share got .*between 0 and 1"):
        held_out(IDS, share=share)
