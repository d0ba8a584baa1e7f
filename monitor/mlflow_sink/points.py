"""Which metric values a window gives to which of its model's four MLflow runs. Pure.

The names are the same in the realised, the provisional and the estimated run, for MLflow draws one chart a name.
An undefined metric (None, NaN, infinite) is left out; the counts beside it say why.
"""

import math
from typing import Literal

from contract.windows import Estimate, Estimated, Performance, Window
from monitor.mlflow_sink.metric_names import drift_name, missing_name, violations_name

RunKind = Literal["realised", "provisional", "estimated", "inputs"]
Values = dict[str, float]

_HOUR_MS = 3_600_000
_COUNTS = ("tn", "fp", "fn", "tp")
_METRICS = ("f1", "accuracy", "precision", "recall", "roc_auc", "brier")


def values_by_run(window: Window) -> dict[RunKind, Values]:
    """Metric name to value, for each run that the window concerns: realised if it is final, else provisional;
    estimated and inputs always.
    """
    estimated_and_inputs: dict[RunKind, Values] = {"estimated": estimated(window), "inputs": inputs(window)}
    if window.status == "final":
        return {"realised": realised(window), **estimated_and_inputs}
    return {"provisional": performance(window.performance, "performance"), **estimated_and_inputs}


def performance(measured: Performance, group: str) -> Values:
    """Confusion counts and metrics as ``<group>/<metric>``; nothing at all before the first label."""
    if not measured.labelled:
        return {}
    names = (*_COUNTS, *_METRICS)
    return _defined({f"{group}/{name}": getattr(measured, name) for name in names})


def realised(window: Window) -> Values:
    """A final window's own metrics, and ``cumulative/…`` since the model's first record."""
    cumulative = performance(window.cumulative, "cumulative") if window.cumulative else {}
    return performance(window.performance, "performance") | cumulative


def estimated(window: Window) -> Values:
    """Label-free expected counts and metrics, and the interval of F1 as ``f1_low`` and ``f1_high``."""
    found: Estimated = window.estimated
    if not found.records:
        return {}
    values: dict[str, float | None] = {f"performance/{name}": getattr(found, name) for name in _COUNTS}
    for name in _METRICS:
        metric: Estimate | None = getattr(found, name)
        values[f"performance/{name}"] = None if metric is None else metric.value
    if found.f1 is not None:
        values |= {"performance/f1_low": found.f1.low, "performance/f1_high": found.f1.high}
    return _defined(values)


def inputs(window: Window) -> Values:
    """Drift distances and share (of a window that was judged), label coverage and median delay in hours, records and
    records per hour of event time, and, where there are any, missing values and violations per feature.
    """
    values: dict[str, float | None] = {
        "labels/coverage": window.coverage,
        "labels/delay_p50": window.delay_p50_hours,
        "stream/records": window.records,
        "stream/rate": window.records * _HOUR_MS / (window.end - window.start),
        "drift/share": window.drift.share if window.drift.judged else None,
    }
    values |= {drift_name(name): feature.distance for name, feature in window.drift.features.items()}
    values |= {missing_name(name): count for name, count in window.missing.items() if count}
    values |= {violations_name(name): count for name, count in window.violations.items() if count}
    return _defined(values)


def _defined(values: dict[str, float | None]) -> Values:
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}
