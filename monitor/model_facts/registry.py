"""What MLflow knows of versions: when they were made, how good they were, who has the alias, and where their runs are.

Only reads. Every call blocks and raises whatever MLflow or its transport raises.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from contract.errors import UserError
from contract.models.mlflow_access import mlflow_client
from contract.settings import Settings
from contract.windows import Estimate
from monitor.mlflow_sink.points import RunKind
from monitor.mlflow_sink.runs import find_experiment, runs_by_key
from monitor.model_facts.serving import ListedModel, ListedVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

HELD_OUT = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")
"""Metrics that training logs of held-out rows, with their intervals: ``test_f1``, ``test_f1_low``, ``test_f1_high``."""
MOST_NEWEST = 100
"""Versions of a model that are looked at for those that wait."""
_GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class VersionFigures:
    """A registered version: when it was made (ms, UTC), its training run, and what that run logged."""

    created: int
    run_id: str
    threshold: float | None = None
    rows: int = 0
    held_out: Mapping[str, Estimate] = field(default_factory=dict)


class Registry:
    """MLflow at the settings' address. One thread at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: MlflowClient | None = None

    def model(self, name: str) -> ListedModel | None:
        """Aliases, tags and newest versions of a model; None: there is none."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._connected().get_registered_model(name)
        except MlflowException as error:
            if error.error_code in _GONE:
                return None
            raise
        return ListedModel(
            {alias: int(version) for alias, version in found.aliases.items()}, dict(found.tags), self._newest(name)
        )

    def version(self, name: str, number: int) -> VersionFigures | None:
        """A version and the figures of its training run; None: there is none."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._connected().get_model_version(name, str(number))
        except MlflowException as error:
            if error.error_code in _GONE:
                return None
            raise
        made = VersionFigures(int(found.creation_timestamp), str(found.run_id or ""))
        try:
            run = self._connected().get_run(made.run_id) if made.run_id else None
        except MlflowException as error:
            if error.error_code not in _GONE:
                raise
            run = None
        return made if run is None else _with_figures(made, run.data.metrics, run.data.params)

    def runs(self) -> tuple[str, Mapping[str, str]] | None:
        """The id of the stream's experiment, and its runs as ``runs_by_key`` names them; None: there is none."""
        try:
            found = find_experiment(self._connected(), self._settings)
        except UserError:  # the sink says so
            return None
        if found is None:
            return None
        experiment = str(found.experiment_id)
        return experiment, runs_by_key(self._connected(), experiment)

    def _newest(self, name: str) -> list[ListedVersion]:
        from mlflow.exceptions import MlflowException

        try:
            page = self._connected().search_model_versions(
                f"name='{name}'", max_results=MOST_NEWEST, order_by=["version_number DESC"]
            )
        except MlflowException as error:
            if error.error_code in _GONE:  # a name that MLflow's filter cannot hold
                return []
            raise
        return [ListedVersion(int(each.version), int(each.creation_timestamp), dict(each.tags)) for each in page]

    def _connected(self) -> "MlflowClient":
        if self._client is None:
            self._client = mlflow_client(self._settings.mlflow_tracking_uri)
        return self._client


def runs_of(runs: Mapping[str, str], name: str, number: int) -> dict[str, str]:
    """A version's runs by kind, those of its time as champion before those as challenger."""
    found: dict[str, str] = {}
    for kind in get_args(RunKind):
        ids = (runs.get(f"{name}/{number}/{role}/{kind}") for role in ("champion", "challenger"))
        run_id = next(filter(None, ids), None)
        if run_id is not None:
            found[kind] = run_id
    return found


def _with_figures(made: VersionFigures, metrics: Mapping[str, float], params: Mapping[str, str]) -> VersionFigures:
    held_out: dict[str, Estimate] = {}
    for name in HELD_OUT:
        ends = [metrics.get(f"test_{name}{end}") for end in ("", "_low", "_high")]
        finite = [end for end in ends if end is not None and math.isfinite(end)]
        if len(finite) == len(ends):
            held_out[name] = Estimate(*finite)
    threshold = metrics.get("threshold")
    rows = params.get("test_rows", "")
    return VersionFigures(
        made.created,
        made.run_id,
        threshold if threshold is not None and math.isfinite(threshold) else None,
        int(rows) if rows.isascii() and rows.isdecimal() and len(rows) < 16 else 0,
        held_out,
    )
