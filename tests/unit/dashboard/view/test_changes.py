"""What changed, in plain words."""

from typing import Any

import msgspec
import pytest

from contract.versions import TrainedCell, TrainedColumn
from contract.windows import DependenceDrift, Drift, FeatureDrift
from tests.support.dashboard.told import ToldStream, category_column, numeric_column, trained
from tests.support.windows import drift, feature_drift, final

FLAG = TrainedColumn(
    mean=0.5, median=1.0, cells=(TrainedCell(0.0, 0.0), TrainedCell(1.0, 1.0)), counts=(50, 50, 0, 0, 0)
)


def drifted(**changed: Any) -> FeatureDrift:
    return msgspec.structs.replace(feature_drift(0.3, True), **changed)


def said(name: str, column: TrainedColumn, found: FeatureDrift, **changed: Any) -> str:
    judged = Drift(judged=True, drifted=True, share=1.0, features={name: found})
    told = ToldStream(trained(columns={name: column}), final(drift=judged, **changed))
    [change] = told.page().changes
    assert change.column == name
    return change.text


@pytest.mark.parametrize(
    ("name", "column", "found", "text"),
    [
        ("Age", numeric_column(38.9, 37.0), drifted(mean=46.0, median=45.0), "Age: median 37 → 45"),
        (
            "Balance",
            numeric_column(76_486.0, 0.0),
            drifted(mean=99_431.8, median=0.0),
            "Balance: mean 76,500 → 99,400 (+30 %)",
        ),
        ("score", numeric_column(0.21, 0.1), drifted(mean=0.29, median=0.2), "score: mean 0.210 → 0.290"),
        (
            "Geography",
            category_column({"France": 50, "Germany": 25, "Spain": 25}),
            drifted(counts=(40, 40, 20, 0, 0, 0)),
            "Geography: Germany 25 % → 40 %",
        ),
        (
            "Geography",
            category_column({"France": 50, "Spain": 50}),
            drifted(counts=(45, 45, 10, 0, 0)),
            "Geography: other values 0 % → 10 %",
        ),
        (
            "Tenure",
            numeric_column(5.0, 5.0),
            drifted(mean=5.0, median=5.0, counts=(38, 25, 25, 0, 0, 12)),
            "Tenure: 12 % missing, none before",
        ),
        (
            "Tenure",
            numeric_column(5.0, 5.0, (40, 30, 26, 0, 0, 4)),
            drifted(counts=(38, 25, 25, 0, 0, 12)),
            "Tenure: 12 % missing, 4 % before",
        ),
        (
            "IsActiveMember",
            FLAG,
            drifted(mean=0.7, counts=(30, 70, 0, 0, 0)),
            "IsActiveMember: share of 1: 50 % → 70 %",
        ),
        (
            "Tenure",
            numeric_column(5.0, 5.0),
            drifted(mean=5.01, median=5.0, counts=(20, 60, 20, 0, 0, 0)),
            "Tenure: same middle, but 30 to 40 30 % → 60 % of rows",
        ),
        ("Tenure", TrainedColumn(), drifted(), "Tenure: differs from training (distance 0.300)"),
    ],
)
def test_in_words(name: str, column: TrainedColumn, found: FeatureDrift, text: str) -> None:
    assert said(name, column, found) == text


def test_missing_values_are_known_without_counts() -> None:
    text = said("Tenure", numeric_column(5.0, 5.0), drifted(), missing={"Tenure": 500})
    assert text == "Tenure: 25 % missing, none before"


def test_a_column_that_training_has_nothing_of() -> None:
    told = ToldStream(final(drift=drift({"Age": 0.3}, ("Age",))))
    assert [one.text for one in told.page().changes] == ["Age: differs from training (distance 0.300)"]


def test_most_drifted_first_and_at_most_six() -> None:
    names = {f"f{place}": place / 10 for place in range(1, 9)}
    told = ToldStream(final(drift=drift(names | {"calm": 0.95}, tuple(names))))
    changes = told.page().changes
    assert [one.column for one in changes] == ["f8", "f7", "f6", "f5", "f4", "f3", ""]
    assert changes[-1].text == "and 2 more"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("correlation", "Age × Balance: correlation 0.10 → 0.45"),
        ("together", "Age × Balance: pairs of values that never occurred in training 10 % → 45 % of rows"),
    ],
)
def test_a_pair_that_goes_together_otherwise(kind: Any, text: str) -> None:
    pair = DependenceDrift(
        columns=("Balance", "Age"), kind=kind, then=0.1, now=0.45, p_value=0.0, p_adjusted=0.0, drifted=True
    )
    told = ToldStream(final(drift=Drift(judged=True, drifted=True, share=0.0, dependence=pair)))
    assert [one.text for one in told.page().changes] == [text]


def test_a_window_that_was_not_judged_says_nothing() -> None:
    unjudged = Drift(judged=False, drifted=False, share=0.0, features={"Age": feature_drift(0.9, True)})
    told = ToldStream(trained(), final(0, drift=drift({"Age": 0.2}, ("Age",))), final(1, drift=unjudged))
    assert len(told.page().changes) == 1
    assert ToldStream(final(drift=unjudged)).page().changes == ()
