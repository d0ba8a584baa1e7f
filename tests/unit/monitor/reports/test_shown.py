from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.schema import Schema, parse_schema
from monitor.reports.shown import MAX_COLUMNS, MAX_TEXT, MAX_VALUES, as_shown, flags_of, plain, screen
from tests.support.windows import drift

EVEN = np.arange(500) % 2 == 0


def schema_of(**features: str) -> Schema:
    kinds: dict[str, Any] = {
        name: {"kind": kind, **({"categories": ["a"], "on_violation": "score"} if kind == "categorical" else {})}
        for name, kind in features.items()
    }
    return parse_schema({"name": "t", "id": "id", "label": {"column": "y"}, "features": kinds})


SCHEMA = schema_of(x="numeric", name="categorical")


def frame(**columns: Any) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    made: dict[str, Any] = {"x": np.arange(rows, dtype=float), "name": ["a", "b"] * (rows // 2)}
    return pd.DataFrame(made | {"score": np.linspace(0, 1, rows)} | columns)


def shown_names(values: list[Any]) -> list[Any]:
    current, _, _ = as_shown(frame(name=values), frame(name=["a", "b"]), ["name"])
    return list(current["name"])


@pytest.mark.parametrize(
    "values",
    [
        np.where(EVEN, 0.1 + 0.2, 0.3),
        1.7e18 + 256.0 * (np.arange(500) % 3),
        5e-324 * (np.arange(500) % 7),
    ],
    ids=["last bit", "large and close", "denormal"],
)
def test_a_column_that_no_histogram_can_split_is_left_out_and_named(values: Any) -> None:
    reasons = screen(
        frame(x=values), frame(x=np.arange(500.0)), SCHEMA, drift({"x": 0.5, "name": 0, "score": 0}).features
    )
    assert reasons == {"x": "too narrow for a histogram in the current data"}


@pytest.mark.parametrize(
    "values", [np.where(EVEN, -3.4e38, 3.4e38), np.where(EVEN, 0.0, 2.0**53), np.r_[np.ones(499), 3.4e38]]
)
def test_the_largest_numbers_that_a_schema_admits_are_shown(values: Any) -> None:
    assert screen(frame(x=values), frame(x=values), SCHEMA, drift({"x": 0, "name": 0, "score": 0}).features) == {}


def test_a_report_has_a_bounded_number_of_columns_the_score_and_drifted_ones_first() -> None:
    names = [f"f{i}" for i in range(100)]
    schema = schema_of(**dict.fromkeys(names, "numeric"))
    made = pd.DataFrame(dict.fromkeys((*names, "score"), np.arange(300.0)))
    distances = {name: i / 1_000 for i, name in enumerate(names)} | {"score": 0.0}
    reasons = screen(made, made, schema, drift(distances, ("f0", "f1")).features)
    kept = [name for name in (*names, "score") if name not in reasons]
    assert kept == ["f0", "f1", *names[-(MAX_COLUMNS - 3) :], "score"]
    assert set(reasons.values()) == {f"beyond the {MAX_COLUMNS} columns that a report shows"}


def test_rare_values_are_one_value_and_what_that_leaves_out_is_said() -> None:
    values = [f"v{i // 10}" for i in range(500)] + [f"rare{i}" for i in range(4_500)]
    current, reference, notes = as_shown(frame(name=values), frame(name=["a", "b"] * 100), ["name"])
    assert current["name"].nunique() <= MAX_VALUES + 1
    assert (current["name"] == "other").sum() == 5_000 - 10 * (MAX_VALUES - 2)
    assert set(reference["name"]) == {"a", "b"}
    assert notes == {"name": f"{4_550 - MAX_VALUES + 2:,} rare values are 'other'"}


def test_a_value_called_other_is_not_mixed_up_with_the_rare_ones() -> None:
    current, _, notes = as_shown(
        frame(name=["other"] * 500 + [f"v{i}" for i in range(500)]), frame(name=["a", "b"]), ["name"]
    )
    assert (current["name"] == "other").sum() == 500
    assert "(other)" in notes["name"]


def test_long_texts_are_cut_and_stay_apart() -> None:
    first, second = "x" * 10_000 + "1", "x" * 10_000 + "2"
    one, other, short = shown_names([first, second, "a"])
    assert one != other
    assert short == "a"
    assert max(len(one), len(other)) <= MAX_TEXT + 4
    _, _, notes = as_shown(frame(name=[first, second]), frame(name=["a", "b"]), ["name"])
    assert notes == {"name": f"texts are cut at {MAX_TEXT} characters"}


def test_markup_and_what_cannot_be_printed_is_text() -> None:
    markup, odd, gone, plain_text = shown_names(["</script><b>&amp;", "\u202e\ud800\n\x00z", None, "a"])
    assert markup == "&lt;/script&gt;&lt;b&gt;&amp;amp;"
    assert odd == "\ufffd\ufffd\ufffd\ufffdz"
    assert pd.isna(gone)
    assert plain_text == "a"


def test_markdown_shows_a_name_as_it_stands() -> None:
    assert plain("__a__ [x](javascript:1) <b>") == r"\_\_a\_\_ \[x\]\(javascript:1\) \<b\>"


def test_columns_of_zeros_and_ones_alone_are_flags_and_drawn_without_a_fraction() -> None:
    now = pd.DataFrame({"flag": [0.0, 1.0, np.nan], "count": [0.0, 1.0, 2.0], "late": [1.0, 1.0, 1.0]})
    then = pd.DataFrame({"flag": [1.0, 1.0, 1.0], "count": [0.0, 1.0, 1.0], "late": [0.0, 0.5, 1.0]})
    assert flags_of(now, then, list(now)) == ["flag"]
    current, _, _ = as_shown(now, then, ["flag"])
    assert current["flag"].tolist()[:2] == ["0", "1"]
