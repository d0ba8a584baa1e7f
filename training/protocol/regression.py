"""``churnstream train --task regression``: the label fitted as a number, and how good that is, honestly.

The same customers are held out as for classification. The threshold that turns the number into a decision is chosen on
out-of-fold predictions of the training rows. Nothing is registered: what it gives is no probability. A crash leaves a
run marked as failed or running.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from imblearn.pipeline import Pipeline
from sklearn.base import clone
from xgboost import XGBRegressor

from contract.arrays import Floats, Labels
from contract.models.registry import out_of_reach, registry_client
from contract.schema import Schema
from contract.settings import Settings
from contract.split.defaults import DEFAULT_SPLIT_SEED
from contract.split.held_out import held_out
from training.kinds.encoding import trees
from training.kinds.kinds import XGBOOST
from training.quality.evaluate import evaluate
from training.quality.intervals import DRAWS, bootstrap, ends, percentiles
from training.registered import tags
from training.registered.mlflow_runs import open_run
from training.selection.fitting import best_threshold
from training.steps import Tell, part, untold
from training.table.prepare import Table, inside, outside
from training.table.split import folds

Intervals = dict[str, tuple[float, float]]

DECISIONS = ("f1", "precision", "recall", "accuracy", "tn", "fp", "fn", "tp")
"""Metrics of the thresholded output, from ``evaluate``; those of probabilities do not apply."""


@dataclass(frozen=True)
class RegressionResult:
    """``metrics`` are ``r2``, ``mae``, ``rmse`` and ``DECISIONS`` of held-out rows; all but counts have intervals."""

    metrics: dict[str, float]
    intervals: Intervals
    threshold: float
    train_rows: int
    test_rows: int
    run_id: str

    def show_lines(self) -> list[str]:
        """The metrics with their intervals."""
        titles = {"r2": "R²", "mae": "MAE", "rmse": "RMSE", "f1": f"F1 at {self.threshold:.3f}"}
        return [
            f"The label as a number, on {self.test_rows:,} held-out rows (trained on {self.train_rows:,}):",
            *(
                f"  {title:<14} {self.metrics[name]:.3f}  (95 % interval {low:.3f} to {high:.3f})"
                for name, title in titles.items()
                for low, high in (self.intervals[name],)
            ),
            "The threshold is from out-of-fold predictions of the training rows. Nothing was registered.",
        ]


def run(
    settings: Settings,
    rows: Table,
    schema: Schema,
    *,
    seed: int,
    split_seed: int = DEFAULT_SPLIT_SEED,
    tell: Tell = untold,
) -> RegressionResult:
    """Fit, measure on the held-out rows once, and log a run.

    Raises:
        UserError: MLflow does not answer, or its experiment was deleted.
    """
    client = registry_client(settings, create=True)
    from mlflow.exceptions import MlflowException

    split = {tags.SPLIT_SEED: str(split_seed), tags.PROTOCOL: tags.HONEST}
    started = time.perf_counter()
    try:
        with open_run(client, "regression", tags.about(schema, rows.data_hash) | split) as opened:
            test = held_out(rows.customers, split_seed)
            threshold, predicted = fit_and_predict(rows, test, schema, seed, part(tell, 0, 0.8))
            tell(0.8, "measuring")
            metrics, intervals = measure(rows.y[test], predicted, threshold, seed)
            seconds = time.perf_counter() - started
            opened.log(
                metrics | ends(intervals) | {"threshold": threshold, "duration_seconds": seconds},
                {"kind": "xgboost regression", "seed": seed, "sampling": "plain", **XGBOOST},
            )
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return RegressionResult(metrics, intervals, threshold, int((~test).sum()), int(test.sum()), opened.run_id)


def fit_and_predict(
    rows: Table, test: npt.NDArray[np.bool_], schema: Schema, seed: int, tell: Tell = untold
) -> tuple[float, Floats]:
    """The threshold, and the predictions of the rows in ``test``, which have no effect on either."""
    X, y = outside(rows, test)
    pipeline = Pipeline([*trees(schema), ("regress", XGBRegressor(random_state=seed, n_jobs=1, **XGBOOST))])
    splits = folds(rows.customers[~test], y, seed)
    guessed = np.empty(len(y))
    for number, (training, validation) in enumerate(splits):
        tell(number / (len(splits) + 1), f"fitting fold {number + 1} of {len(splits)}")
        fitted = clone(pipeline).fit(X.iloc[training], y[training])
        guessed[validation] = fitted.predict(X.iloc[validation])
    threshold = best_threshold(y, guessed)
    tell(len(splits) / (len(splits) + 1), "fitting on all training rows")
    predicted: Floats = pipeline.fit(X, y).predict(inside(rows, test)[0]).astype(np.float64)
    return threshold, predicted


def measure(y: Labels, predicted: Floats, threshold: float, seed: int) -> tuple[dict[str, float], Intervals]:
    """R² (1 − residual over total sum of squares), MAE, RMSE and ``DECISIONS``, and percentile bootstrap intervals."""
    residual = y - predicted
    drawn = np.random.default_rng(seed).integers(0, len(y), (DRAWS, len(y)))
    draws = _errors(y[drawn], residual[drawn])
    decisions = (predicted >= threshold).astype(np.float64)
    decided, by_decision = evaluate(y, decisions, 0.5), bootstrap(y, decisions, 0.5, seed=seed)
    metrics = {name: float(value[0]) for name, value in _errors(y[np.newaxis], residual[np.newaxis]).items()}
    intervals = {name: percentiles(values) for name, values in draws.items()}
    return (
        metrics | {name: decided[name] for name in DECISIONS},
        intervals | {name: by_decision[name] for name in DECISIONS if name in by_decision},
    )


def _errors(y: npt.NDArray[Any], residual: Floats) -> dict[str, Floats]:
    """Each error for each row of the arguments."""
    squares = (residual**2).mean(axis=1)
    variance = y.var(axis=1)
    return {
        "r2": 1 - np.divide(squares, variance, out=np.full(len(y), np.nan), where=variance > 0),
        "mae": np.abs(residual).mean(axis=1),
        "rmse": np.sqrt(squares),
    }
