"""The metrics that can be chosen, and where each stands in a window."""

from typing import Literal, NamedTuple

from contract.versions import TrainedVersion
from contract.windows import Estimate, Estimated, Window
from dashboard.view.selected import Metric
from dashboard.view.words import sane, with_interval

TITLES: dict[Metric, str] = {
    "f1": "F1",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "precision": "Precision",
    "recall": "Recall",
    "accuracy": "Accuracy",
}


class MetricValue(NamedTuple):
    """A metric with the ends of its 95 % interval, None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        return with_interval(self.value, self.low, self.high)


def better(metric: Metric) -> Literal["more", "less"]:
    """Whether more or less of it is better."""
    return "less" if metric == "brier" else "more"


def realised(window: Window, metric: Metric) -> MetricValue | None:
    """Of the labels that have come; None where it is not defined."""
    value: float | None = getattr(window.performance, metric)
    if sane(value) is None or value is None:
        return None
    low, high = window.performance.intervals.get(metric, (None, None))
    return MetricValue(value, sane(low), sane(high))


def nowcast(window: Window, metric: Metric) -> MetricValue | None:
    """Expected of all labels, by those that have come."""
    return None if window.nowcast is None else _of(window.nowcast.performance, metric)


def estimated(window: Window, metric: Metric) -> MetricValue | None:
    """Expected without labels; None where it has been withdrawn."""
    return None if window.untrusted_since is not None else _of(window.estimated, metric)


def held_out(trained: TrainedVersion | None, metric: Metric) -> MetricValue | None:
    """On the rows that training held out; None where it is not known."""
    found = None if trained is None else trained.held_out.get(metric)
    return None if found is None else _measured(found)


def _of(performance: Estimated, metric: Metric) -> MetricValue | None:
    found: Estimate | None = getattr(performance, metric)
    return None if found is None else _measured(found)


def _measured(found: Estimate) -> MetricValue | None:
    return None if sane(found.value) is None else MetricValue(found.value, sane(found.low), sane(found.high))
