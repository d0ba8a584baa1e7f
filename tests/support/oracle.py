"""What final windows must say: one group-by over predictions joined to labels, computed by pandas and scikit-learn."""

import json
from collections.abc import Iterable

import pandas as pd
import pytest
from sklearn import metrics

from contract.panes import SCORE_BINS
from contract.settings import Settings
from contract.windows import Window
from tests.support.kafka.topics import committed


def topic_frame(settings: Settings, topic: str) -> pd.DataFrame:
    """A topic's committed messages as a table, without control messages."""
    rows = [json.loads(m.value() or b"") for m in committed(settings, topic) if m.key() is not None]
    return pd.json_normalize(rows)


def assert_windows_are_one_group_by(windows: Iterable[Window], predictions: pd.DataFrame, labels: pd.DataFrame) -> None:
    """Compare fully labelled final windows with the messages that they were made from."""
    joined = predictions.merge(labels[["record_id", "label"]], on="record_id")
    for window in windows:
        rows = joined[(joined.event_time >= window.start) & (joined.event_time < window.end)]
        found = window.performance
        tn, fp, fn, tp = metrics.confusion_matrix(rows.label, rows.predicted, labels=[0, 1]).ravel()
        assert (found.tn, found.fp, found.fn, found.tp) == (tn, fp, fn, tp)
        assert window.records == window.labelled == len(rows)
        assert found.accuracy == pytest.approx(metrics.accuracy_score(rows.label, rows.predicted), abs=1e-12)
        assert found.brier == pytest.approx(metrics.brier_score_loss(rows.label, rows.probability), abs=1e-8)
        if found.f1 is not None:
            assert found.f1 == pytest.approx(metrics.f1_score(rows.label, rows.predicted), abs=1e-12)
        if rows.label.nunique() == 2:
            exact = metrics.roc_auc_score(rows.label, rows.probability)
            assert found.roc_auc == pytest.approx(exact, abs=_auc_bound(rows) + 1e-12)
            if len(rows) >= 1_000:
                assert found.roc_auc == pytest.approx(exact, abs=5e-4)


def _auc_bound(rows: pd.DataFrame) -> float:
    """How far an AUC of score bins may be from the exact one: pairs in one bin count half."""
    counts = pd.crosstab((rows.probability * SCORE_BINS).astype(int).clip(upper=SCORE_BINS - 1), rows.label)
    return float((counts[0] * counts[1]).sum() / (2 * counts[0].sum() * counts[1].sum()))
