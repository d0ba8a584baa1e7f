"""The report of a window that the monitor has made, in MLflow."""

from contextlib import suppress
from urllib.parse import quote

from contract.errors import UserError
from contract.masking import public_address
from contract.models.registry import registry_client, registry_outages
from contract.settings import Settings
from contract.windows import Window
from monitor.mlflow_sink.runs import Runs, find_experiment
from monitor.naming import file_time

_FOLDER = "reports"


def where_logged(settings: Settings, window: Window) -> str:
    """A sentence's end that says where MLflow has a report of the window, or that it has none, or is not there."""
    try:
        found = _find(settings, window)
    except UserError as error:
        return f"cannot tell whether MLflow has one: {error}"
    except registry_outages() as error:
        return f"cannot tell whether MLflow has one, because it does not answer ({type(error).__name__})"
    if found is None:
        return "MLflow has none either"
    run_id, experiment_id, artifact = found
    uri = settings.mlflow_tracking_uri
    if uri.startswith(("http://", "https://")):
        base = public_address(uri).rstrip("/")
        return f"MLflow has it: {base}/#/experiments/{experiment_id}/runs/{run_id}/artifacts/{quote(artifact)}"
    return f"MLflow has it: {artifact} of run {run_id}"


def _find(settings: Settings, window: Window) -> tuple[str, str, str] | None:
    client = registry_client(settings)
    experiment = find_experiment(client, settings)
    if experiment is None:
        return None
    run_id = Runs(client, experiment.experiment_id).known(window.model, "inputs")
    if run_id is None:
        return None
    begin = f"{_FOLDER}/{file_time(window.start)}_"
    with suppress(StopIteration):
        artifact = next(each.path for each in client.list_artifacts(run_id, _FOLDER) if each.path.startswith(begin))
        return run_id, experiment.experiment_id, artifact
    return None
