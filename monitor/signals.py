"""What the monitor counts and measures for Prometheus, beside what all workers do (``contract.signals``)."""

import math
from collections.abc import Callable

from prometheus_client import Counter, Gauge

WINDOWS_SENT = Counter("churnstream_windows", "Windows published, each revision counted.", ["status"])
ALERTS_SENT = Counter("churnstream_alerts", "Alerts published.", ["kind", "state"])
KEPT = Gauge("churnstream_monitor_kept", "What the monitor holds: windows that can still change, panes.", ["what"])
WATERMARK = Gauge(
    "churnstream_watermark_timestamp_seconds", "Event time up to which windows have closed, in seconds since the epoch."
)
WATERMARK_AGE = Gauge("churnstream_watermark_age_seconds", "Time from the watermark's event time to wall time.")
SPOOLED = Gauge("churnstream_spool_windows", "Windows that wait for MLflow on disk.")
SPOOL_LIMIT = Gauge(
    "churnstream_spool_limit_windows", "Windows that may wait for MLflow before the monitor waits, too."
)
SLIDE = Gauge("churnstream_slide_seconds", "Event time from one window's start to the next's.")
MLFLOW_UP = Gauge("churnstream_mlflow_up", "1 while MLflow accepts windows, 0 in an outage.")
MLFLOW_OUTAGES = Counter("churnstream_mlflow_outages", "Outages of MLflow that have begun.")
ALERT_SENDINGS = Counter("churnstream_alert_sendings", "Attempts to deliver an alert to a sink.", ["sink", "result"])
ALERT_SINK_UP = Gauge("churnstream_alert_sink_up", "1 while an alert sink accepts alerts, 0 while it fails.", ["sink"])

MODEL = ("model", "version", "role")
VERDICT = Gauge("churnstream_verdict", "1 for the state that a model is in, 0 for the others.", [*MODEL, "state"])
ALERTS_STANDING = Gauge("churnstream_alerts_standing", "Incidents that are open.", ["kind"])
PERFORMANCE = Gauge(
    "churnstream_window_performance_ratio",
    "A metric of a model's newest window: realised by labels (only final windows), nowcast of labels to come, "
    "estimated without labels, or training, on the held-out rows.",
    [*MODEL, "metric", "basis"],
)
DRIFTED = Gauge("churnstream_window_drifted_columns", "Columns of the newest window that drifted.", MODEL)
DRIFT_SHARE = Gauge("churnstream_window_drift_ratio", "Share of the features that drifted in the newest window.", MODEL)
COVERAGE = Gauge("churnstream_window_coverage_ratio", "Share of the newest window's records with a label.", MODEL)
WINDOW_RECORDS = Gauge("churnstream_window_records", "Records in the newest window.", MODEL)
WINDOW_END = Gauge(
    "churnstream_window_end_timestamp_seconds",
    "Event time of the newest window's end, in seconds since the epoch.",
    MODEL,
)
OF_MODELS = (VERDICT, PERFORMANCE, DRIFTED, DRIFT_SHARE, COVERAGE, WINDOW_RECORDS, WINDOW_END)
"""Those that have series for each model; what is bounded in ``monitor.health``."""

# whoever scrapes a monitor that has not asked MLflow yet must not take it for an outage
MLFLOW_UP.set(1)
_watermark = math.nan
WATERMARK.set_function(lambda: _watermark)


def tell_watermark(watermark: int) -> None:
    """Event time up to which windows have closed, ms."""
    global _watermark
    _watermark = watermark / 1_000


def tell_settings(spool_limit: int, slide: int, now: Callable[[], int]) -> None:
    """What does not change while the monitor runs: a slide in ms; ``now`` gives wall time in ms."""
    SPOOL_LIMIT.set(spool_limit)
    SLIDE.set(slide / 1_000)
    WATERMARK_AGE.set_function(lambda: now() / 1_000 - _watermark)
