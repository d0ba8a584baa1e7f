"""From a table to a registered model: split, choose, fit, measure once, register, and the alias if it has earned it."""

import logging
import tempfile
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from contract.arrays import Mask
from contract.errors import UserError
from contract.models.bundle import TRAINING_SAMPLE_ARTIFACT
from contract.models.calibration import CalibrationBins
from contract.models.registry import find_version, out_of_reach, registry_client
from contract.schema import Schema, load_schema, schema_text
from contract.settings import Settings
from contract.split.defaults import DEFAULT_SPLIT_SEED, DEFAULT_TEST_SHARE
from contract.split.held_out import SPLIT_RULE, held_out
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.times import TimeOptions
from training.defaults import DEFAULT_SEED, OnBadRows
from training.kinds.kinds import KINDS
from training.quality.evaluate import evaluate
from training.quality.intervals import bootstrap, ends
from training.registered import tags
from training.registered.card import CardFacts, model_card
from training.registered.mlflow_runs import Run, open_run
from training.registered.promotion import Verdict, give_alias, judge
from training.registered.reference_file import reference_bytes
from training.registered.register import BAD_ROWS_ARTIFACT, Trained, library_versions, listed, register
from training.registered.validation_file import VALIDATION_ARTIFACT, validation_bytes
from training.selection.develop import Developed, develop, finish
from training.selection.measure import Candidate
from training.selection.rule import RULE, Ranking, rank
from training.selection.search import Listener, Listeners, Plan, Searcher
from training.table.prepare import Table, describe, outside, read_table
from training.table.split_files import SPLIT_FILES, SPLIT_FOLDER, write_split
from training.table.suspicions import suspicions

if TYPE_CHECKING:
    from mlflow import MlflowClient

CANDIDATES_ARTIFACT = "candidates.csv"
SUSPICIONS_ARTIFACT = "churnstream/suspicions.json"
_log = logging.getLogger("churnstream.training")


@dataclass(frozen=True)
class Selection:
    """All candidates of a search and their order; ``run_id`` is the run that sums them up."""

    candidates: tuple[Candidate, ...]
    ranking: Ranking
    run_id: str

    @property
    def ordered(self) -> tuple[Candidate, ...]:
        """Best first."""
        return tuple(self.candidates[place] for place in self.ranking.order)


@dataclass(frozen=True)
class TrainingResult:
    """What was registered. ``metrics`` and their ``intervals`` are those of the ``test_rows`` held-out rows."""

    model_name: str
    version: int
    run_id: str
    candidate: Candidate
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    train_rows: int
    test_rows: int
    split_hash: str
    table: Table
    suspicions: tuple[str, ...]
    verdict: Verdict
    selection: Selection | None = None

    @property
    def threshold(self) -> float:
        return self.candidate.threshold

    @property
    def calibration(self) -> str:
        return self.candidate.validated.calibration


@dataclass(frozen=True)
class _Task:
    """One training: what it works on, and what of it every run and version carries."""

    client: "MlflowClient"
    settings: Settings
    schema: Schema
    rows: Table
    test: Mask
    seed: int
    split_seed: int
    test_share: float
    split_hash: str
    split_files: dict[str, bytes]
    looked_at: tuple[str, ...]
    figures: bool
    started: float

    @property
    def tags(self) -> dict[str, str]:
        return {
            **tags.about(self.schema, self.rows.data_hash),
            tags.SPLIT_SEED: str(self.split_seed),
            tags.SPLIT_RULE: SPLIT_RULE,
            tags.TEST_SHARE: str(self.test_share),
            tags.SPLIT_HASH: self.split_hash,
            tags.PROTOCOL: tags.HONEST,
            **({} if self.rows.past is None else {tags.LEARNED_UNTIL: self.rows.past.moment}),
        }


@dataclass(frozen=True)
class _RegisteredModel:
    """A version without the alias, the model it holds, and how good that is on the held-out rows."""

    version: int
    run_id: str
    developed: Developed
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    selection: Selection | None = None


def train(
    settings: Settings,
    table: Path | pd.DataFrame,
    *,
    name: str | None = None,
    seed: int = DEFAULT_SEED,
    force: bool = False,
    split_seed: int = DEFAULT_SPLIT_SEED,
    test_share: float = DEFAULT_TEST_SHARE,
    until: str | None = None,
    times: TimeOptions | None = None,
    split_dir: Path | None = None,
    on_bad_rows: OnBadRows = "report",
    options: ReadOptions = AS_FOUND,
    plan: Plan | None = None,
    listener: Listener | None = None,
    figures: bool | None = None,
) -> TrainingResult:
    """Train on a file (read by ``options``) or a frame (called ``name`` in messages) and register the model.

    With a ``plan``, the best of its candidates, by the rule in ``selection``; else XGBoost as it comes, in seconds. The
    first version gets the alias. Later ones get it if they are better than the version that has it by more than noise
    on the same held-out rows, or if ``force``. The split is kept with the run, and in ``split_dir`` if given. Figures
    are drawn if there is a plan, unless ``figures`` says otherwise. With ``until`` it learns from what was known before
    that moment alone, as ``training.table.prepare.read_table`` has it; ``times`` are columns of time in place of the
    schema's.

    Raises:
        UserError: the table or the registry cannot be used; the message says why and what to do.
    """
    started = time.monotonic()
    schema = (times or TimeOptions()).over(load_schema(settings.dataset))
    rows = read_table(table, schema, name, on_bad_rows=on_bad_rows, options=options, until=until)
    looked_at = tuple(suspicions(rows, schema))
    _warn(rows, looked_at, name or ("the table" if isinstance(table, pd.DataFrame) else str(table)), on_bad_rows)
    test = held_out(rows.customers, split_seed, test_share)
    _require_both_sides(rows, test, split_seed)
    made, files = _split(rows, test, schema, split_seed, split_dir)
    client = registry_client(settings, create=True)
    from mlflow.exceptions import MlflowException

    drawn = plan is not None if figures is None else figures
    task = _Task(
        client, settings, schema, rows, test, seed, split_seed, test_share, made, files, looked_at, drawn, started
    )
    try:
        champion = find_version(client, settings)  # an unreachable registry is told before the work, not after
        found = _register_default(task) if plan is None else _register_best(task, plan, listener)
        held = found.developed.held_out
        verdict = judge(client, settings, schema, found.version, champion, (held.X, held.y, held.scores), force=force)
        if verdict.promoted:
            give_alias(client, settings, found.version, verdict)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return TrainingResult(
        model_name=settings.model_name,
        version=found.version,
        run_id=found.run_id,
        candidate=found.developed.candidate,
        metrics=found.metrics,
        intervals=found.intervals,
        train_rows=int((~test).sum()),
        test_rows=int(test.sum()),
        split_hash=made,
        table=rows,
        suspicions=looked_at,
        verdict=verdict,
        selection=found.selection,
    )


def _register_default(task: _Task) -> _RegisteredModel:
    with open_run(task.client, "xgboost", {**task.tags, tags.ROLE: "model"}) as run:
        developed = develop(task.rows, task.test, task.schema, task.seed)
        return _register(
            task, developed, run, "The default, neither searched for nor compared with others.", alone=True
        )


def _register_best(task: _Task, plan: Plan, listener: Listener | None) -> _RegisteredModel:
    from training.registered.search_runs import SearchRuns

    X, y = outside(task.rows, task.test)
    title = f"selection, {plan.search} search"
    with open_run(task.client, title, {**task.tags, tags.ROLE: "selection"}) as run:
        runs = SearchRuns(task.client, run, plan.search, task.seed, y, task.tags, figures=task.figures)
        customers = task.rows.customers[~task.test]
        listeners = Listeners((runs, listener) if listener else (runs,))
        searcher = Searcher(X, y, customers, task.schema, plan, listeners, started=task.started)
        candidates = tuple(searcher.run())
        selection = Selection(candidates, rank(y, candidates), run.run_id)
        best = selection.ordered[0]
        listeners.progress(1.0, f"fitting {best.name} on all training rows")
        developed = finish(best, task.rows, task.test, searcher.splits, plan.jobs)
        chosen = f"Chosen from {len(candidates)} candidates, {plan.search} search: {selection.ranking.reason}."
        registered = _register(task, developed, runs.run_of(best), chosen, alone=False)
        run.log(
            {"candidates": len(candidates), "equal": selection.ranking.equal, "version": registered.version},
            {
                "search": plan.search,
                "seed": plan.seed,
                "budget": plan.budget,
                "trials": plan.trials,
                "rule": RULE,
                "chosen": best.name,
                "reason": selection.ranking.reason,
            },
        )
        run.content(_table(selection).encode(), CANDIDATES_ARTIFACT)
    return _RegisteredModel(
        registered.version,
        registered.run_id,
        developed,
        registered.metrics,
        registered.intervals,
        selection,
    )


def _register(task: _Task, developed: Developed, run: Run, chosen: str, *, alone: bool) -> _RegisteredModel:
    """Measure on the held-out rows and register; ``alone``: ``run`` has not yet the candidate's own numbers."""
    candidate, held = developed.candidate, developed.held_out
    metrics = evaluate(held.y, held.scores, candidate.threshold)
    intervals = bootstrap(held.y, held.scores, candidate.threshold, seed=task.seed)
    logged = {f"test_{name}": value for name, value in metrics.items()} | ends(intervals, "test_")
    params = {
        "train_rows": str(len(task.rows.y) - len(held.y)),
        "test_rows": str(len(held.y)),
        "excluded_rows": str(task.rows.rows_read - len(task.rows.y)),
        "duplicate_ids": str(task.rows.duplicates),
    }
    files = {f"{SPLIT_FOLDER}/{name}": content for name, content in task.split_files.items()}
    X, y = outside(task.rows, task.test)
    customers = task.rows.customers[~task.test]
    counted = CalibrationBins.of(np.concatenate([candidate.scores, held.scores]), np.concatenate([y, held.y]))
    files[TRAINING_SAMPLE_ARTIFACT] = reference_bytes(
        X, y, candidate.validated.as_served, customers, calibration=counted
    )
    if alone:
        logged = candidate.metrics | logged
        params = {**candidate.params, "seed": str(task.seed), "search": "none"} | params
        files[VALIDATION_ARTIFACT] = validation_bytes(y, candidate.scores)
    if task.figures:
        files |= _figures(task, developed)
    if task.rows.bad_rows:
        files[BAD_ROWS_ARTIFACT] = listed([asdict(bad) for bad in task.rows.bad_rows])
    if task.looked_at:
        files[SUSPICIONS_ARTIFACT] = listed(list(task.looked_at))
    trained = Trained(
        developed.fitted.classifier,
        candidate.threshold,
        task.rows.data_hash,
        held,
        model_card(_facts(task, developed, metrics, intervals, chosen), task.schema),
        schema_text(task.settings.dataset),
        params,
        logged,
        task.tags,
        files,
    )
    version = register(task.client, task.settings, task.schema, trained, run)
    return _RegisteredModel(version, run.run_id, developed, metrics, intervals)


def _facts(
    task: _Task,
    developed: Developed,
    metrics: dict[str, float],
    intervals: dict[str, tuple[float, float]],
    chosen: str,
) -> CardFacts:
    candidate = developed.candidate
    return CardFacts(
        title=f"{task.settings.model_name}: {KINDS[candidate.kind].title}",
        kind=KINDS[candidate.kind].title,
        sampling=candidate.sampling,
        parameters=candidate.hyperparameters,
        threshold=candidate.threshold,
        calibration=candidate.validated.calibration,
        train_rows=int((~task.test).sum()),
        test_rows=int(task.test.sum()),
        churn_rate=float(task.rows.y.mean()),
        data_hash=task.rows.data_hash,
        split_seed=task.split_seed,
        split_hash=task.split_hash,
        excluded_rows=task.rows.rows_read - len(task.rows.y),
        chosen=chosen,
        metrics=metrics,
        intervals=intervals,
        validation=candidate.metrics,
        suspicions=task.looked_at,
        versions=library_versions(),
    )


def _figures(task: _Task, developed: Developed) -> dict[str, bytes]:
    """The chosen model's, on the held-out rows, as PNG."""
    from training.quality.figures import curves, importance
    from training.quality.plotting import png

    held = developed.held_out
    title = f"{developed.candidate.name}, held-out rows"
    made = curves(held.y, held.scores, developed.candidate.threshold, title)
    made["importance"] = importance(developed.fitted.classifier, held.X, held.y, task.seed)
    return {f"figures/test_{name}.png": png(figure) for name, figure in made.items()}


def _split(rows: Table, test: Mask, schema: Schema, seed: int, folder: Path | None) -> tuple[str, dict[str, bytes]]:
    """Write the split, in ``folder`` if given; its hash and its files' contents."""
    with nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory(prefix="churnstream-split-") as place:
        made = write_split(Path(place), rows, test, schema, seed=seed)
        return made, {name: (Path(place) / name).read_bytes() for name in SPLIT_FILES}


def _table(selection: Selection) -> str:
    """The candidates with their metrics as CSV, best first."""
    rows = [
        {"kind": each.kind, "sampling": each.sampling, **each.metrics, **each.hyperparameters}
        for each in selection.ordered
    ]
    return str(pd.DataFrame(rows).to_csv(index=False))


def _require_both_sides(rows: Table, test: Mask, seed: int) -> None:
    """Customers with many rows can draw a class to one side as a whole."""
    for side, mask in (("held-out", test), ("training", ~test)):
        if len(np.unique(rows.y[mask])) < 2:
            raise UserError(
                f"all {side} rows have the same label, for few customers have many rows each; give a table with more "
                f"customers, or another --split-seed than {seed}"
            )


def _warn(rows: Table, looked_at: tuple[str, ...], origin: str, on_bad_rows: OnBadRows) -> None:
    if rows.excluded:
        left_out = rows.rows_read - len(rows.y)
        _log.warning("%s: %s rows violate the schema and are left out (%s)", origin, left_out, describe(rows.excluded))
    if on_bad_rows == "report":
        for bad in rows.bad_rows:
            _log.info("%s: row %s is left out, for column %r %s", origin, bad.row, bad.column, bad.reason)
    for repair in rows.repairs:
        _log.warning("%s: %s", origin, repair)
    if rows.duplicates:
        _log.warning(
            "%s: %s rows repeat a customer's id; all rows of a customer stay on one side of the test split",
            origin,
            rows.duplicates,
        )
    for suspicion in looked_at:
        _log.warning("%s: %s", origin, suspicion)
