"""One candidate, measured on validation folds: what the rule, MLflow and the table of the command look at."""

from dataclasses import dataclass

import pandas as pd
from imblearn.pipeline import Pipeline

from contract.arrays import Floats, Labels
from training.kinds.kinds import KINDS, Pace
from training.kinds.sampling import Sampling
from training.kinds.spaces import Parameters
from training.quality.evaluate import evaluate
from training.selection.fitting import Validated, validate
from training.steps import Tell, untold
from training.table.split import Fold


@dataclass(frozen=True)
class Searched:
    """How many ``trials`` a search made, and of how many ``points`` of a grid; None where the search has no end."""

    trials: int
    points: int | None = None

    @property
    def limited(self) -> bool:
        """Whether points of the grid were left out."""
        return self.points is not None and self.trials < self.points

    def __str__(self) -> str:
        """``20``, or ``20 of 96``."""
        return f"{self.trials}" if self.points is None else f"{self.trials} of {self.points}"


@dataclass(frozen=True)
class Candidate:
    """A kind of model with a sampling and parameters, unfitted, and how good it is on validation folds.

    ``members`` names the kinds that a stacking is made of, ``searched`` what was tried before it; None for defaults.
    """

    kind: str
    sampling: Sampling
    parameters: Parameters
    pipeline: Pipeline
    validated: Validated
    metrics: dict[str, float]
    members: tuple[str, ...] = ()
    searched: Searched | None = None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.sampling}"

    @property
    def scores(self) -> Floats:
        return self.validated.scores

    @property
    def threshold(self) -> float:
        return self.validated.threshold

    @property
    def pace(self) -> Pace:
        return KINDS[self.kind].pace

    @property
    def hyperparameters(self) -> dict[str, str]:
        """The parameters as texts."""
        members = {"members": ", ".join(self.members)} if self.members else {}
        return {name: str(value) for name, value in self.parameters.items()} | members

    @property
    def params(self) -> dict[str, str]:
        """All that MLflow keeps of how it was made."""
        made = {"kind": self.kind, "sampling": self.sampling, "calibration": self.validated.calibration}
        searched = {"searched": str(self.searched)} if self.searched else {}
        return made | self.hyperparameters | searched


def measure(
    kind: str,
    sampling: Sampling,
    parameters: Parameters,
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: Labels,
    splits: list[Fold],
    jobs: int = 1,
    members: tuple[str, ...] = (),
    tell: Tell = untold,
    *,
    whole: bool = False,
) -> Candidate:
    """Metrics of the out-of-fold probabilities at the threshold that is best for them.

    The threshold is chosen on the rows that F1 is then measured on, which flatters every candidate by about as much;
    the test rows tell the rest. ``whole`` as ``validate`` has it.
    """
    validated = validate(pipeline, X, y, splits, jobs, tell, whole=whole)
    metrics = evaluate(y, validated.scores, validated.threshold) | {
        "duration_seconds": validated.seconds,
        "score_1000_ms": validated.score_1000_ms,
        "threshold": validated.threshold,
    }
    return Candidate(kind, sampling, parameters, pipeline, validated, metrics, members)
