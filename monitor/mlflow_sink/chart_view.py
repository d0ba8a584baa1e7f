"""What the chart view of the stream's experiment shows first: a saved view of MLflow's, kept as an experiment's tag.

MLflow would sort the charts by their metrics' names, draw the provisional runs over the others, and count steps. Its
page takes another arrangement from a tag (``mlflow.sharedViewState.<key>``, MLflow 3.17: the envelope that "Save view"
writes) when its address names the key; the view stands in its menu "Views", too. Whatever of our metrics the view does
not name is drawn below.
"""

import base64
import json
import zlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from contract.messages import ModelRef
from monitor.mlflow_sink.points import RunKind
from monitor.mlflow_sink.refusals import is_refusal

if TYPE_CHECKING:
    from mlflow import MlflowClient

VIEW_KEY = "churnstream-1"
"""Another arrangement gets another key, so that releases beside each other leave each its own."""
VIEW_TAG = f"mlflow.sharedViewState.{VIEW_KEY}"
COLOUR_TAG = "mlflow.runColor"
_TRAINING = "machine_learning"
"""The workflow whose menu MLflow shows beside the page, not that of language models."""
_NAME = "churnstream: F1, Brier score, drift"
_FIRST = "first"
_SECTIONS = ("drift", "performance", "labels", "stream")
"""What names of metrics that there always are have before their slash, in the order of the sections below the first.
MLflow puts the others behind them; a section without charts would stand there empty.
"""
_COLOURS: dict[RunKind, tuple[str, str]] = {
    "realised": ("#1F4E9E", "#4C8BE0"),
    "provisional": ("#6FA8DC", "#9FC5E8"),
    "nowcast": ("#6A3D9A", "#A680CC"),
    "estimated": ("#D9730D", "#F2A65A"),
    "trained": ("#6B6B6B", "#9E9E9E"),
    "inputs": ("#1B7F4B", "#55B586"),
}
"""Of each kind two shades, so that a version and the next one can be told apart."""


_CHARTS = ("performance/f1", "performance/brier", "drift/share", "performance/accuracy")


def chart_link(base: str, experiment_id: str, tags: Collection[str]) -> str:
    """The page that shows an experiment's runs as charts, laid over each other, in our arrangement if ``VIEW_TAG`` is
    among the names of the experiment's ``tags``.

    ``base`` is the tracking server's address; for a database, the address where ``mlflow server`` will serve it.
    """
    view = f"&viewStateShareKey={VIEW_KEY}" if VIEW_TAG in tags else ""
    return f"{base.rstrip('/')}/#/experiments/{experiment_id}/runs?compareRunsMode=CHART{view}&workflowType={_TRAINING}"


def save_view(client: "MlflowClient", experiment_id: str, now: int) -> bool:
    """Put the arrangement into an experiment, at ``now`` (ms); False: MLflow refuses it.

    Raises:
        Exception: whatever MLflow or its transport raises but a refusal.
    """
    state = zlib.compress(json.dumps(_state(), separators=(",", ":")).encode())
    envelope = {
        "name": _NAME,
        "createdAt": now,
        "updatedAt": now,
        "state": f"deflate;{base64.b64encode(state).decode()}",
    }
    try:
        client.set_experiment_tag(experiment_id, VIEW_TAG, json.dumps(envelope))
    except Exception as error:
        if not is_refusal(error):
            raise
        return False  # the charts are in MLflow's own order then
    return True


def colour_of(model: ModelRef, kind: RunKind) -> str:
    """In which colour MLflow draws a run: the same for a kind in each experiment."""
    return _COLOURS[kind][(model.version + 1) % 2]


def _state() -> dict[str, Any]:
    hidden = [f"tags.`churnstream.values` != '{kind}'" for kind in ("provisional", "nowcast")]
    return {
        "searchFilter": " and ".join(hidden),
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "compareRunCharts": [_line_chart(metric) for metric in _CHARTS],
        "compareRunSections": [
            _section(_FIRST, "Realised, estimated, trained", columns=2, cardHeight=300),
            *(_section(name, name) for name in _SECTIONS),
        ],
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
        # our points are dated by the end of their window
        "globalLineChartConfig": {"xAxisKey": "time", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _section(identity: str, name: str, **layout: int) -> dict[str, Any]:
    return {
        "uuid": identity,
        "name": name,
        "display": True,
        "isReordered": identity == _FIRST,
        "deleted": False,
        "isGenerated": identity != _FIRST,
        **layout,
    }


def _line_chart(metric: str) -> dict[str, Any]:
    return {
        "uuid": f"{_FIRST}-{metric}",
        "type": "LINE",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "metricSectionId": _FIRST,
        "deleted": False,
        "isGenerated": False,
        "runsCountToCompare": 10,
        "xAxisKey": "time",
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
        "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "selectedXAxisMetricKey": "",
        "range": {},
        "ignoreOutliers": False,
    }
