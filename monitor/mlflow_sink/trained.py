"""What a version reached on rows held out in training: a flat line under what it reaches now.

Each window gets the same values at its own step, because MLflow draws a line between points only.
"""

from typing import TYPE_CHECKING

from contract.messages import ModelRef
from monitor.mlflow_sink.points import Values, trained

if TYPE_CHECKING:
    from mlflow import MlflowClient

_GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class TrainedFigures:
    """The figures of versions, looked up once each; as many as versions ever scored."""

    def __init__(self, client: "MlflowClient") -> None:
        self._client = client
        self._found: dict[tuple[str, int], Values] = {}

    def of(self, model: ModelRef) -> Values:
        """By metric name as in the realised run; nothing where MLflow has no such version, or no figures of it, or
        does not say: windows do not wait for a registry that is locked.
        """
        from mlflow.exceptions import MlflowException

        key = model.name, model.version
        if key in self._found:
            return self._found[key]
        try:
            found = self._look_up(model)
        except MlflowException as error:
            if error.error_code not in _GONE:
                return {}  # the next window asks again
            found = {}
        self._found[key] = found
        return found

    def _look_up(self, model: ModelRef) -> Values:
        version = self._client.get_model_version(model.name, str(model.version))
        return trained(self._client.get_run(version.run_id).data.metrics) if version.run_id else {}
