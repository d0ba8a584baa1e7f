"""How the error is spent over comparisons on the same rows: what it adds up to, and what luck makes of it."""

import numpy as np
import pytest

from contract.arrays import Floats, Labels
from contract.settings import Settings
from training.quality.evaluate import compare
from training.registered import tags
from training.registered.tries import (
    ALPHA,
    MOST_COMPARISONS,
    Note,
    confidence,
    oldest_periods,
    read_notes,
    rows_name,
    share_rows,
)
from training.registered.versions import Version

HISTORIES, TRIES, ROWS = 200, 30, 1_500


def test_the_first_comparison_is_the_usual_one_and_all_together_err_no_more_than_stated() -> None:
    assert confidence(1) == 0.95
    spent = [(1 - confidence(number)) / 2 for number in range(1, MOST_COMPARISONS + 1)]
    assert sum(spent) < ALPHA
    assert sum(spent) == pytest.approx(ALPHA, rel=0.01)
    assert spent == sorted(spent, reverse=True)


def test_a_note_is_read_as_it_was_written() -> None:
    for note in (Note("customer/0", 3, 2), Note("time/1704067200000-1706745600000", 12, 1)):
        assert read_notes([note.key]) == [note]
    assert read_notes(["churnstream.compared/customer/0/x-2", tags.HISTORY + "champion", ""]) == []


def test_rows_are_known_again_by_seed_or_by_a_period_that_overlaps() -> None:
    assert share_rows("customer/0", "customer/0")
    assert not share_rows("customer/0", "customer/1")
    assert not share_rows("customer/0", "time/0-10")
    assert share_rows("time/0-10", "time/9-20")
    assert share_rows("time/9-20", "time/0-10")
    assert not share_rows("time/0-10", "time/10-20")
    seven = Version(Settings(), 3, "", {tags.SPLIT_SEED: "7", tags.TEST_SHARE: "0.2"})
    assert rows_name(seven) == "customer/7"


def test_only_notes_of_the_oldest_periods_are_forgotten() -> None:
    noted = [Note("customer/0", 2, 1), Note("time/5-9", 4, 1), Note("time/0-4", 3, 1)]
    assert oldest_periods(noted, most=3) == []
    assert oldest_periods(noted, most=2) == [Note("time/0-4", 3, 1)]
    assert oldest_periods(noted, most=0) == [Note("time/0-4", 3, 1), Note("time/5-9", 4, 1)]


def model(rng: np.random.Generator, truth: Floats, error: float) -> Floats:
    """Probabilities that are off the truth, by log-odds, by so much."""
    return np.asarray(1 / (1 + np.exp(-(np.log(truth / (1 - truth)) + rng.normal(0, error, len(truth))))))


def moved(seed: int, *, spending: bool) -> bool:
    """Whether one of ``TRIES`` challengers, all as good as the champion, takes the alias on the same held-out rows."""
    rng = np.random.default_rng([18, seed])
    truth: Floats = rng.beta(0.7, 2.8, ROWS).clip(0.01, 0.99)
    y: Labels = (rng.random(ROWS) < truth).astype(np.int64)
    champion = model(rng, truth, 0.5)
    return any(
        compare(y, model(rng, truth, 0.5), champion, confidence=confidence(number if spending else 1)).better
        for number in range(1, TRIES + 1)
    )


def test_thirty_challengers_no_better_than_the_champion_rarely_take_the_alias() -> None:
    """At most 5 % of histories; a binomial of 5 % gives 20 or more of 200 in 0.2 % of the runs."""
    assert sum(moved(seed, spending=True) for seed in range(HISTORIES)) < 20
    unspent = sum(moved(seed, spending=False) for seed in range(HISTORIES))
    assert unspent > HISTORIES * 0.1, "as it was: each try at 95 %"
