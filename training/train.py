"""From a table to a registered model: split, fit, measure once, register, and the alias if it has earned it."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from contract.errors import UserError
from contract.registry import find_version, model_title, out_of_reach, positive_probabilities, registry_client
from contract.schema import Schema, load_schema
from contract.settings import Settings
from training.candidates import XGBOOST, xgboost_pipeline
from training.evaluate import Comparison, compare, evaluate
from training.fitting import Fitted, fit
from training.prepare import Mask, Table, describe, read_table
from training.register import Candidate, HeldOut, load_champion, register, set_alias
from training.split import folds, held_out

DEFAULT_SEED = 42
_log = logging.getLogger("churnstream.training")


@dataclass(frozen=True)
class Verdict:
    """Whether a new version took the alias, and why; ``comparison`` is None where there was nothing to compare with."""

    promoted: bool
    reason: str
    comparison: Comparison | None = None


@dataclass(frozen=True)
class TrainingResult:
    """What was registered. ``metrics`` are those of the ``test_rows`` held-out rows."""

    model_name: str
    version: int
    run_id: str
    threshold: float
    calibration: str
    metrics: dict[str, float]
    train_rows: int
    test_rows: int
    table: Table
    verdict: Verdict


@dataclass(frozen=True)
class Developed:
    """A model made from the rows outside the test set, and the test set with the model's probabilities."""

    fitted: Fitted
    held_out: HeldOut
    seconds: float


def train(
    settings: Settings,
    table: Path | pd.DataFrame,
    *,
    name: str | None = None,
    seed: int = DEFAULT_SEED,
    force: bool = False,
) -> TrainingResult:
    """Train on a file or a frame (called ``name`` in messages) and register the model.

    The first version gets the alias. Later ones get it if they are better than the version that has it by more than
    noise on the same held-out rows, or if ``force``.

    Raises:
        UserError: the table or the registry cannot be used; the message says why and what to do.
    """
    schema = load_schema(settings.dataset)
    rows = read_table(table, schema, name)
    _warn(rows, name or ("the table" if isinstance(table, pd.DataFrame) else str(table)))
    client = registry_client(settings, create=True)
    from mlflow.exceptions import MlflowException

    try:
        champion = find_version(client, settings)  # an unreachable registry is told before the work, not after
        developed = develop(rows, held_out(rows.customers, rows.y), schema, seed)
        candidate = _candidate(developed, rows, schema, seed)
        version, run_id = register(client, settings, schema, candidate)
        verdict = _judge(settings, schema, developed.held_out, version, champion, force)
        if verdict.promoted:
            set_alias(client, settings, version)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return TrainingResult(
        model_name=settings.model_name,
        version=version,
        run_id=run_id,
        threshold=developed.fitted.threshold,
        calibration=developed.fitted.calibration,
        metrics=candidate.metrics,
        train_rows=len(rows.y) - len(developed.held_out.y),
        test_rows=len(developed.held_out.y),
        table=rows,
        verdict=verdict,
    )


def develop(rows: Table, test: Mask, schema: Schema, seed: int) -> Developed:
    """Fit on the rows outside ``test``, then score those inside once. No label inside has any effect on the model."""
    started = time.perf_counter()
    X, y = rows.X[~test].reset_index(drop=True), rows.y[~test]
    fitted = fit(xgboost_pipeline(schema, seed), X, y, folds(rows.customers[~test], y, seed))
    seconds = time.perf_counter() - started
    inside = rows.X[test].reset_index(drop=True)
    scores = positive_probabilities(fitted.classifier, inside)
    return Developed(fitted, HeldOut(inside, rows.y[test], scores), seconds)


def _candidate(developed: Developed, rows: Table, schema: Schema, seed: int) -> Candidate:
    fitted, held = developed.fitted, developed.held_out
    metrics = evaluate(held.y, held.scores, fitted.threshold)
    params = {
        "model": "xgboost",
        **{name: str(value) for name, value in XGBOOST.items()},
        "seed": str(seed),
        "calibration": fitted.calibration,
        "train_rows": str(len(rows.y) - len(held.y)),
        "test_rows": str(len(held.y)),
        "excluded_rows": str(rows.rows_read - len(rows.y)),
        "duplicate_ids": str(rows.duplicates),
    }
    return Candidate(
        name="xgboost",
        classifier=fitted.classifier,
        threshold=fitted.threshold,
        data_hash=rows.data_hash,
        held_out=held,
        params=params,
        metrics=metrics | {"threshold": fitted.threshold, "fit_seconds": developed.seconds},
        tags={
            "churnstream.schema": f"{schema.name} v{schema.version}",
            "churnstream.schema_fingerprint": schema.fingerprint,
            "churnstream.data_hash": rows.data_hash,
        },
    )


def _judge(
    settings: Settings, schema: Schema, held: HeldOut, version: int, champion: int | None, force: bool
) -> Verdict:
    new, alias = model_title(settings, version), f"@{settings.model_alias}"
    if champion is None:
        return Verdict(True, f"{new} is the first {alias}")
    old = model_title(settings, champion)
    loaded = load_champion(settings, champion, schema)
    if isinstance(loaded, UserError):
        if force:
            return Verdict(
                True, f"{new} takes {alias} from {old}, as --force says; the two cannot be compared: {loaded}"
            )
        return Verdict(
            False,
            f"{new} does not take {alias}, for {old} cannot be compared with: {loaded}; --force gives it the alias",
        )
    comparison = compare(held.y, held.scores, positive_probabilities(loaded.classifier, held.X))
    found = (
        f"on {len(held.y):,} held-out rows its Brier score is {abs(comparison.gain):.5f} "
        f"{'lower' if comparison.gain >= 0 else 'higher'} (95 % interval of the gain {comparison.low:.5f} to "
        f"{comparison.high:.5f})"
    )
    if comparison.better:
        return Verdict(True, f"{new} takes {alias} from {old}: {found}", comparison)
    if force:
        return Verdict(
            True, f"{new} takes {alias} from {old}, as --force says, though not proven better: {found}", comparison
        )
    return Verdict(
        False, f"{new} does not take {alias} from {old}, which is not worse by more than noise: {found}", comparison
    )


def _warn(rows: Table, origin: str) -> None:
    if rows.excluded:
        left_out = rows.rows_read - len(rows.y)
        _log.warning("%s: %s rows violate the schema and are left out (%s)", origin, left_out, describe(rows.excluded))
    if rows.duplicates:
        _log.warning(
            "%s: %s rows repeat a customer's id; all rows of a customer stay on one side of the test split",
            origin,
            rows.duplicates,
        )
