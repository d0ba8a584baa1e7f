"""What workers count and measure, for Prometheus. Names follow its conventions; a process is one worker.

These are what several workers have. What one worker alone knows, such as the windows that a monitor holds, is collected
where it is known, at the time of a scrape.
"""

from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each, of its birthday

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_LATENCY_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0, 600.0, 3_600.0)

BUILD = Gauge(
    "churnstream_build_info", "1; its labels say which worker this is, and of which release.", ["worker", "version"]
)
RECORDS = Counter("churnstream_records", "Messages read in batches that were committed.", ["topic"])
BATCHES = Counter("churnstream_batches", "Batches committed.")
BATCHES_ABORTED = Counter("churnstream_batches_aborted", "Batches given up, which are read again.")
PRODUCERS_REPLACED = Counter(
    "churnstream_producers_replaced", "Transactional producers given up: fenced, or their commit's outcome unknown."
)
REBALANCES = Counter("churnstream_rebalances", "Times that partitions were assigned.")
LAG = Gauge("churnstream_lag_records", "Messages of an assigned partition not read yet.", ["topic", "partition"])
STAGE = Histogram(
    "churnstream_batch_stage_seconds", "Time of a batch in one of its stages.", ["stage"], buckets=_SECONDS
)
PREDICTION_LATENCY = Histogram(
    "churnstream_record_to_prediction_seconds",
    "From a record's arrival at Kafka to the commit of its prediction, of the first and the last record of each batch.",
    buckets=_LATENCY_SECONDS,
)
PREDICTIONS_SENT = Counter("churnstream_predictions", "Predictions published.", ["version"])
DEAD_LETTERS_SENT = Counter("churnstream_dead_letters", "Dead letters published.", ["reason"])
MODEL_VERSION = Gauge("churnstream_model_version", "Version that scores; 0 before there is one.")
SWAPS = Counter("churnstream_model_swaps", "Versions that took over, and versions refused.", ["result"])


def tell_build(worker: str) -> None:
    """Let Prometheus know which worker this process is: ``score``, ``join``, ``monitor``, ``serve``, ``dashboard``."""
    BUILD.labels(worker, version("churnstream")).set(1)
