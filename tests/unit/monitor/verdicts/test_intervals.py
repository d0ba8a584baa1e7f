"""Intervals of realised metrics hold the metric, are those of the literature, and cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contract.models.confusion import Confusion
from contract.panes import SCORE_BINS, UNIT
from monitor.verdicts.intervals import Interval, intervals, wilson
from tests.support.scores import calibrated, draw_scores, histogram_of
from tests.support.sizes import size

THRESHOLD = 0.31
METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier", "log_loss")


def _measured(scores: np.ndarray, labels: np.ndarray) -> tuple[dict[str, float], dict[str, Interval]]:
    """The metrics, and their intervals."""
    said = scores >= THRESHOLD
    counts = Confusion(
        *(int((part).sum()) for part in (~said & ~labels, said & ~labels, ~said & labels, said & labels))
    )
    squared = float(((scores - labels) ** 2).sum())
    loss = float(-np.log(np.where(labels, scores, 1 - scores)).sum())
    histogram = histogram_of(scores, labels)
    found = intervals(counts, histogram, squared_error=round(squared * UNIT), log_loss=round(loss * UNIT))
    _, negatives, positives = histogram
    wins = float((positives * (np.cumsum(negatives) - negatives / 2)).sum())
    values = {
        "accuracy": counts.accuracy,
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1,
        "roc_auc": wins / (negatives.sum() * positives.sum()) if negatives.sum() * positives.sum() else None,
        "brier": squared / len(scores),
        "log_loss": loss / len(scores),
    }
    return {name: value for name, value in values.items() if value is not None}, found


@given(
    records=st.lists(st.tuples(st.floats(0.0001, 0.9999), st.booleans()), min_size=1, max_size=60),
)
@settings(max_examples=100, deadline=None)
def test_every_interval_holds_its_metric(records: list[tuple[float, bool]]) -> None:
    values, found = _measured(np.array([p for p, _ in records]), np.array([y for _, y in records]))
    assert found.keys() <= values.keys()
    for name, (low, high) in found.items():
        assert low - 1e-9 <= values[name] <= high + 1e-9, name
        assert low >= 0
        assert high <= 1 or name == "log_loss"


def test_nothing_labelled_has_no_interval() -> None:
    assert intervals(Confusion(), np.zeros((3, SCORE_BINS), dtype=np.int64), squared_error=0, log_loss=0) == {}


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (3, 10), (10, 10), (812, 1_000)])
def test_wilsons_interval_is_scipys(hits: int, trials: int) -> None:
    expected = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_delongs_variance_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(4)
    scores = (np.floor(draw_scores(rng, 300) * SCORE_BINS) + 0.5) / SCORE_BINS
    labels = rng.random(300) < scores
    won = (scores[labels][:, None] > scores[~labels]) + 0.5 * (scores[labels][:, None] == scores[~labels])
    auc = won.mean()
    variance = won.mean(axis=1).var(ddof=1) / labels.sum() + won.mean(axis=0).var(ddof=1) / (~labels).sum()
    reach = 1.959963984540054 * np.sqrt(variance) / (auc * (1 - auc))
    log_odds = np.log(auc / (1 - auc))
    low, high = _measured(scores, labels)[1]["roc_auc"]
    assert (low, high) == pytest.approx((1 / (1 + np.exp(reach - log_odds)), 1 / (1 + np.exp(-reach - log_odds))))


@pytest.mark.parametrize("records", [200, 1_000])
def test_intervals_cover(records: int) -> None:
    rng = np.random.default_rng(11)
    many = draw_scores(rng, 400_000)
    truth, _ = _measured(many, rng.random(len(many)) < calibrated(many))
    windows = size(ci=600, full=4_000)
    covered = dict.fromkeys(METRICS, 0)
    for _ in range(windows):
        scores = draw_scores(rng, records)
        for name, (low, high) in _measured(scores, rng.random(records) < scores)[1].items():
            covered[name] += low <= truth[name] <= high
    # 95 % less four standard errors of so many windows, and a point for the normal approximation
    least = 0.94 - 4 * np.sqrt(0.05 * 0.95 / windows)
    assert all(count / windows >= least for count in covered.values()), covered
