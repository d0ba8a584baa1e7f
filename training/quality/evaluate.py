"""How good probabilities are on held-out rows, and whether one model is better than another by more than noise."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from contract.arrays import Floats, Labels
from training.quality.clusters import Customers, clusters_of, standard_error

CONFIDENCE = 0.95
CALIBRATION_BINS = 10


METRIC_TITLES = {
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "accuracy": "accuracy",
    "average_precision": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}
"""How people call what ``evaluate`` gives, without the four counts; in the order in which it is shown."""


@dataclass(frozen=True)
class Comparison:
    """Champion's Brier score minus challenger's on the same rows, so above 0 if the challenger is better; interval."""

    gain: float
    low: float
    high: float
    confidence: float = CONFIDENCE

    @property
    def better(self) -> bool:
        """Whether the challenger is better by more than noise."""
        return self.low > 0


def evaluate(y: Labels, probabilities: Floats, threshold: float) -> dict[str, float]:
    """Metrics of labels (both classes present), probabilities of label 1 and decisions at the threshold.

    Precision and F1 are 0 where nothing is predicted positive. Probabilities of 0 and 1 are moved by a double's epsilon
    for the log loss, as scikit-learn does.
    """
    decisions = (probabilities >= threshold).astype(np.int64)
    tn, fp, fn, tp = confusion_matrix(y, decisions, labels=[0, 1]).ravel()
    return {
        "accuracy": float(accuracy_score(y, decisions)),
        "precision": float(precision_score(y, decisions, zero_division=0)),
        "recall": float(recall_score(y, decisions)),
        "f1": float(f1_score(y, decisions, zero_division=0)),
        "roc_auc": float(roc_auc_score(y, probabilities)),
        "average_precision": float(average_precision_score(y, probabilities)),
        "brier": float(brier_score_loss(y, probabilities)),
        "log_loss": float(log_loss(y, probabilities, labels=[0, 1])),
        "calibration_error": calibration_error(y, probabilities),
        "tn": float(tn),
        "fp": float(fp),
        "fn": float(fn),
        "tp": float(tp),
    }


def calibration_error(y: Labels, probabilities: Floats) -> float:
    """Expected calibration error: mean over the rows of their bin's |share of label 1 − mean probability|.

    ``CALIBRATION_BINS`` bins of equal mass (Naeini, Cooper & Hauskrecht, AAAI 2015; equal mass as in Nixon et al., CVPR
    Workshops 2019). Equal probabilities share a bin, the one in which the middle of their mass lies, so the order of
    the rows does not matter.
    """
    levels, place, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    bins = ((np.cumsum(counts) - counts / 2) * CALIBRATION_BINS / len(y)).astype(np.int64)
    excess = np.bincount(place, weights=y) - counts * levels
    return float(np.abs(np.bincount(bins, weights=excess)).sum() / len(y))


def compare(
    y: Labels,
    challenger: Floats,
    champion: Floats,
    customers: Customers | None = None,
    *,
    confidence: float = CONFIDENCE,
) -> Comparison:
    """Compare two models' probabilities on the same rows.

    The interval is Student's for the mean of paired differences of squared errors, two-sided, at ``confidence``. Where
    ``customers`` repeat, they and not their rows count as independent (``clusters.standard_error``).
    """
    differences = (champion - y) ** 2 - (challenger - y) ** 2
    gain = float(differences.mean())
    clusters = clusters_of(customers)
    if clusters is None:
        spread, independent = float(differences.std(ddof=1) / np.sqrt(len(differences))), len(differences)
    else:
        spread, independent = standard_error(differences, clusters)
    if not np.isfinite(spread):
        return Comparison(gain, -spread, spread, confidence)
    reach = float(stats.t.ppf((1 + confidence) / 2, independent - 1)) * spread
    return Comparison(gain, gain - reach, gain + reach, confidence)
