"""Means and medians beside a verdict: what they are of, and that no verdict follows from them."""

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bounds import LARGEST_NUMBER
from contract.windows import Drift
from monitor.inputs.middle import Middle, middle_of
from monitor.inputs.rule import InputReference, judge, judge_again
from monitor.timeline.book.drifts import digest_of
from tests.support.tables.bank_inputs import RULE, bank, one_after_another


def without_middles(drift: Drift) -> Drift:
    """As the release before wrote it."""
    features = {name: msgspec.structs.replace(one, mean=None, median=None) for name, one in drift.features.items()}
    return msgspec.structs.replace(drift, features=features)


def test_they_are_of_the_rows_that_are_judged(reference: InputReference) -> None:
    current = bank(np.random.default_rng(31), 400)
    current.loc[current.index[:50], "Age"] = np.nan
    found = judge(current, reference, rule=RULE).features
    assert found["Age"].mean == pytest.approx(current["Age"].mean())
    assert found["Age"].median == current["Age"].median()
    assert found["HasCrCard"].mean == pytest.approx(current["HasCrCard"].mean())
    assert found["score"].mean == pytest.approx(current["score"].mean())
    assert (found["Geography"].mean, found["Geography"].median) == (None, None)
    customers = np.arange(400) % 200
    newest = judge(current, reference, rule=RULE, customers=customers.tolist()).features
    assert newest["Age"].mean == pytest.approx(current["Age"][200:].mean()), "of the newest record of each customer"
    nothing = judge(current.assign(Age=np.nan), reference, rule=RULE).features["Age"]
    assert (nothing.mean, nothing.median, nothing.drifted) == (None, None, True)


numbers = st.lists(
    st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, 0.1]), st.floats(-LARGEST_NUMBER, LARGEST_NUMBER)),
    max_size=50,
)


@given(values=numbers, seed=st.integers(0, 1_000))
@settings(max_examples=200, deadline=None)
def test_the_same_values_in_another_order_have_the_same_to_the_last_digit(
    values: list[float | None], seed: int
) -> None:
    column = pd.Series(values, dtype=np.float64)
    found = middle_of(column)
    assert repr(middle_of(column.sample(frac=1.0, random_state=seed))) == repr(found)
    present = [value for value in values if value is not None]
    if not present:
        assert found == Middle(None, None)
    else:
        assert found.mean is not None
        assert found.median is not None
        slack = 1e-9 * max(map(abs, present))
        assert all(min(present) - slack <= each <= max(present) + slack for each in found)


def test_no_verdict_follows_from_them(reference: InputReference) -> None:
    generator = np.random.default_rng(32)
    frames = [bank(generator, 300) for _ in range(20)]
    verdicts = one_after_another([each.assign(Age=each["Age"] + 1) for each in frames], reference)
    assert all(digest_of(without_middles(one)) == digest_of(one) for one in verdicts)
    old = [without_middles(one) for one in verdicts[::-1]]
    found = judge(frames[0], reference, old, rule=RULE)
    assert found == judge(frames[0], reference, verdicts[::-1], rule=RULE)
    # a window that the release before has judged is not made another by being judged again
    assert judge_again(without_middles(found), reference, old, rule=RULE) == without_middles(found)
    assert judge_again(found, reference, old, rule=RULE) == found


def test_a_column_that_drifted_alone_keeps_its_counts_and_is_pooled_with_none(reference: InputReference) -> None:
    generator = np.random.default_rng(33)
    shifted = bank(generator, 1_000)
    drifted = judge(shifted.assign(Age=shifted["Age"] + 15), reference, rule=RULE)
    assert drifted.features["Age"].alone
    assert sum(drifted.features["Age"].counts) == 1_000
    quiet = bank(generator, 1_000)
    by_itself = judge(quiet, reference, rule=RULE).features["Age"]
    assert judge(quiet, reference, [drifted], rule=RULE).features["Age"].p_value == by_itself.p_value
