"""A version's message: its cells say what their counts are of, in the order that windows count in; and its bounds."""

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bounds import LARGEST_NUMBER, LONGEST_CATEGORY
from contract.schema import Schema, parse_schema
from contract.topics import MAX_MESSAGE_BYTES
from contract.versions import TrainedCell, TrainedColumn, TrainedVersion
from contract.windows import Estimate
from monitor.inputs.rule import InputReference, InputRule, judge
from monitor.model_facts.registry import VersionFigures, runs_of
from monitor.model_facts.trained import MOST_BYTES, trained_version
from tests.support.tables.bank_inputs import RULE, SCHEMA, bank

FIGURES = VersionFigures(5, "r", 0.4, 300, {"f1": Estimate(0.5, 0.4, 0.6)})


def schema_of(*kinds: str) -> Schema:
    features = {f"F{place}": {"kind": kind} for place, kind in enumerate(kinds)}
    for feature in features.values():
        if feature["kind"] == "categorical":
            feature["categories"] = ["a", "b"]  # type: ignore[assignment]
    return parse_schema({"name": "t", "id": "Id", "label": {"column": "y"}, "features": features})


def message_of(frame: pd.DataFrame, schema: Schema = SCHEMA) -> TrainedVersion:
    return trained_version("churn", 3, InputReference.of(frame, schema), FIGURES)


def count_by_hand(column: TrainedColumn, values: "pd.Series[float]") -> list[int]:
    """Counts of values in the cells as a reader of the message understands them."""
    counts = [0] * (len(column.cells) + 3)
    own = {cell.low for cell in column.cells if cell.low == cell.high}
    for value in values.tolist():
        counts[place_of(column.cells, value, own)] += 1
    return counts


def place_of(cells: tuple[TrainedCell, ...], value: float | str | None, own: set[float | None]) -> int:
    if value is None or value != value:
        return len(cells) + 2
    if isinstance(value, str):
        return next((place for place, cell in enumerate(cells) if cell.category == value), len(cells))
    smallest, largest = cells[0].low, cells[-1].high
    assert smallest is not None
    assert largest is not None
    for place, cell in enumerate(cells):
        assert cell.low is not None
        assert cell.high is not None
        alone = cell.low == cell.high == value
        within = value not in own and (cell.low < value <= cell.high or (place == 0 and value == cell.low))
        if alone or within:
            return place
    return len(cells) + (1 if value > largest else 0)


def test_a_version_says_what_its_columns_were_like(frame: pd.DataFrame) -> None:
    message = message_of(frame)
    assert list(message.columns) == [*SCHEMA.names, "score"]
    assert message.reference_rows == len(frame)
    assert (message.created, message.threshold, message.rows) == (5, 0.4, 300)
    assert message.held_out == {"f1": Estimate(0.5, 0.4, 0.6)}
    assert message.columns["Age"].mean == pytest.approx(frame["Age"].mean())
    assert message.columns["Age"].median == frame["Age"].median()
    assert message.columns["Geography"].mean is None
    assert [cell.category for cell in message.columns["Geography"].cells] == ["France", "Germany", "Spain"]
    for name in SCHEMA.names:
        column = message.columns[name]
        assert sum(column.counts) == message.reference_rows
        assert len(column.counts) == len(column.cells) + 3
        assert count_by_hand(column, frame[name]) == list(column.counts)
    assert msgspec.json.decode(msgspec.json.encode(message), type=TrainedVersion) == message


def test_a_window_counts_in_the_cells_that_the_version_names(frame: pd.DataFrame) -> None:
    message = message_of(frame)
    current = bank(np.random.default_rng(41), 700)
    current.loc[current.index[:20], "Age"] = np.nan
    current.loc[current.index[20:30], "Age"] = 150.0
    current.loc[current.index[30:33], "Geography"] = "Portugal"
    drift = judge(current, InputReference.of(frame, SCHEMA), rule=RULE)
    for name in SCHEMA.names:
        assert list(drift.features[name].counts) == count_by_hand(message.columns[name], current[name])
    assert drift.features["Age"].counts[-2:] == (10, 20)
    assert drift.features["Geography"].counts[-3:] == (3, 0, 0)


numeric = st.lists(
    st.one_of(
        st.sampled_from([0.0, 1.0, 2.0, 2.5, -1.0]),
        st.integers(0, 100).map(float),
        st.floats(-LARGEST_NUMBER, LARGEST_NUMBER, width=32),
        st.none(),
    ),
    min_size=1,
    max_size=150,
)
texts = st.lists(st.one_of(st.none(), st.sampled_from("abcdefgh"), st.text(max_size=3)), min_size=1, max_size=60)


@given(then=numeric, now=numeric, kind=st.sampled_from(["numeric", "ordinal", "flag"]))
@settings(max_examples=150, deadline=None)
def test_any_numbers_are_counted_in_the_cells_that_the_message_names(
    then: list[float | None], now: list[float | None], kind: str
) -> None:
    schema = schema_of(kind, "numeric")
    made = [pd.DataFrame({"F0": pd.Series(values, dtype=np.float64)}) for values in (then, now)]
    then_frame, now_frame = (each.assign(F1=1.0, score=0.5) for each in made)
    reference = InputReference.of(then_frame, schema)
    column = trained_version("churn", 3, reference, FIGURES).columns["F0"]
    if not column.cells:  # no value at all
        assert not column.counts
        return
    assert sum(column.counts) == len(then)
    assert list(column.counts) == count_by_hand(column, then_frame["F0"])
    drift = judge(now_frame, reference, rule=InputRule(min_records=1))
    found = list(drift.features["F0"].counts)
    by_hand = count_by_hand(column, now_frame["F0"])
    if any(cell.low != cell.high for cell in column.cells):
        assert found == by_hand
    else:  # values between two that the reference has are as unknown as those below
        outside = len(column.cells)
        assert found[:outside] == by_hand[:outside]
        assert sum(found[outside : outside + 2]) == sum(by_hand[outside : outside + 2])


@given(then=texts, now=texts)
@settings(max_examples=60, deadline=None)
def test_any_categories_are_counted_in_the_cells_that_the_message_names(
    then: list[str | None], now: list[str | None]
) -> None:
    schema = schema_of("categorical", "numeric")
    then_frame, now_frame = (
        pd.DataFrame({"F0": pd.Series(values, dtype=object), "F1": 1.0, "score": 0.5}) for values in (then, now)
    )
    reference = InputReference.of(then_frame, schema)
    column = trained_version("churn", 3, reference, FIGURES).columns["F0"]
    assert list(column.counts) == count_by_hand(column, then_frame["F0"])
    drift = judge(now_frame, reference, rule=InputRule(min_records=1))
    assert list(drift.features["F0"].counts) == count_by_hand(column, now_frame["F0"])


def test_categories_that_are_too_many_to_name_are_not_named() -> None:
    schema = schema_of("categorical", "numeric")
    frame = pd.DataFrame({"F0": [f"c{n}" for n in range(200)], "F1": 1.0, "score": 0.5})
    column = message_of(frame, schema).columns["F0"]
    assert column == TrainedColumn()


def test_scores_have_cells_in_which_each_row_of_the_reference_is(frame: pd.DataFrame) -> None:
    score = message_of(frame).columns["score"]
    assert sum(score.counts) == len(frame)
    lows = [cell.low for cell in score.cells]
    assert lows == sorted(lows, key=float)  # type: ignore[arg-type]
    assert count_by_hand(score, frame["score"]) == list(score.counts)


def test_the_widest_table_fits_into_a_message() -> None:
    wide, names = 1_000, ["numeric"] * 940 + ["categorical"] * 60
    schema = schema_of(*names)
    generator = np.random.default_rng(42)
    long = "\N{PILE OF POO}" * (LONGEST_CATEGORY - 3)
    columns = {
        name: generator.normal(1e30, 1e29, 500)
        if not feature.is_categorical
        else np.array([f"{n % 60:03d}{long}" for n in range(500)], dtype=object)
        for name, feature in zip(schema.names, schema.features, strict=True)
    }
    reference = InputReference.of(pd.DataFrame(columns | {"score": generator.random(500)}), schema)
    message = trained_version("churn", 3, reference, FIGURES)
    size = len(msgspec.json.encode(message))
    assert size < MOST_BYTES < MAX_MESSAGE_BYTES
    assert len(message.columns) == wide + 1
    assert all(len(message.columns[name].cells) == len(message.columns[name].counts[3:]) for name in schema.names)
    assert message.columns["F0"].cells
    assert len(message.columns["F0"].cells) == 20


def test_a_version_that_is_gone_from_the_registry_has_no_figures(frame: pd.DataFrame) -> None:
    message = trained_version("churn", 3, InputReference.of(frame, SCHEMA), None)
    assert (message.created, message.threshold, message.rows, message.held_out) == (None, None, 0, {})
    assert message.columns


def test_runs_are_those_of_the_version_and_of_its_time_as_champion_first() -> None:
    runs = {
        "churn/3/champion/realised": "a",
        "churn/3/challenger/realised": "b",
        "churn/3/challenger/inputs": "c",
        "churn/33/champion/nowcast": "d",
    }
    assert runs_of(runs, "churn", 3) == {"realised": "a", "inputs": "c"}
