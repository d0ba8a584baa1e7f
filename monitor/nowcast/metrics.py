"""Metrics of expected counts, each with its derivatives in the records that are still to come at a score."""

from typing import NamedTuple

import numpy as np

from contract.arrays import Floats


class Counts(NamedTuple):
    """Expected counts of a window: confusion counts at its threshold, and the sum of squared errors.

    ``positives`` and ``negatives`` (scores) are both by score, and ``self_pairs`` what a record would win and lose
    against itself if it counted with both of its classes.
    """

    tn: float
    fp: float
    fn: float
    tp: float
    squared_error: float
    positives: Floats
    negatives: Floats
    self_pairs: float


class Metric(NamedTuple):
    """``value``, and what one more positive or negative record at a score adds to it (scores)."""

    value: float
    by_positive: Floats
    by_negative: Floats


def metrics(counts: Counts, score: Floats, predicted: Floats) -> dict[str, Metric]:
    """Those metrics that are defined. ``predicted`` (scores): the share of a score's records predicted positive."""
    tn, fp, fn, tp = counts.tn, counts.fp, counts.fn, counts.tp
    labelled = tn + fp + fn + tp
    found: dict[str, Metric] = {}
    if labelled > 0:
        accuracy, brier = (tn + tp) / labelled, counts.squared_error / labelled
        found["accuracy"] = Metric(accuracy, (predicted - accuracy) / labelled, (1 - predicted - accuracy) / labelled)
        found["brier"] = Metric(brier, ((1 - score) ** 2 - brier) / labelled, (score**2 - brier) / labelled)
    if tp + fp > 0:
        precision = tp / (tp + fp)
        found["precision"] = Metric(
            precision, predicted * (1 - precision) / (tp + fp), -predicted * precision / (tp + fp)
        )
    if tp + fn > 0:
        recall = tp / (tp + fn)
        found["recall"] = Metric(recall, (predicted - recall) / (tp + fn), np.zeros_like(predicted))
    if 2 * tp + fp + fn > 0:
        twice = 2 * tp + fp + fn
        f1 = 2 * tp / twice
        # a positive adds 2 to numerator and denominator if it is predicted, else 1 to the denominator
        found["f1"] = Metric(f1, (2 * predicted - f1 * (1 + predicted)) / twice, -predicted * f1 / twice)
    auc = _roc_auc(counts)
    return found if auc is None else found | {"roc_auc": auc}


def _roc_auc(counts: Counts) -> Metric | None:
    """Expected won pairs over expected pairs, those in one bin counting half, a record making none with itself."""
    positives, negatives = counts.positives, counts.negatives
    all_positives, all_negatives = float(positives.sum()), float(negatives.sum())
    pairs = all_positives * all_negatives - counts.self_pairs
    if pairs <= 0:
        return None
    negatives_below = np.cumsum(negatives) - negatives / 2
    positives_above = all_positives - np.cumsum(positives) + positives / 2
    auc = (float(positives @ negatives_below) - counts.self_pairs / 2) / pairs
    return Metric(auc, (negatives_below - auc * all_negatives) / pairs, (positives_above - auc * all_positives) / pairs)
