"""What workers count and measure, for Prometheus. Names follow its conventions; a process is one worker.

These are what several workers have. What one worker alone knows stands in its part (``scorer.signals``,
``monitor.join.signals``, ``monitor.signals``, ``dashboard.signals``), so that no other process shows a 0 for it.
"""

from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each, of its birthday

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

BUILD = Gauge(
    "churnstream_build_info", "1; its labels say which worker this is, and of which release.", ["worker", "version"]
)
RECORDS = Counter("churnstream_records", "Messages read in batches that were committed.", ["topic"])
BATCHES = Counter("churnstream_batches", "Batches committed.")
BATCHES_ABORTED = Counter("churnstream_batches_aborted", "Batches aborted and read again.")
PRODUCERS_REPLACED = Counter(
    "churnstream_producers_replaced",
    "Transactional producers given up: fenced, their commit's outcome unknown, or a call that hung.",
    ["reason"],
)
for _reason in ("fenced", "unknown", "hung"):
    # or the first of a kind would not count as a rise
    PRODUCERS_REPLACED.labels(_reason)
REBALANCES = Counter("churnstream_rebalances", "Times that partitions were assigned.")
LAG = Gauge("churnstream_lag_records", "Messages of an assigned partition not read yet.", ["topic", "partition"])
STAGE = Histogram(
    "churnstream_batch_stage_seconds", "Time of a batch in one of its stages.", ["stage"], buckets=_SECONDS
)
DEAD_LETTERS_SENT = Counter("churnstream_dead_letters", "Dead letters published.", ["reason"])


def tell_build(worker: str) -> None:
    """Let Prometheus know which worker this process is: ``score``, ``join``, ``monitor``, ``serve``, ``dashboard``."""
    BUILD.labels(worker, version("churnstream")).set(1)
