"""How the error is spent over comparisons on the same rows: what it adds up to, and what luck makes of it."""

from collections.abc import Iterable

import numpy as np
import pytest

from contract.arrays import Floats
from contract.settings import Settings
from tests.support.simulated.challengers import BETTER, GAIN, WORSE, TrueRows
from tests.support.sizes import size
from training.quality.evaluate import compare
from training.registered import tags
from training.registered.tries import (
    ALPHA,
    MOST_COMPARISONS,
    Note,
    confidence,
    read_notes,
    rows_name,
    share_rows,
    to_forget,
)
from training.registered.versions import Version

HISTORIES = size(ci=200, full=2_000)


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


def test_the_oldest_notes_are_forgotten_and_none_of_a_split_seed() -> None:
    noted = [Note("live/7", 8, 7), Note("customer/0", 2, 1), Note("time/5-9", 4, 1), Note("time/0-4", 3, 1)]
    assert to_forget(noted, most=4) == []
    assert to_forget(noted, most=3) == [Note("time/0-4", 3, 1)]
    assert to_forget(noted, most=0) == [Note("time/0-4", 3, 1), Note("time/5-9", 4, 1), Note("live/7", 8, 7)]


def takes(rows: TrueRows, champion: Floats, models: Iterable[Floats], *, spending: bool = True) -> bool:
    """Whether one of the challengers, compared one after the other on the same rows, takes the alias."""
    return any(
        compare(rows.y, model, champion, confidence=confidence(number if spending else 1)).better
        for number, model in enumerate(models, 1)
    )


def test_thirty_challengers_no_better_than_the_champion_rarely_take_the_alias() -> None:
    """At most 5 % of histories: of 200, a binomial of 5 % gives 20 or more in 0.2 % of the runs."""
    moved = moved_unspent = 0
    for history in range(HISTORIES):
        rng = np.random.default_rng([18, history])
        rows = TrueRows.drawn(rng, 1_500)
        champion, *models = (rows.model(rng, WORSE) for _ in range(31))
        moved += takes(rows, champion, models)
        moved_unspent += takes(rows, champion, models, spending=False)
    assert moved < 0.05 * HISTORIES + 3.25 * np.sqrt(0.05 * 0.95 * HISTORIES)
    assert moved_unspent > 0.15 * HISTORIES, "as it is where each try is at 95 %"


def test_a_challenger_better_by_0_005_takes_the_alias_within_three_tries_on_2_500_rows() -> None:
    """In nine of ten histories: 96 % do (``benchmarks/training/promotion.py``)."""
    taken = 0
    gains = []
    for history in range(HISTORIES):
        rng = np.random.default_rng([19, history])
        rows = TrueRows.drawn(rng, 2_500)
        champion = rows.model(rng, WORSE)
        models = [rows.model(rng, BETTER) for _ in range(3)]
        gains.append(rows.gains(champion, models[0]).mean())
        taken += takes(rows, champion, models)
    assert np.mean(gains) == pytest.approx(GAIN, abs=3 * np.std(gains) / np.sqrt(HISTORIES))
    assert taken >= 0.9 * HISTORIES
