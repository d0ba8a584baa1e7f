"""The facts of one training, put together from what was made and measured."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from contract.arrays import Floats, Integers, Labels
from training.kinds.kinds import KINDS
from training.quality.estimates import IntervalEstimate, f1, mean, roc_auc
from training.quality.importances import Importances
from training.registered import tags
from training.registered.register import library_versions
from training.review.calibration import calibration_facts
from training.review.costing import cost_facts
from training.review.described import data_facts
from training.review.explained import explain
from training.review.facts import (
    MOST_CANDIDATES,
    MOST_FEATURES_EXPLAINED,
    CandidateFacts,
    ModelFacts,
    ReviewFacts,
    noted,
)
from training.review.groups import DecidedRows, segment_facts, segments_of
from training.review.periods import period_facts
from training.review.rates import ends, finite
from training.selection.develop import Developed
from training.selection.measure import Candidate
from training.table.prepare import outside
from training.task import Task

NOT_EXPLAINED = "Neither importance nor dependence was computed, because figures were not asked for."
_COUNTS = ("tn", "fp", "fn", "tp")


def review_facts(
    task: Task,
    developed: Developed,
    metrics: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    chosen: str,
    candidates: Sequence[Candidate],
    found: Importances | None,
) -> ReviewFacts:
    """Of a model with its ``metrics`` on the held-out rows; ``candidates``, best first, are those it was chosen from.

    ``found`` is how much it goes by each feature; None where that was not asked for.
    """
    candidate, held = developed.candidate, developed.held_out
    customers = pd.factorize(task.rows.customers)[0].astype(np.int64)
    here = customers[task.test]
    decided = DecidedRows(held.y, held.scores, held.scores >= candidate.threshold, here)
    segments, segments_from = segments_of(task.schema)
    periods, periods_note = period_facts(decided, held.times)
    validated = candidate.validated
    explained = (
        ()
        if found is None
        else explain(
            developed.fitted.classifier, held.X, held.y, task.schema, found, KINDS[candidate.kind].pace, task.seed
        )
    )
    y = outside(task.rows, task.test)[1]
    return ReviewFacts(
        model=ModelFacts(
            task.settings.model_name,
            KINDS[candidate.kind].title,
            candidate.sampling,
            dict(candidate.hyperparameters),
            chosen,
            candidate.threshold,
            task.threshold_rule,
        ),
        divided=task.division.said,
        label=f"{task.schema.label.column} = {task.schema.label.positive}",
        data=data_facts(task.rows, task.test, customers, task.schema),
        candidates=tuple(
            _candidate(y, each, customers[~task.test], chosen=place == 0)
            for place, each in enumerate(candidates[:MOST_CANDIDATES])
        ),
        candidates_left=max(0, len(candidates) - MOST_CANDIDATES),
        metrics={name: finite(metrics[name], *interval) for name, interval in intervals.items()},
        counts={name: int(metrics[name]) for name in _COUNTS},
        calibration=calibration_facts(
            held.y,
            held.scores,
            here,
            validated.calibration,
            {str(method): brier for method, brier in validated.brier.items()},
        ),
        costs=cost_facts(held.y, held.scores, here, task.costs),
        segments=segment_facts(held.X, decided, segments),
        segments_from=segments_from,
        periods=periods,
        periods_note=periods_note,
        explained=explained,
        explained_note=_explained_note(found),
        notes=noted(tuple(each.text for each in task.looked_at)),
        lineage={name: value for name, value in task.tags.items() if name != tags.PROTOCOL},
        libraries=library_versions(),
    )


def _candidate(y: Labels, candidate: Candidate, customers: Integers, *, chosen: bool) -> CandidateFacts:
    tried = "" if candidate.searched is None else str(candidate.searched)
    return CandidateFacts(candidate.name, _measured(y, candidate.scores, candidate.threshold, customers), chosen, tried)


def _measured(
    y: Labels, scores: Floats, threshold: float, customers: Integers
) -> dict[str, tuple[float, float, float]]:
    found: dict[str, IntervalEstimate | None] = {
        "f1": f1(y, scores >= threshold, customers),
        "roc_auc": roc_auc(y, scores, customers),
        "brier": mean((scores - y) ** 2, customers),
    }
    return {name: told for name, estimate in found.items() if (told := ends(estimate)) is not None}


def _explained_note(found: Importances | None) -> str:
    if found is None:
        return NOT_EXPLAINED
    first = f"the first {MOST_FEATURES_EXPLAINED} of " if len(found.names) > MOST_FEATURES_EXPLAINED else ""
    return (
        f"Importance is the fall of ROC AUC when a feature's values are shuffled among {found.rows:,} held-out rows, "
        f"here of {first}{len(found.names)} features. Features that tell the same share it, so each can look "
        f"unimportant beside the other. Neither is a cause."
    )
