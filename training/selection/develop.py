"""From the rows outside the test set to a fitted model, and the one look at the rows inside."""

from dataclasses import dataclass

import pandas as pd
from joblib import cpu_count

from contract.arrays import Floats, Integers, Labels, Mask
from contract.models.registry import positive_probabilities
from contract.schema import Schema
from training.kinds.kinds import KINDS, xgboost_pipeline
from training.kinds.sampling import strip_training
from training.quality.clusters import clusters_of
from training.selection.fitting import LARGE, Fitted, fit
from training.selection.measure import Candidate, measure
from training.steps import Tell, part, untold
from training.table.prepare import Table, inside, outside
from training.table.split import FOLDS, Fold, folds


@dataclass(frozen=True)
class HeldOut:
    """Rows that no part of the training has seen, with their labels and the final model's probabilities.

    ``customers`` numbers whom each row is about; None where each row is about another one. ``times`` says when it came,
    in ms; None where nobody knows.
    """

    X: pd.DataFrame
    y: Labels
    scores: Floats
    customers: Integers | None = None
    times: Integers | None = None

    def where(self, mask: Mask) -> "HeldOut":
        """The rows that ``mask`` masks."""
        return HeldOut(
            self.X[mask].reset_index(drop=True),
            self.y[mask],
            self.scores[mask],
            None if self.customers is None else self.customers[mask],
            None if self.times is None else self.times[mask],
        )


@dataclass(frozen=True)
class Developed:
    """A model made from the rows outside the test set, and the test set with the model's probabilities."""

    candidate: Candidate
    fitted: Fitted
    held_out: HeldOut


def develop(rows: Table, test: Mask, schema: Schema, seed: int, tell: Tell = untold) -> Developed:
    """XGBoost as it comes, fitted outside ``test``. No label inside has any effect on the model."""
    X, y = outside(rows, test)
    splits = folds(rows.customers[~test], y, seed)
    kind = KINDS["xgboost"]
    jobs = min(cpu_count(), FOLDS) if len(y) >= LARGE else 1  # of a small table, a fit takes a fifth of a second
    pipeline = xgboost_pipeline(schema, seed)
    told = part(tell, 0, 0.8)
    candidate = measure(kind.name, "plain", kind.defaults, pipeline, X, y, splits, jobs, tell=told, whole=jobs > 1)
    tell(0.8, "fitting on all training rows")
    return finish(candidate, rows, test, splits, jobs)


def finish(candidate: Candidate, rows: Table, test: Mask, splits: list[Fold], jobs: int = 1) -> Developed:
    """Fit a candidate that was measured on ``splits`` on all rows outside ``test``, and score those inside, once."""
    X, y = outside(rows, test)
    fitted = fit(candidate.pipeline, X, y, splits, jobs, candidate.validated)
    strip_training(fitted.classifier)
    X_test, y_test = inside(rows, test)
    scores = positive_probabilities(fitted.classifier, X_test)
    times = None if rows.times is None else rows.times[test]
    return Developed(candidate, fitted, HeldOut(X_test, y_test, scores, clusters_of(rows.customers[test]), times))
