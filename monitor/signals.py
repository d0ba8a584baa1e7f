"""What join and monitor count and measure for Prometheus, beside what all workers do (``contract.signals``)."""

from prometheus_client import Counter, Gauge

OUTCOMES_SENT = Counter("churnstream_outcomes", "Outcomes published.")
PANES_SENT = Counter("churnstream_panes", "Panes and samples of panes published.")
KEPT = Gauge("churnstream_join_kept", "What the join holds: predictions, labels that wait, panes.", ["what"])
WINDOWS_SENT = Counter("churnstream_windows", "Windows published, each revision counted.", ["status"])
ALERTS_SENT = Counter("churnstream_alerts", "Alerts published.", ["kind", "state"])
WATERMARK = Gauge(
    "churnstream_watermark_seconds", "Event time up to which windows have closed, in seconds since the epoch."
)
SPOOLED = Gauge("churnstream_spool_windows", "Windows that wait for MLflow on disk.")
MLFLOW_UP = Gauge("churnstream_mlflow_up", "1 while MLflow takes windows, 0 in an outage.")
MLFLOW_OUTAGES = Counter("churnstream_mlflow_outages", "Outages of MLflow that have begun.")
ALERT_SENDINGS = Counter("churnstream_alert_sendings", "Attempts to give a sink an alert.", ["sink", "result"])
ALERT_SINK_UP = Gauge("churnstream_alert_sink_up", "1 while an alert sink takes alerts, 0 while it fails.", ["sink"])
