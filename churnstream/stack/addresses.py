"""Where a stack's pages are, as asked of MLflow's and Evidently's servers over HTTP."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from contract.errors import UserError
from contract.windows import Window
from monitor.mlflow_sink.chart_view import chart_link
from monitor.reports.files import project_id, strength, workspace_id

_TIMEOUT = 5.0


def timeline_address(server: str, experiment: str, published: str) -> str | None:
    """The page of an experiment's timelines; None while MLflow does not answer or has no such experiment.

    ``server`` is MLflow's address as seen from here, ``published`` as seen from the browser.
    """
    found = _get(f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(experiment)}")
    if found is None:
        return None
    of = found["experiment"]
    return chart_link(published, str(of["experiment_id"]), {tag["key"] for tag in of.get("tags", ())})


def strongest_report_address(server: str, experiment: str, published: str, windows: Iterable[Window]) -> str | None:
    """The page of the report on that of ``windows`` in which most columns have drifted, and furthest; where none of
    them has one, of the report on the latest window. None while Evidently does not answer or has no report.
    """
    project = project_id(experiment)
    reports = _get(f"{server}/api/projects/{project}/reports")
    if not reports:
        return None
    made = {str(report["id"]) for report in reports}
    found = [window for window in windows if str(workspace_id(window)) in made]
    if found:
        chosen = str(workspace_id(max(found, key=strength)))
    else:
        chosen = str(max(reports, key=lambda report: str(report["timestamp"]))["id"])
    return f"{published}/projects/{project}/reports/{chosen}"


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
