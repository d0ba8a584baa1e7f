"""What scorer and REST service count and measure for Prometheus, beside what all workers do (``contract.signals``)."""

from prometheus_client import Counter, Gauge, Histogram

from contract.rejection import Reason
from contract.signals import DEAD_LETTERS_SENT

_LATENCY_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3_600.0)

PREDICTION_LATENCY = Histogram(
    "churnstream_record_to_prediction_seconds",
    "Time from a record's arrival at Kafka to the commit of its prediction, for the first and last record of each "
    "batch.",
    buckets=_LATENCY_SECONDS,
)
PREDICTIONS_SENT = Counter("churnstream_predictions", "Predictions published.", ["version"])
MODEL_VERSION = Gauge("churnstream_model_version", "Version that scores; 0 before there is one.")
MODEL_REFUSED = Gauge("churnstream_model_refused", "Version that has the alias but was refused; 0: none.")
SWAPS = Counter("churnstream_model_swaps", "Versions that took over, and versions refused.", ["result"])
# or the first one of a kind would not count as a rise
for _result in ("taken", "refused"):
    SWAPS.labels(_result)
for _reason in Reason:
    DEAD_LETTERS_SENT.labels(_reason.value)
