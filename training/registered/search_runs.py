"""A search in MLflow: one run per pair of kind and sampling, its trials below it, under tags that find them again.

The candidates' runs are flat, so that MLflow lists and compares them as they are; each trial is a child of its
candidate's run. A crash leaves runs marked as running; what was logged stays.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from contract.arrays import Labels
from training.defaults import SearchName
from training.kinds.sampling import Sampling
from training.quality.clusters import Customers
from training.quality.figures import curves
from training.quality.plotting import png
from training.registered import tags
from training.registered.mlflow_runs import Run
from training.registered.validation_file import VALIDATION_ARTIFACT, validation_bytes
from training.selection.measure import Candidate

if TYPE_CHECKING:
    from mlflow import MlflowClient

PARENT = "mlflow.parentRunId"


class SearchRuns:
    """A search's listener that logs to MLflow; ``common`` are tags of every run."""

    def __init__(
        self,
        client: "MlflowClient",
        selection: Run,
        search: SearchName,
        seed: int,
        y: Labels,
        common: Mapping[str, str],
        *,
        figures: bool = True,
        customers: Customers | None = None,
    ) -> None:
        self._client = client
        self._selection = selection
        self._params = {"search": search, "seed": seed}
        self._y = y
        self._customers = customers
        self._figures = figures
        self._common = {**common, tags.SELECTION: selection.run_id}
        self._runs: dict[tuple[str, Sampling], Run] = {}
        self._trials: dict[tuple[str, Sampling], int] = {}

    def run_of(self, candidate: Candidate) -> Run:
        """The run of a pair that has started."""
        return self._runs[candidate.kind, candidate.sampling]

    def started(self, kind: str, sampling: Sampling) -> None:
        self._runs[kind, sampling] = self._open(f"{kind} {sampling}", {tags.ROLE: "candidate"})

    def tried(self, trial: Candidate) -> None:
        parent = self.run_of(trial)
        number = self._trials[trial.kind, trial.sampling] = self._trials.get((trial.kind, trial.sampling), 0) + 1
        run = self._open(f"{trial.name} {number}", {tags.ROLE: "trial", PARENT: parent.run_id})
        self._log(run, trial, {})

    def finished(self, candidate: Candidate, trials: int) -> None:
        run = self.run_of(candidate)
        if self._figures:
            made = curves(self._y, candidate.scores, candidate.threshold, f"{candidate.name}, validation folds")
            for name, figure in made.items():
                run.content(png(figure), f"figures/{name}.png")
        run.content(validation_bytes(self._y, candidate.scores, self._customers), VALIDATION_ARTIFACT)
        self._log(run, candidate, {"trials": trials})

    def progress(self, done: float, doing: str) -> None:
        pass

    def _open(self, name: str, more: Mapping[str, str]) -> Run:
        experiment_id = self._selection.experiment_id
        info = self._client.create_run(experiment_id, tags={**self._common, **more}, run_name=name).info
        return Run(self._client, experiment_id, str(info.run_id))

    def _log(self, run: Run, candidate: Candidate, params: Mapping[str, object]) -> None:
        run.log(candidate.metrics, {**candidate.params, **self._params, **params})
        self._client.set_terminated(run.run_id)
