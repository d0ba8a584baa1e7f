import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from contract.arrays import Floats, Labels
from contract.schema import load_schema
from tests.support.tables.toy import toy_table
from training.kinds.kinds import KINDS, build
from training.quality.estimates import wilson
from training.quality.evaluate import evaluate
from training.quality.figures import comparison, curves, importance
from training.quality.importances import importances
from training.quality.intervals import ScoredRows, paired_bootstrap
from training.quality.plotting import png
from training.table.prepare import read_table

THRESHOLD = 0.35
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def scored() -> tuple[Labels, Floats]:
    rng = np.random.default_rng(0)
    p = rng.beta(1, 3, 400)
    return (rng.random(400) < p).astype(np.int64), p


def marked(axes: Axes) -> list[tuple[float, float]]:
    """Single points that are drawn as dots."""
    dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in dots]


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for axes in figure.axes for text in axes.texts)


def test_every_curve_is_there_titled_labelled_and_drawable(scored: tuple[Labels, Floats]) -> None:
    found = curves(*scored, THRESHOLD, "xgboost, 400 rows")
    assert set(found) == {"roc", "precision_recall", "calibration", "confusion", "threshold"}
    for figure in found.values():
        assert "xgboost, 400 rows" in figure.axes[0].get_title(loc="left")
        assert figure.axes[-1].get_xlabel()
        assert png(figure).startswith(PNG)


def test_the_chosen_threshold_is_marked_where_the_model_then_is(scored: tuple[Labels, Floats]) -> None:
    y, p = scored
    found, metrics = curves(y, p, THRESHOLD, "t"), evaluate(y, p, THRESHOLD)
    assert marked(found["threshold"].axes[0]) == [(THRESHOLD, pytest.approx(f1_score(y, p >= THRESHOLD)))]
    assert marked(found["precision_recall"].axes[0]) == [
        (pytest.approx(metrics["recall"]), pytest.approx(metrics["precision"]))
    ]
    false_positive_rate = metrics["fp"] / (metrics["fp"] + metrics["tn"])
    assert marked(found["roc"].axes[0]) == [(pytest.approx(false_positive_rate), pytest.approx(metrics["recall"]))]
    for cell in ("tn", "fp", "fn", "tp"):
        assert f"{cell.upper()}\n{metrics[cell]:.0f}\n" in texts(found["confusion"])


def test_a_model_that_predicts_nobody_can_be_drawn(scored: tuple[Labels, Floats]) -> None:
    y, _ = scored
    for figure in curves(y, np.zeros(len(y)), 0.5, "t").values():
        assert png(figure).startswith(PNG)


def test_importance_orders_features_by_what_they_are_worth_and_leaves_the_model_alone() -> None:
    schema = load_schema("bank_churn")
    rows = read_table(toy_table(1_500), schema)
    model = build(KINDS["xgboost"], "plain", schema, 0, {"n_estimators": 30}, ratio=1.0).fit(rows.X, rows.y)
    figure = importance(importances(model, rows.X, rows.y, seed=0))
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert set(names) == set(schema.names)
    assert set(names[-3:]) == {"Age", "IsActiveMember", "Geography"}  # the toy table's rule
    again = importance(importances(model, rows.X, rows.y, seed=0))
    assert [bar.get_width() for bar in again.axes[0].patches] == [bar.get_width() for bar in figure.axes[0].patches]


def test_a_comparison_puts_the_better_model_on_the_right_in_every_metric(scored: tuple[Labels, Floats]) -> None:
    y, p = scored
    one, other = ScoredRows(p, THRESHOLD), ScoredRows(1 - p, THRESHOLD)
    figure = comparison(y, (("v2", one), ("v1", other)), paired_bootstrap(y, one, other, seed=0, draws=100))
    left, right = figure.axes
    assert [text.get_text()[:2] for text in left.get_legend().get_texts()] == ["v2", "v1"]
    by_metric = dict(zip([tick.get_text() for tick in right.get_yticklabels()], marked(right), strict=True))
    assert by_metric["roc auc"][0] > 0
    assert by_metric["brier (sign turned)"][0] > 0
    assert png(figure).startswith(PNG)


def test_wilson_intervals_are_scipys() -> None:
    cases = [(0, 10), (3, 10), (10, 10), (204, 1_000)]
    low, high = wilson(np.array([float(k) for k, _ in cases]), np.array([float(n) for _, n in cases]))
    for place, (k, n) in enumerate(cases):
        expected = binomtest(k, n).proportion_ci(method="wilson")
        assert (low[place], high[place]) == pytest.approx((expected.low, expected.high), abs=1e-12)
