"""Which metric values a window, or the cumulative metrics, give to which of their model's six MLflow runs. Pure.

The names are the same in the realised, the provisional, the nowcast, the estimated and the trained run, because MLflow
draws one chart a name. An undefined metric (None, NaN, infinite) is left out; the counts beside it say why.
"""

import math
from collections.abc import Mapping
from typing import Literal

from contract.windows import Cumulative, Estimate, Estimated, Performance, Window, WindowMessage
from monitor.mlflow_sink.metric_names import (
    dead_letters_name,
    drift_name,
    missing_name,
    segment_name,
    violations_name,
)

RunKind = Literal["realised", "provisional", "nowcast", "estimated", "trained", "inputs"]
Values = dict[str, float]
REPEATING: tuple[RunKind, ...] = ("realised", "estimated", "trained", "inputs")
"""Runs of which a window's next revision mostly repeats the values: it revises something else."""

_HOUR_MS = 3_600_000
_COUNTS = ("tn", "fp", "fn", "tp")
_METRICS = ("f1", "accuracy", "precision", "recall", "roc_auc", "brier")


def values_by_run(message: WindowMessage) -> dict[RunKind, Values]:
    """Metric name to value, for each run that the message concerns.

    A window: realised if it is final, else provisional, with its segments; nowcast if it has one; estimated unless that
    is withdrawn; inputs always. Cumulative metrics: realised, as ``cumulative/…``.
    """
    if isinstance(message, Cumulative):
        return {"realised": performance(message.performance, "cumulative")}
    values: dict[RunKind, Values] = {}
    of_labels = performance(message.performance, "performance") | segments(message)
    values["realised" if message.status == "final" else "provisional"] = of_labels
    if message.nowcast is not None:
        values["nowcast"] = estimated(message.nowcast.performance)
    if message.untrusted_since is None:
        values["estimated"] = estimated(message.estimated)
    return {**values, "inputs": inputs(message)}


def performance(measured: Performance, group: str) -> Values:
    """Confusion counts and metrics as ``<group>/<metric>``, and the interval of F1 as ``f1_low`` and ``f1_high``.

    Nothing at all before the first label.
    """
    if not measured.labelled:
        return {}
    values = {f"{group}/{name}": getattr(measured, name) for name in (*_COUNTS, *_METRICS)}
    if "f1" in measured.intervals:
        values[f"{group}/f1_low"], values[f"{group}/f1_high"] = measured.intervals["f1"]
    return _defined(values)


def estimated(found: Estimated) -> Values:
    """Expected counts and metrics, and the interval of F1 as ``f1_low`` and ``f1_high``."""
    if not found.records:
        return {}
    values: dict[str, float | None] = {f"performance/{name}": getattr(found, name) for name in _COUNTS}
    for name in _METRICS:
        metric: Estimate | None = getattr(found, name)
        values[f"performance/{name}"] = None if metric is None else metric.value
    if found.f1 is not None:
        values |= {"performance/f1_low": found.f1.low, "performance/f1_high": found.f1.high}
    return _defined(values)


def trained(logged: Mapping[str, float]) -> Values:
    """What a version reached on rows held out in training, from all that its training run has ``logged``."""
    names = (*_METRICS, "f1_low", "f1_high")
    return _defined({f"performance/{name}": logged.get(f"test_{name}") for name in names})


def segments(window: Window) -> Values:
    """Of each segment that was judged (64 at most) its records, F1, and churners over those expected, as
    ``segments/<feature>/<part>/…``.
    """
    values: dict[str, float | None] = {}
    for one in window.segments:
        if one.judged:
            expected = 0.0 if one.expected is None else one.expected.value
            values[segment_name(one.name, "records")] = one.records
            values[segment_name(one.name, "f1")] = None if one.f1 is None else one.f1.value
            values[segment_name(one.name, "observed_per_expected")] = one.observed / expected if expected else None
    return _defined(values)


def inputs(window: Window) -> Values:
    """Drift distances and share (of a window that was judged), label coverage and median delay in hours, records and
    records per hour of event time, customers and the design effect of their coming again, and, where there are any,
    missing values and violations per feature, and dead letters in all and by reason and field.

    Beside a nowcast there is the coverage of either class, of the labels expected of it. Where the labels were judged:
    churners over those expected, by how much slope and Brier score differ, p value, and 1 if the relation has changed.
    """
    values: dict[str, float | None] = {
        "labels/coverage": window.coverage,
        "labels/delay_p50": window.delay_p50_hours,
        "stream/records": window.records,
        "stream/rate": window.records * _HOUR_MS / (window.end - window.start),
        "stream/customers": window.customers,
        "stream/design_effect": None if window.customers is None else window.design_effect,
        "drift/share": window.drift.share if window.drift.judged else None,
    }
    if window.nowcast is not None:
        values["labels/coverage_negative"] = window.nowcast.coverage_negative
        values["labels/coverage_positive"] = window.nowcast.coverage_positive
    if window.relation is not None:
        relation = window.relation
        values["relation/observed_per_expected"] = relation.observed / relation.expected.value
        values["relation/slope"] = None if relation.slope is None else relation.slope.value
        values["relation/p_value"] = relation.p_value
        values["relation/changed"] = float(relation.changed)
    if window.worsening is not None:
        values["relation/brier_excess"] = window.worsening.excess.value
    values |= {drift_name(name): feature.distance for name, feature in window.drift.features.items()}
    values |= {missing_name(name): count for name, count in window.missing.items() if count}
    values |= {violations_name(name): count for name, count in window.violations.items() if count}
    if window.dead_letters:
        values["data/dead_letters"] = sum(window.dead_letters.values())
        values |= {dead_letters_name(name): count for name, count in window.dead_letters.items()}
    return _defined(values)


def _defined(values: dict[str, float | None]) -> Values:
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}
