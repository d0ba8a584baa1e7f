"""Which held-out rows a champion has not learned from, as far as its tags alone say so."""

from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from contract.durations import DAY
from contract.errors import UserError
from contract.schema import load_schema
from contract.settings import Settings
from contract.split.held_out import SPLIT_RULE
from training.registered import tags
from training.registered.unlearned import unlearned
from training.registered.versions import Version
from training.selection.develop import HeldOut
from training.table.division import TIME_RULE

SCHEMA = load_schema("bank_churn")
NOBODY = cast(Any, None)
START = int(datetime(2024, 6, 1, tzinfo=UTC).timestamp() * 1_000)


def version(number: int, **said: str) -> Version:
    named = {"rule": tags.SPLIT_RULE, "seed": tags.SPLIT_SEED, "share": tags.TEST_SHARE}
    named |= {
        "before": tags.LEARNED_BEFORE,
        "until": tags.LEARNED_UNTIL,
        "start": tags.TEST_FROM,
        "end": tags.TEST_UNTIL,
        "new_to": tags.NEW_TO,
    }
    return Version(Settings(), number, "run", {named[name]: text for name, text in said.items()})


def by_customer(number: int, seed: int = 0, **said: str) -> Version:
    return version(number, rule=SPLIT_RULE, seed=str(seed), share="0.15", **said)


def by_time(number: int, before: int) -> Version:
    start, end = (tags.iso_moment(START + days * DAY) for days in (0, 100))
    return version(number, rule=TIME_RULE, share="0.15", before=tags.iso_moment(before), start=start, end=end)


def held(rows: int = 100, *, times: bool = True) -> HeldOut:
    """A row a day from June on."""
    X = pd.DataFrame({"Age": np.arange(rows)})
    when = START + DAY * np.arange(rows) if times else None
    return HeldOut(X, np.arange(rows) % 2, np.linspace(0, 1, rows), times=when)


def test_what_came_after_all_that_a_champion_learned_from_is_new_to_it() -> None:
    mine = held()
    for champion in (
        by_time(1, START),
        by_customer(1, 7, before=tags.iso_moment(START)),
        by_customer(1, 7, until="2024-05-31"),
    ):
        assert unlearned(NOBODY, champion, by_time(2, START), mine, SCHEMA) is mine


def test_of_a_champion_that_has_learned_later_only_the_rows_after_that_count() -> None:
    found = unlearned(NOBODY, by_time(3, START + 40 * DAY), by_time(2, START - DAY), held(), SCHEMA)
    assert found.X["Age"].tolist() == list(range(40, 100))
    assert len(found.y) == len(found.scores) == 60
    assert found.times is not None
    assert found.times.min() == START + 40 * DAY


def test_customers_of_one_seed_are_new_to_both_and_of_another_are_not() -> None:
    mine = held(times=False)
    assert unlearned(NOBODY, by_customer(1), by_customer(2), mine, SCHEMA) is mine
    with pytest.raises(UserError, match="split seed 1"):
        unlearned(NOBODY, by_customer(1, 1), by_customer(2), mine, SCHEMA)


def test_what_a_champion_has_scored_before_its_label_was_known_is_new_to_it_however_it_was_divided() -> None:
    mine = held(times=False)
    named = version(4, rule=TIME_RULE, share="0.15", new_to="1,12")
    for champion in (by_customer(1, 7), by_time(12, START + 100 * DAY)):
        assert unlearned(NOBODY, champion, named, mine, SCHEMA) is mine
    assert not by_customer(2, 7).scored_all_of(named)
    another = Version(Settings(model_name="another"), 1, "run", {})
    assert not another.scored_all_of(named)


def test_the_period_that_is_held_out_is_read_back_as_it_was_written() -> None:
    assert by_time(2, START).test_period == (START, START + 100 * DAY)
    assert by_time(2, START + 1).learned_before == START + 1
    assert by_customer(1).test_period is by_customer(1).learned_before is None
    assert version(1, before="some day").learned_before is None
