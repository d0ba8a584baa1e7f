import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error, mean_squared_error, r2_score

from contract.arrays import Mask
from contract.schema import load_schema
from contract.split.held_out import held_out
from tests.support.tables.toy import toy_table
from training.protocol.regression import fit_and_predict, measure
from training.table.prepare import Table, read_table

SCHEMA = load_schema("bank_churn")


def test_the_metrics_are_scikit_learns_and_lie_in_their_intervals() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    predicted = 0.3 + 0.4 * y + rng.normal(0, 0.4, 500)  # some outside 0 to 1
    metrics, intervals = measure(y, predicted, 0.45, seed=0)
    assert metrics["r2"] == pytest.approx(r2_score(y, predicted))
    assert metrics["mae"] == pytest.approx(mean_absolute_error(y, predicted))
    assert metrics["rmse"] == pytest.approx(mean_squared_error(y, predicted) ** 0.5)
    assert metrics["f1"] == pytest.approx(f1_score(y, predicted >= 0.45))
    for name in ("r2", "mae", "rmse", "f1", "precision", "recall", "accuracy"):
        low, high = intervals[name]
        assert low < metrics[name] < high, name


def spoiled(rows: Table, test: Mask) -> Table:
    """The same rows, those to be held out with wrong labels."""
    return Table(rows.X, np.where(test, 1 - rows.y, rows.y), rows.customers, "", rows.rows_read, {}, 0)


def test_the_held_out_labels_reach_neither_threshold_nor_predictions() -> None:
    rows = read_table(toy_table(), SCHEMA)
    test = held_out(rows.customers)
    threshold, predicted = fit_and_predict(rows, test, SCHEMA, seed=0)
    again, the_same = fit_and_predict(spoiled(rows, test), test, SCHEMA, seed=0)
    assert threshold == again
    assert (predicted == the_same).all()
    assert len(predicted) == test.sum()
    assert measure(rows.y[test], predicted, threshold, seed=0)[0]["r2"] > 0.1
