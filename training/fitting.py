"""Fitting a pipeline with its calibration and threshold, from training rows alone.

Everything is chosen on out-of-fold probabilities: each training row is scored by a pipeline that has not seen it, and
calibrated by a map that has not seen it either.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.pipeline import Pipeline
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import cross_val_predict

from contract.registry import Classifier
from training.split import Fold

Calibration = Literal["none", "sigmoid", "isotonic"]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A classifier fitted on all training rows, its decision threshold in (0, 1) and how it is calibrated.

    ``validation`` holds the out-of-fold probabilities under that calibration, ``brier`` the out-of-fold Brier score of
    each calibration that was tried.
    """

    classifier: Classifier
    threshold: float
    calibration: Calibration
    validation: Floats
    brier: dict[Calibration, float]


def fit(pipeline: Pipeline, X: pd.DataFrame, y: Labels, splits: list[Fold]) -> Fitted:
    """Fit ``pipeline`` (left as it is) on all rows, calibrated where that lowers the out-of-fold Brier score."""
    raw = cross_val_predict(pipeline, X, y, cv=splits, method="predict_proba")[:, 1].astype(np.float64)
    validation: dict[Calibration, Floats] = {
        "none": raw,
        "sigmoid": _cross_fitted("sigmoid", raw, y, splits),
        "isotonic": _cross_fitted("isotonic", raw, y, splits),
    }
    brier = {method: float(brier_score_loss(y, scores)) for method, scores in validation.items()}
    chosen = min(brier, key=lambda method: brier[method])  # the first, uncalibrated, where they are equal
    if chosen == "none":
        classifier = clone(pipeline).fit(X, y)
    else:
        classifier = CalibratedClassifierCV(clone(pipeline), method=chosen, cv=splits, ensemble=False).fit(X, y)
        classifier.cv = None  # row numbers of the folds, which serving has no use for
    return Fitted(classifier, best_threshold(y, validation[chosen]), chosen, validation[chosen], brier)


def best_threshold(y: Labels, scores: Floats) -> float:
    """The threshold in (0, 1) with the highest F1 of ``scores >= threshold``; the highest one if several have it.

    It lies midway between two neighbouring scores (0 counts as one), so that rounding cannot flip a decision.
    """
    levels = np.unique(np.append(scores, 0.0))
    candidates = (levels[1:] + levels[:-1]) / 2
    if len(candidates) == 0:
        return 0.5
    positives = np.sort(scores[y == 1])
    true_positives = len(positives) - np.searchsorted(positives, candidates)
    predicted = len(scores) - np.searchsorted(np.sort(scores), candidates)
    f1 = 2 * true_positives / (predicted + len(positives))
    return float(candidates[len(f1) - 1 - int(np.argmax(f1[::-1]))])


def _cross_fitted(method: Literal["sigmoid", "isotonic"], raw: Floats, y: Labels, splits: list[Fold]) -> Floats:
    """``raw``, each fold mapped by a calibration that was fitted on the other folds' rows."""
    calibrated = np.empty_like(raw)
    for others, fold in splits:
        if method == "isotonic":
            isotonic = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw[others], y[others])
            calibrated[fold] = isotonic.predict(raw[fold])
        else:
            platt = LogisticRegression(C=1e10).fit(raw[others].reshape(-1, 1), y[others])
            calibrated[fold] = platt.predict_proba(raw[fold].reshape(-1, 1))[:, 1]
    return calibrated
