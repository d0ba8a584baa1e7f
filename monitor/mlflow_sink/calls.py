"""Metric values as MLflow's client takes them: in calls that are no larger than it allows."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from monitor.mlflow_sink.points import Values

if TYPE_CHECKING:
    from mlflow.entities import Metric

_POINTS_PER_CALL, _BYTES_PER_CALL = 1_000, 500_000
"""MLflow refuses a batch of more points, or of twice the bytes."""
_BYTES_PER_POINT = 200  # besides its name


def metrics_of(values: Values, timestamp: int, step: int) -> "list[Metric]":
    """Values by name as points of one step and timestamp (ms)."""
    from mlflow.entities import Metric

    return [Metric(name, value, timestamp, step) for name, value in values.items()]


def calls_of(metrics: "list[Metric]") -> "Iterator[list[Metric]]":
    """The metrics in their order, in parts that MLflow takes in one call."""
    call: list[Metric] = []
    size = 0
    for metric in metrics:
        more = _BYTES_PER_POINT + len(json.dumps(metric.key))
        if call and (len(call) == _POINTS_PER_CALL or size + more > _BYTES_PER_CALL):
            yield call
            call, size = [], 0
        call.append(metric)
        size += more
    if call:
        yield call
