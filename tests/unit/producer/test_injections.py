from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.schema import load_schema
from producer.injections import parse_drift
from producer.randomness import uniforms

SCHEMA = load_schema("bank_churn")
DAY = 86_400_000
START = 1_735_689_600_000
ROWS = 3_000
TIMES = START + np.arange(ROWS) * 30 * DAY // ROWS  # 100 rows a day
DRAWS = uniforms("drift", 0, ROWS)


def chunk(**changed: object) -> pd.DataFrame:
    rows = np.arange(ROWS)
    columns: Mapping[str, object] = {
        "Geography": np.array(["France", "Germany", "Spain"], dtype=object)[rows % 3],
        "Age": 20.0 + rows % 60,
        "Tenure": (rows % 11).astype(float),
        "Balance": rows * 10.0,
        "HasCrCard": (rows % 2).astype(float),
    }
    return pd.DataFrame({**columns, **changed})


def drifted(text: str, before: pd.DataFrame) -> pd.DataFrame:
    return parse_drift(text, SCHEMA, START).change(before, TIMES, DRAWS)


def days(rows: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> tuple[int, int]:
    """First and last day on which something happened."""
    when = (TIMES[rows] - START) // DAY
    return int(when.min()), int(when.max())


def test_shift_adds_between_from_and_until() -> None:
    before = chunk()

    change = (drifted("Age:shift=8,from=20d,until=25d", before)["Age"] - before["Age"]).to_numpy()

    assert set(change) == {0.0, 8.0}
    assert days(change == 8) == (20, 24)
    assert (change == 8).sum() == 500


def test_absolute_times_are_taken_as_they_are() -> None:
    before = chunk()

    change = drifted("Age:shift=8,from=2025-01-21T00:00:00Z,until=2025-01-26", before)["Age"] - before["Age"]

    assert days((change == 8).to_numpy()) == (20, 24)


def test_without_from_and_until_all_rows_drift() -> None:
    before = chunk()

    assert (drifted("Age:shift=1", before)["Age"] - before["Age"]).unique().tolist() == [1.0]


def test_the_frame_given_is_left_alone() -> None:
    before = chunk()

    drifted("Age:shift=8", before)

    pd.testing.assert_frame_equal(before, chunk())


def test_scale_multiplies_and_ordinals_are_rounded() -> None:
    before = chunk()

    balance = drifted("Balance:scale=1.3", before)["Balance"]
    tenure = drifted("Tenure:scale=1.3", before)["Tenure"]

    assert balance.tolist() == pytest.approx((before["Balance"] * 1.3).tolist())
    assert tenure.tolist() == (before["Tenure"] * 1.3).round().tolist()


@given(amount=st.floats(-1e6, 1e6), kind=st.sampled_from(["shift", "scale"]))
def test_moved_values_stay_within_the_schema(amount: float, kind: str) -> None:
    after = drifted(f"Age:{kind}={amount!r}", chunk())["Age"]

    assert after.between(18, 110).all()


def test_what_the_schema_forbids_already_is_not_moved() -> None:
    ages: list[object] = ["old", 17.0, 500.0, None, 40.0] * (ROWS // 5)

    after = drifted("Age:shift=8", chunk(Age=pd.Series(ages, dtype=object)))["Age"]

    assert after.tolist()[:3] == ["old", 17.0, 500.0]
    assert pd.isna(after[3])
    assert after[4] == 48.0


def test_mix_makes_the_given_share_one_category() -> None:
    before = chunk()

    after = drifted("Geography:mix=0.5,to=Germany,from=10d", before)["Geography"]

    late = (TIMES - START) // DAY >= 10
    assert after[~late].equals(before["Geography"][~late])
    assert (after[late] == "Germany").mean() == pytest.approx(1 / 3 + 0.5 * 2 / 3, abs=0.03)


def test_mix_sets_flags_too() -> None:
    assert drifted("HasCrCard:mix=1,to=0", chunk())["HasCrCard"].tolist() == [0.0] * ROWS


@pytest.mark.parametrize("feature", ["Age", "Geography"])
def test_missing_sets_the_given_share_to_null(feature: str) -> None:
    after = drifted(f"{feature}:missing=0.2,until=15d", chunk())[feature]

    gone = after.isna().to_numpy()
    assert gone[:1_500].mean() == pytest.approx(0.2, abs=0.03)
    assert not gone[1_500:].any()
    assert after.dtype == chunk()[feature].dtype


@pytest.mark.parametrize(
    ("where", "concerned"),
    [
        ("", np.ones(ROWS, dtype=bool)),
        (",where=Geography=Germany", (chunk()["Geography"] == "Germany").to_numpy()),
        (",where=Age=40..60", chunk()["Age"].between(40, 60).to_numpy()),
        (",where=Age=60..", (chunk()["Age"] >= 60).to_numpy()),
        (",where=HasCrCard=1", (chunk()["HasCrCard"] == 1).to_numpy()),
    ],
)
def test_flip_turns_labels_of_the_rows_concerned(
    where: str, concerned: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> None:
    drift = parse_drift(f"flip=0.5,from=15d{where}", SCHEMA, START)

    flipped = drift.flipped(chunk(), TIMES, DRAWS)

    expected = concerned & (TIMES >= START + 15 * DAY)
    assert not (flipped & ~expected).any()
    assert flipped[expected].mean() == pytest.approx(0.5, abs=0.05)
    assert drift.change(chunk(), TIMES, DRAWS).equals(chunk())


def test_where_restricts_every_kind() -> None:
    before = chunk()

    change = drifted("Age:shift=8,where=Geography=Spain", before)["Age"] - before["Age"]

    assert ((change == 8) == (before["Geography"] == "Spain")).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Age", "the kind and the amount are missing; write FEATURE:KIND=AMOUNT"),
        ("Years:shift=8", "'Years' is not a feature of bank_churn; use one of Geography, Gender"),
        ("Age:wobble=8", "kind 'wobble' is not known; use one of shift, scale, mix, missing, flip"),
        ("Age:shift=much", "shift: 'much' is not a finite number"),
        ("Age:shift=nan", "shift: 'nan' is not a finite number"),
        ("Age:shift=8,from=soon", "from: 'soon' is not a point in time; write an offset"),
        ("Age:shift=8,from=20d,until=10d", "until is not after from"),
        ("Age:shift=8,when=20d", "option 'when' is not known; the options are to, from, until, on and where"),
        ("Age:shift=8,from", "'from' is not an option; write name=value"),
        ("Age:shift=8,to=9", "only mix takes to="),
        ("Geography:shift=8", "shift needs a numeric or ordinal feature, Geography is a categorical; use mix"),
        ("HasCrCard:scale=2", "HasCrCard is a flag; use mix"),
        ("Geography:mix=0.5", "mix needs the value to set; add to="),
        ("Geography:mix=0.5,to=Italy", "to=Italy is not allowed for Geography; use France, Germany, Spain"),
        ("HasCrCard:mix=0.5,to=2", "to=2 is not allowed for HasCrCard; use a number between 0 and 1"),
        ("Geography:mix=50,to=Spain", "mix got 50; it is a probability"),
        ("Age:missing=-0.1", "missing got -0.1; it is a probability"),
        ("shift=8", "None is not a feature"),
        ("Age:flip=0.3", "flip changes the label, not a feature"),
        ("flip=0.3,where=Age", "'Age' is not a condition; write Geography=Germany or Age=40..60"),
        ("flip=0.3,where=Geography=Italy", "'Italy' is not a category of Geography"),
        ("flip=0.3,where=Age=x..y", "where: 'x' is not a finite number"),
    ],
)
def test_a_drift_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        parse_drift(text, SCHEMA, START)
    assert repr(text) in str(caught.value)
