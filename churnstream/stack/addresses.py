"""Where a stack's pages are, as asked of MLflow's and Evidently's servers over HTTP."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from contract.errors import UserError
from monitor.mlflow_sink.sink import chart_link
from monitor.reports.files import project_id

_TIMEOUT = 5.0


def timeline_address(server: str, experiment: str, published: str) -> str | None:
    """The page of an experiment's timelines; None while MLflow does not answer or has no such experiment.

    ``server`` is MLflow's address as seen from here, ``published`` as seen from the browser.
    """
    found = _get(f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(experiment)}")
    return None if found is None else chart_link(published, str(found["experiment"]["experiment_id"]))


def newest_report_address(server: str, experiment: str, published: str) -> str | None:
    """The page of the drift report on the latest window; None while Evidently does not answer or has no report."""
    project = project_id(experiment)
    reports = _get(f"{server}/api/projects/{project}/reports")
    if not reports:
        return None
    newest = max(reports, key=lambda report: str(report["timestamp"]))
    return f"{published}/projects/{project}/reports/{newest['id']}"


def require_http(name: str, address: str) -> str:
    """``address`` without a slash at its end.

    Raises:
        UserError: it is no address of a server; ``name`` is the setting that it came from.
    """
    if urlsplit(address).scheme not in ("http", "https"):
        raise UserError(f"{name} got {address!r}; give a server's address, such as http://127.0.0.1:5000")
    return address.rstrip("/")


def _get(address: str) -> Any:
    try:
        with urlopen(address, timeout=_TIMEOUT) as answer:
            return json.load(answer)
    except (HTTPError, URLError, TimeoutError, ConnectionError, ValueError):
        return None
