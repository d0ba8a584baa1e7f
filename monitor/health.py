"""Models' health as Prometheus sees it: verdict, standing alerts and newest window, in a bounded number of series."""

from collections.abc import Iterable
from contextlib import suppress
from typing import get_args

from prometheus_client import Gauge

from contract.alerts import ALERT_KINDS, Alert, AlertKind, ModelVerdict, VerdictState
from contract.messages import ModelRef
from contract.windows import Window
from monitor.signals import (
    ALERTS_STANDING,
    COVERAGE,
    DRIFT_SHARE,
    DRIFTED,
    OF_MODELS,
    PERFORMANCE,
    VERDICT,
    WINDOW_END,
    WINDOW_RECORDS,
)

MOST_MODELS = 20
"""Versions of models with series; what is more goes, those first whose newest window is the oldest."""
METRICS = ("f1", "precision", "recall", "accuracy", "roc_auc", "brier")
_NEVER = -(2**63)


class ModelHealth:
    """What is shown of the models. One instance is at work at a time; all calls come one after the other."""

    def __init__(self) -> None:
        self._newest: dict[ModelRef, int] = {}
        self._newest_final: dict[ModelRef, int] = {}
        self._standing: dict[str, AlertKind] = {}

    def begin(self, alerts: Iterable[Alert], verdicts: Iterable[ModelVerdict]) -> None:
        """This monitor is at work; what stands is shown."""
        self._standing.clear()
        self.tell(alerts, verdicts)

    def tell(self, alerts: Iterable[Alert], verdicts: Iterable[ModelVerdict]) -> None:
        """Show what has been published."""
        for alert in alerts:
            if alert.standing:
                self._standing[alert.key] = alert.kind
            else:
                self._standing.pop(alert.key, None)
        counted = list(self._standing.values())
        for kind in ALERT_KINDS:
            ALERTS_STANDING.labels(kind).set(counted.count(kind))
        for verdict in verdicts:
            self._newest.setdefault(verdict.model, _NEVER)
            for state in get_args(VerdictState):
                VERDICT.labels(*_labels(verdict.model), state).set(state == verdict.state)
        self._limit()

    def take(self, window: Window) -> None:
        """Show a window, in place of an earlier one of its model, or of an earlier revision of itself."""
        model, labels = window.model, _labels(window.model)
        if window.status == "final" and window.end >= self._newest_final.get(model, _NEVER):
            self._newest_final[model] = window.end
            _show(labels, window.performance, "realised")
        if window.end < self._newest.get(model, _NEVER):
            return
        self._newest[model] = window.end
        _show(labels, window.estimated, "estimated")
        _show(labels, None if window.nowcast is None else window.nowcast.performance, "nowcast")
        then = window.worsening or window.outlook
        if then is not None:
            PERFORMANCE.labels(*labels, "brier", "training").set(then.reference)
        DRIFTED.labels(*labels).set(len(window.drift.drifted_columns))
        DRIFT_SHARE.labels(*labels).set(window.drift.share)
        COVERAGE.labels(*labels).set(window.coverage)
        WINDOW_RECORDS.labels(*labels).set(window.records)
        WINDOW_END.labels(*labels).set(window.end / 1_000)
        self._limit()

    def _limit(self) -> None:
        while len(self._newest) > MOST_MODELS:
            oldest = min(self._newest, key=lambda model: (self._newest[model], model))
            del self._newest[oldest]
            self._newest_final.pop(oldest, None)
            for gauge in OF_MODELS:
                _remove(gauge, oldest)


def show_no_model() -> None:
    """This monitor stands by, or begins anew: another one may be at work, which shows them."""
    for gauge in (*OF_MODELS, ALERTS_STANDING):
        gauge.clear()


def _labels(model: ModelRef) -> tuple[str, str, str]:
    return model.name, str(model.version), model.role


def _show(labels: tuple[str, str, str], metrics: object, basis: str) -> None:
    """Each metric of a window; a series goes where it is not defined, or an old value would pass for a new one."""
    for metric in METRICS:
        found = getattr(metrics, metric, None)
        value = getattr(found, "value", found)
        if value is None:
            with suppress(KeyError):
                PERFORMANCE.remove(*labels, metric, basis)
        else:
            PERFORMANCE.labels(*labels, metric, basis).set(value)


def _remove(gauge: Gauge, model: ModelRef) -> None:
    name, version, role = _labels(model)
    gauge.remove_by_labels({"model": name, "version": version, "role": role})
