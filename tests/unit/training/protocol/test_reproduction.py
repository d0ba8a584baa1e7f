"""The report's protocol on a small table, and its published figures on the public one where that is at hand."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from xgboost import XGBClassifier

from contract.errors import UserError
from contract.schema import Schema, load_schema, parse_schema
from tests.support.paths import REAL_TABLE
from tests.support.tables.toy import toy_table
from training.protocol.figure import balanced_f1, origin_figure
from training.protocol.reproduction import (
    THRESHOLD,
    TREES,
    Reproduction,
    grid_search,
    reproduce,
    study_values,
)
from training.protocol.study import ReportResult
from training.quality.plotting import png
from training.table.prepare import Table, read_table

SCHEMA = load_schema("bank_churn")


def hard_table(rows: int = 1_500) -> Table:
    """Few churners, and mostly by chance: what inflates the report's figures then shows clearly."""
    table = toy_table(rows)
    rng = np.random.default_rng(1)
    table["Exited"] = np.where(rng.random(rows) < 0.6, rng.random(rows) < 0.15, table["Exited"]).astype(int)
    return read_table(table, SCHEMA)


@pytest.fixture(scope="module")
def found() -> Reproduction:
    with pytest.MonkeyPatch.context() as patch:  # a corner of the grid is enough for what SMOTE does
        patch.setattr("training.protocol.reproduction.RATES", (0.1,))
        patch.setattr("training.protocol.reproduction.TREES", (100, 200))
        return reproduce(hard_table(), SCHEMA, seed=0)


def test_smote_before_the_split_inflates_f1_and_r2_where_honest_rows_do_not(found: Reproduction) -> None:
    assert found.after.metrics["f1"] > found.before.metrics["f1"] + 0.1
    assert found.after.metrics["f1"] > found.honest_smote.metrics["f1"] + 0.1
    assert found.after.metrics["r2"] > found.honest.metrics["r2"] + 0.1
    assert found.after.y.mean() == pytest.approx(0.5, abs=0.01)
    # held out by a hash alone: as many of each class as chance has it
    assert found.before.y.mean() == pytest.approx(found.honest.y.mean(), abs=0.05)


def test_the_figures_come_from_the_synthetic_rows(found: Reproduction) -> None:
    synthetic, decisions = found.origin.synthetic, found.after.probabilities >= THRESHOLD
    churned = found.after.y == 1
    assert churned[synthetic].all()
    assert decisions[churned & synthetic].mean() > decisions[churned & ~synthetic].mean() + 0.15
    # what gives them away: no customer's age has a fraction
    assert found.origin.fractional > 0.95
    rounded = found.origin.rounded >= THRESHOLD
    assert rounded[synthetic].mean() < decisions[synthetic].mean() - 0.05
    assert (found.origin.rounded[~synthetic] == found.after.probabilities[~synthetic]).all()


def test_the_picture_shows_the_steps_from_honest_to_reported(found: Reproduction) -> None:
    figure = origin_figure(found, seed=0)
    left, right = figure.axes
    widths = [bar.get_width() for bar in left.patches]
    assert widths[0] == found.honest_smote.metrics["f1"]
    assert widths[-1] == found.after.metrics["f1"]
    assert len(right.patches) == 3
    assert png(figure).startswith(b"\x89PNG")


def test_where_most_have_churned_smote_makes_customers_who_stayed() -> None:
    table = toy_table(400)
    table["Exited"] = (table["Age"] > 30).astype(int)
    assert table["Exited"].mean() > 0.6
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.protocol.reproduction.RATES", (0.1,))
        patch.setattr("training.protocol.reproduction.DEPTHS", (3,))
        found = reproduce(read_table(table, SCHEMA), SCHEMA, seed=0)
    assert found.origin.synthetic.any()
    assert (found.after.y[found.origin.synthetic] == 0).all()
    result = ReportResult(found, "run", "place")
    assert "of the synthetic customers who stayed" in "\n".join(result.show_lines())
    title = origin_figure(found, seed=0).axes[1].get_title(loc="left")
    assert title.startswith("Customers who stayed in the report's test set")


def test_the_same_seed_gives_the_same_figures() -> None:
    rows = hard_table(400)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.protocol.reproduction.RATES", (0.1,))
        patch.setattr("training.protocol.reproduction.DEPTHS", (3,))
        first, second, other = (reproduce(rows, SCHEMA, seed) for seed in (1, 1, 2))
    assert [each.metrics for each in first.all] == [each.metrics for each in second.all]
    assert first.after.metrics != other.after.metrics


def test_the_grid_search_is_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.protocol.reproduction.RATES", (0.1, 0.01))
    monkeypatch.setattr("training.protocol.reproduction.DEPTHS", (3,))
    values, _ = study_values(hard_table(400), SCHEMA)
    y = hard_table(400).y
    reference = GridSearchCV(
        XGBClassifier(random_state=0, n_jobs=1),
        {"learning_rate": (0.1, 0.01), "max_depth": (3,), "n_estimators": TREES},
        cv=StratifiedKFold(5),
        scoring="accuracy",
    ).fit(values, y)
    parameters, accuracy = grid_search(values, y, seed=0)
    assert parameters == reference.best_params_
    assert accuracy == pytest.approx(reference.best_score_, abs=1e-12)


def test_balanced_f1_by_hand() -> None:
    y = np.array([0] * 8 + [1] * 2)
    decisions = np.array([True] * 2 + [False] * 6 + [True, False])
    # half and half: of 8 churners 4 are found, of 8 others 2 are alarmed
    assert balanced_f1(y, decisions) == pytest.approx(2 * 4 / (2 * 4 + 2 + 4))


def other_schema(**features: dict[str, object]) -> Schema:
    return parse_schema({"name": "t", "id": "CustomerId", "label": {"column": "Exited"}, "features": features})


def test_geography_is_dropped_and_a_feature_of_two_names_becomes_0_and_1() -> None:
    rows = hard_table(400)
    values, dropped = study_values(rows, SCHEMA)
    assert dropped == ("Geography",)
    assert values.shape == (400, len(SCHEMA.names) - 1)
    gender = values[:, [name for name in SCHEMA.names if name not in dropped].index("Gender")]
    assert set(gender) == {0.0, 1.0}
    assert (gender == (rows.X["Gender"] == "Male")).all()


def test_another_data_set_loses_its_features_of_many_names_and_its_gaps_get_the_median() -> None:
    table = toy_table(400)
    table.loc[:9, "Balance"] = np.nan
    schema = other_schema(
        Geography={"kind": "categorical", "categories": ["France", "Germany", "Spain"]},
        Age={"kind": "ordinal"},
        Balance={"kind": "numeric", "missing": True},
    )
    rows = read_table(table, schema)
    values, dropped = study_values(rows, schema)
    assert dropped == ("Geography",)
    assert (values[:10, 1] == np.median(table["Balance"].dropna())).all()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.protocol.reproduction.RATES", (0.1,))
        patch.setattr("training.protocol.reproduction.DEPTHS", (3,))
        found = reproduce(rows, schema, seed=0)
    assert all(np.isfinite(list(each.metrics.values())).all() for each in found.all)


def test_a_data_set_of_which_nothing_is_left_is_told() -> None:
    schema = other_schema(Geography={"kind": "categorical", "categories": ["France", "Germany", "Spain"]})
    with pytest.raises(UserError, match="--protocol honest"):
        study_values(read_table(toy_table(400), schema), schema)


@pytest.mark.skipif(not REAL_TABLE.is_file(), reason="the public bank-churn table is not in ../shared/data")
def test_the_public_table_gives_the_reports_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    # the two lower rates, which lose on this table, are two thirds of the time
    monkeypatch.setattr("training.protocol.reproduction.RATES", (0.1,))
    found = reproduce(read_table(REAL_TABLE, SCHEMA), SCHEMA, seed=42)
    assert found.after.metrics["f1"] == pytest.approx(0.88, abs=0.01)
    assert found.before.metrics["f1"] == pytest.approx(0.55, abs=0.02)
    assert found.after.metrics["r2"] == pytest.approx(0.63, abs=0.01)
    assert 0.5 < found.honest_smote.metrics["f1"] < 0.65
    assert (len(found.before.y), len(found.after.y)) == (1_500, 2_389)
