"""Fitting a pipeline with its calibration and threshold, from training rows alone.

Everything is chosen on out-of-fold probabilities: each training row is scored by a pipeline that has not seen it, and
calibrated by a map that has not seen it either.
"""

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.pipeline import Pipeline
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from contract.arrays import Floats, Labels
from contract.models.registry import Classifier
from training.steps import Tell, untold
from training.table.split import Fold

Calibration = Literal["none", "sigmoid", "isotonic"]
THRESHOLD_DRAWS = 50
LARGE = 50_000
"""Rows from which folds are fitted beside one another by default, in threads."""

RowNumbers = npt.NDArray[np.int64]
_ScoredFold = tuple[Floats, float, float]


@dataclass(frozen=True)
class Validated:
    """What the folds say of a pipeline: calibrated out-of-fold probabilities, and a decision threshold in (0, 1).

    ``brier`` is the out-of-fold Brier score of each calibration that was tried; ``seconds`` what the folds' fits and
    predictions took one after the other, ``score_1000_ms`` the median time for 1,000 rows. ``as_served`` are the
    probabilities as the registered model spreads them, with one calibration for all rows: the folds' isotonic maps have
    their steps at other values each. ``whole`` is the pipeline fitted on all rows, without calibration, where that was
    asked for.
    """

    scores: Floats
    as_served: Floats
    threshold: float
    calibration: Calibration
    brier: dict[Calibration, float]
    seconds: float
    score_1000_ms: float
    whole: Classifier | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Fitted:
    """A classifier fitted on all training rows, and what the folds said of it."""

    classifier: Classifier
    validated: Validated

    @property
    def threshold(self) -> float:
        return self.validated.threshold

    @property
    def calibration(self) -> Calibration:
        return self.validated.calibration


def validate(
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: Labels,
    splits: list[Fold],
    jobs: int = 1,
    tell: Tell = untold,
    *,
    whole: bool = False,
) -> Validated:
    """Score each row by ``pipeline`` (left as it is) fitted without its fold, and choose calibration and threshold.

    The calibration is the one with the lowest Brier score; none where that is as low. A classifier without
    probabilities (an SVM) is always calibrated. ``jobs`` folds at a time; the result is the same for any number. With
    ``whole``, the pipeline is fitted on all rows, too, beside the last folds and the choice: of five folds on two
    cores, the last would leave one idle.
    """
    fits = [delayed(_score_fold)(pipeline, X, y, training, validation) for training, validation in splits]
    if whole:
        fits.append(delayed(_fit_whole)(pipeline, X, y))
    done: list[_ScoredFold] = []
    with _parallel(len(y)):
        made = Parallel(n_jobs=jobs, return_as="generator")(fits)
        for number in range(len(splits)):
            tell(number / len(splits), f"fitting fold {number + 1} of {len(splits)}")
            done.append(next(made))
        tell(1.0, "choosing calibration and threshold")
        chosen = _chosen(pipeline, y, splits, done)
        return replace(chosen, whole=next(made)) if whole else chosen


def _chosen(pipeline: Pipeline, y: Labels, splits: list[Fold], done: list[_ScoredFold]) -> Validated:
    """The calibration and the threshold that the folds' scores call for."""
    # what a model of 32-bit floats gives must stay such where its own map is fitted: others have other steps
    given = np.empty(len(y), dtype=np.result_type(*(scores for scores, _, _ in done)))
    for (_, validation), (scores, _, _) in zip(splits, done, strict=True):
        given[validation] = scores
    raw = given.astype(np.float64)
    candidates: dict[Calibration, Floats] = {
        "sigmoid": _cross_fitted("sigmoid", raw, y, splits),
        "isotonic": _cross_fitted("isotonic", raw, y, splits),
    }
    if hasattr(pipeline, "predict_proba"):
        candidates = {"none": raw, **candidates}
    brier = {method: float(brier_score_loss(y, scores)) for method, scores in candidates.items()}
    chosen = min(brier, key=lambda method: brier[method])  # the first, uncalibrated, where they are equal
    return Validated(
        candidates[chosen],
        _isotonic(given, y).predict(given).astype(np.float64) if chosen == "isotonic" else candidates[chosen],
        stable_threshold(y, candidates[chosen]),
        chosen,
        brier,
        seconds=float(sum(fitting + scoring for _, fitting, scoring in done)),
        score_1000_ms=float(
            np.median([1e6 * timed[2] / len(fold) for timed, (_, fold) in zip(done, splits, strict=True)])
        ),
    )


def fit(
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: Labels,
    splits: list[Fold],
    jobs: int = 1,
    validated: Validated | None = None,
) -> Fitted:
    """Fit ``pipeline`` (left as it is) on all rows, calibrated as the folds say; ``validated`` if they have already."""
    found = validated or validate(pipeline, X, y, splits, jobs)
    if found.calibration == "none" and found.whole is not None:
        return Fitted(found.whole, found)
    with _parallel(len(y)):
        if found.calibration == "none":
            return Fitted(_fit_whole(pipeline, X, y), found)
        classifier = CalibratedClassifierCV(
            clone(pipeline), method=found.calibration, cv=splits, ensemble=False, n_jobs=jobs
        ).fit(X, y)
    classifier.cv = None  # row numbers of the folds, which serving has no use for
    classifier.n_jobs = None
    return Fitted(classifier, found)


def stable_threshold(y: Labels, scores: Floats, draws: int = THRESHOLD_DRAWS) -> float:
    """The mean of the best thresholds of ``draws`` bootstrap samples of the rows, always the same ones.

    F1 has many peaks of nearly the same height, and which is the highest is chance; on other rows, the mean of several
    samples' highest does better than the highest of one (bagging: Breiman, Machine Learning 24, 1996).
    """
    rng = np.random.default_rng(0)
    levels, place = np.unique(np.append(scores, 0.0), return_inverse=True)
    place = place[:-1]
    samples = (rng.integers(0, len(y), len(y)) for _ in range(draws))
    return float(np.mean([_best_of_levels(levels, place[rows], y[rows]) for rows in samples]))


def best_threshold(y: Labels, scores: Floats) -> float:
    """The threshold in (0, 1) with the highest F1 of ``scores >= threshold``; the highest one if several have it.

    It lies midway between two neighbouring scores (0 counts as one), so that rounding cannot flip a decision.
    """
    levels, place = np.unique(np.append(scores, 0.0), return_inverse=True)
    return _best_of_levels(levels, place[:-1], y)


def _best_of_levels(levels: Floats, place: npt.NDArray[np.int64], y: Labels) -> float:
    """``best_threshold`` of the scores ``levels[place]``; the levels rise from 0 on, and not all need be there."""
    counts = np.bincount(place, minlength=len(levels))
    there = np.flatnonzero(counts)
    if there[0] != 0:
        there = np.append(0, there)
    levels = levels[there]
    middles = (levels[1:] + levels[:-1]) / 2
    # between the two smallest doubles there is no middle
    candidates = np.where(middles > levels[:-1], middles, levels[1:])
    if len(candidates) == 0:
        return 0.5
    positives = np.bincount(place, weights=y, minlength=len(counts))[there]
    true_positives = np.cumsum(positives[:0:-1])[::-1]
    predicted = np.cumsum(counts[there][:0:-1])[::-1]
    f1 = 2 * true_positives / (predicted + positives.sum())
    return float(candidates[len(f1) - 1 - int(np.argmax(f1[::-1]))])


@contextmanager
def _parallel(rows: int) -> Iterator[None]:
    """Fits without warnings and, where there are many ``rows``, in threads: processes would each have a copy of them.

    A search meets what does not converge; its score says so.
    """
    with warnings.catch_warnings(), parallel_config("threading" if rows >= LARGE else "loky"):
        warnings.simplefilter("ignore")
        yield


def _fit_whole(pipeline: Pipeline, X: pd.DataFrame, y: Labels) -> Classifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a thread or a process of its own
        fitted: Classifier = clone(pipeline).fit(X, y)
        return fitted


def _score_fold(
    pipeline: Pipeline, X: pd.DataFrame, y: Labels, training: RowNumbers, validation: RowNumbers
) -> _ScoredFold:
    """Scores of the validation rows as the pipeline gives them, and the seconds for fitting and for scoring."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a process of its own
        known, asked = X.iloc[training], X.iloc[validation]
        started = time.perf_counter()
        fitted = clone(pipeline).fit(known, y[training])
        between = time.perf_counter()
        if hasattr(fitted, "predict_proba"):
            scores = fitted.predict_proba(asked)[:, 1]
        else:
            scores = fitted.decision_function(asked)
        return np.asarray(scores), between - started, time.perf_counter() - between


def _cross_fitted(method: Literal["sigmoid", "isotonic"], raw: Floats, y: Labels, splits: list[Fold]) -> Floats:
    """``raw``, each fold mapped by a calibration that was fitted on the other folds' rows."""
    calibrated = np.empty_like(raw)
    for others, fold in splits:
        if method == "isotonic":
            calibrated[fold] = _isotonic(raw[others], y[others]).predict(raw[fold])
        else:
            platt = LogisticRegression(C=1e10).fit(raw[others].reshape(-1, 1), y[others])
            calibrated[fold] = platt.predict_proba(raw[fold].reshape(-1, 1))[:, 1]
    return calibrated


def _isotonic(raw: Floats, y: Labels) -> IsotonicRegression:
    return IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(raw, y)
