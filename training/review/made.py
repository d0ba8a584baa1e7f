"""A review as it is made with a version: facts and pictures into its run, and the page when the verdict is known."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from contract.settings import Settings
from training.registered.mlflow_runs import put
from training.review.assembled import review_facts
from training.review.facts import ReviewFacts
from training.review.page import PAGE, review_page
from training.review.standing import standing
from training.selection.develop import Developed
from training.selection.measure import Candidate
from training.task import Task

if TYPE_CHECKING:
    from mlflow import MlflowClient

FACTS_ARTIFACT = "review/facts.json"
FIGURES_FOLDER = "figures"
FIGURE_PREFIX = "test_"
PICTURES = (
    "roc",
    "precision_recall",
    "calibration",
    "confusion",
    "threshold",
    "importance",
    "costs",
    "groups",
    "periods",
    "dependence",
)

_log = logging.getLogger("churnstream.training")


@dataclass(frozen=True)
class Review:
    """What is known of a version before it is one: facts, and pictures of the held-out rows as PNG, by name."""

    facts: ReviewFacts
    pictures: Mapping[str, bytes]

    @property
    def files(self) -> dict[str, bytes]:
        """Contents by path in the run."""
        drawn = {f"{FIGURES_FOLDER}/{FIGURE_PREFIX}{name}.png": content for name, content in self.pictures.items()}
        return {**drawn, FACTS_ARTIFACT: msgspec.json.format(msgspec.json.encode(self.facts), indent=1)}

    @property
    def metrics(self) -> dict[str, float]:
        """What costs come to on the held-out rows, by name; none where no costs were given."""
        if not self.facts.costs.rows[0].given:
            return {}
        row = self.facts.costs.rows[0]
        found = {"test_cost_per_1000": row.cost}
        for name, saved in (("nobody", row.over_nothing), ("everybody", row.over_all)):
            start = f"test_saved_per_1000_against_calling_{name}"
            found |= {start: saved.value, f"{start}_low": saved.low, f"{start}_high": saved.high}
        return found


def make_review(
    task: Task,
    developed: Developed,
    metrics: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    chosen: str,
    candidates: Sequence[Candidate],
) -> Review:
    """The facts, and the pictures if figures were asked for; ``candidates``, best first, are what was chosen from."""
    if not task.figures:
        return Review(review_facts(task, developed, metrics, intervals, chosen, candidates, None), {})
    from training.quality.figures import curves, importance
    from training.quality.importances import importances
    from training.quality.plotting import png
    from training.review.figures import review_figures

    held = developed.held_out
    task.tell(0.82, "asking what the model goes by")
    found = importances(developed.fitted.classifier, held.X, held.y, task.seed)
    facts = review_facts(task, developed, metrics, intervals, chosen, candidates, found)
    task.tell(0.88, "drawing")
    title = f"{developed.candidate.name}, held-out rows"
    made = curves(held.y, held.scores, developed.candidate.threshold, title)
    made |= {"importance": importance(found), **review_figures(facts)}
    return Review(facts, {name: png(figure) for name, figure in made.items()})


def log_page(client: "MlflowClient", settings: Settings, run_id: str, version: int, review: Review) -> None:
    """Write the page of a registered version into its run. A failure is told and stops nothing."""
    from mlflow.exceptions import MlflowException

    try:
        page = review_page(review.facts, standing(client, settings, version), review.pictures)
        put(client, run_id, page.encode(), PAGE)
    except (MlflowException, OSError) as error:
        _log.warning(
            "the review's page could not be written to MLflow (%s); `churnstream review %s` writes it to a file",
            type(error).__name__,
            version,
        )
