"""The model of a training: chosen, fitted, measured once on the held-out rows, and registered without the alias."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from contract.models.bundle import TRAINING_SAMPLE_ARTIFACT
from contract.models.calibration import CalibrationBins
from contract.schema import schema_text
from training.kinds.kinds import KINDS
from training.quality.evaluate import evaluate
from training.quality.intervals import bootstrap, ends
from training.quality.objections import objections, objections_text
from training.registered import tags
from training.registered.card import CardFacts, model_card
from training.registered.mlflow_runs import Run, open_run
from training.registered.reference_file import reference_bytes
from training.registered.register import BAD_ROWS_ARTIFACT, Trained, library_versions, listed, register
from training.registered.validation_file import VALIDATION_ARTIFACT, validation_bytes
from training.review.made import Review, make_review
from training.selection.develop import Developed, develop, finish
from training.selection.listening import Listener, Listeners
from training.selection.measure import Candidate
from training.selection.priced import priced
from training.selection.rule import RULE, Ranking, rank
from training.selection.search import Plan, Searcher
from training.steps import part
from training.table.prepare import outside
from training.table.split_files import SPLIT_FOLDER
from training.task import Task

CANDIDATES_ARTIFACT = "candidates.csv"
SUSPICIONS_ARTIFACT = "churnstream/suspicions.json"


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
class RegisteredModel:
    """A version without the alias, the model it holds, and how good that is on the held-out rows."""

    version: int
    run_id: str
    developed: Developed
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    review: Review
    selection: Selection | None = None


def register_default(task: Task) -> RegisteredModel:
    with open_run(task.client, "xgboost", {**task.tags, tags.ROLE: "model"}) as run:
        developed = develop(task.rows, task.test, task.schema, task.seed, part(task.tell, 0.3, 0.8))
        developed = priced(developed, outside(task.rows, task.test)[1], task.costs)
        chosen = "The default, neither searched for nor compared with others."
        return _register(task, developed, run, chosen, (developed.candidate,), alone=True)


def register_best(task: Task, plan: Plan, listener: Listener | None) -> RegisteredModel:
    from training.registered.search_runs import SearchRuns

    X, y = outside(task.rows, task.test)
    title = f"selection, {plan.search} search"
    with open_run(task.client, title, {**task.tags, tags.ROLE: "selection"}) as run:
        customers = task.rows.customers[~task.test]
        runs = SearchRuns(
            task.client, run, plan.search, task.seed, y, task.tags, figures=task.figures, customers=customers
        )
        listeners = Listeners((runs, listener) if listener else (runs,))
        searcher = Searcher(X, y, customers, task.schema, plan, listeners, started=task.started)
        candidates = tuple(searcher.run())
        selection = Selection(candidates, rank(y, candidates, customers), run.run_id)
        best = selection.ordered[0]
        listeners.progress(0.9, f"fitting {best.name} on all training rows")
        developed = priced(finish(best, task.rows, task.test, searcher.splits, plan.jobs), y, task.costs)
        tried = f", {best.searched} points of its grid tried" if best.searched and best.searched.limited else ""
        chosen = f"Chosen from {len(candidates)} candidates, {plan.search} search{tried}: {selection.ranking.reason}."
        registered = _register(task, developed, runs.run_of(best), chosen, selection.ordered, alone=False)
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
    return replace(registered, selection=selection)


def _register(
    task: Task, developed: Developed, run: Run, chosen: str, candidates: Sequence[Candidate], *, alone: bool
) -> RegisteredModel:
    """Measure on the held-out rows and register; ``alone``: ``run`` has not yet the candidate's own numbers."""
    candidate, held = developed.candidate, developed.held_out
    task.tell(0.8, "measuring on the held-out rows")
    metrics = evaluate(held.y, held.scores, candidate.threshold)
    intervals = bootstrap(held.y, held.scores, candidate.threshold, seed=task.seed, customers=held.customers)
    against = objections(metrics, intervals, task.looked_at)
    logged = {f"test_{name}": value for name, value in metrics.items()} | ends(intervals, "test_")
    params = {
        "train_rows": str(len(task.rows.y) - len(held.y)),
        "test_rows": str(len(held.y)),
        "excluded_rows": str(task.rows.rows_read - len(task.rows.y)),
        "duplicate_ids": str(task.rows.duplicates),
    }
    files = {f"{SPLIT_FOLDER}/{name}": content for name, content in task.split_files.items()}
    files |= task.provenance.files
    X, y = outside(task.rows, task.test)
    customers = task.rows.customers[~task.test]
    counted = CalibrationBins.of(np.concatenate([candidate.scores, held.scores]), np.concatenate([y, held.y]))
    files[TRAINING_SAMPLE_ARTIFACT] = reference_bytes(
        X, y, candidate.validated.as_served, customers, calibration=counted
    )
    if alone:
        logged = candidate.metrics | logged
        params = {**candidate.params, "seed": str(task.seed), "search": "none"} | params
        files[VALIDATION_ARTIFACT] = validation_bytes(y, candidate.scores, customers)
    review = make_review(task, developed, metrics, intervals, chosen, candidates)
    files |= review.files
    logged |= review.metrics
    if task.costs is not None:
        params |= {"cost_fn": f"{task.costs.missed:g}", "cost_fp": f"{task.costs.needless:g}"}
    if task.rows.bad_rows:
        files[BAD_ROWS_ARTIFACT] = listed([asdict(bad) for bad in task.rows.bad_rows])
    if task.looked_at:
        files[SUSPICIONS_ARTIFACT] = listed([each.text for each in task.looked_at])
    trained = Trained(
        developed.fitted.classifier,
        candidate.threshold,
        task.rows.data_hash,
        held,
        model_card(_facts(task, developed, metrics, intervals, chosen), task.schema),
        schema_text(task.settings.dataset),
        params,
        logged,
        task.tags | {tags.OBJECTIONS: objections_text(against)},
        files,
    )
    task.tell(0.95, "registering")
    version = register(task.client, task.settings, task.schema, trained, run)
    return RegisteredModel(version, run.run_id, developed, metrics, intervals, review)


def _facts(
    task: Task,
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
        threshold_rule=task.threshold_rule,
        calibration=candidate.validated.calibration,
        train_rows=int((~task.test).sum()),
        test_rows=int(task.test.sum()),
        churn_rate=float(task.rows.y.mean()),
        data_hash=task.rows.data_hash,
        divided=task.division.said,
        split_hash=task.split_hash,
        excluded_rows=task.rows.rows_read - len(task.rows.y),
        chosen=chosen,
        metrics=metrics,
        intervals=intervals,
        validation=candidate.metrics,
        suspicions=tuple(each.text for each in task.looked_at),
        versions=library_versions(),
    )


def _table(selection: Selection) -> str:
    """The candidates with their metrics as CSV, best first."""
    rows = [{"kind": each.kind, "sampling": each.sampling, **each.metrics, **each.params} for each in selection.ordered]
    return str(pd.DataFrame(rows).to_csv(index=False))
