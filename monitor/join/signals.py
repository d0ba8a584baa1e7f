"""What the join counts and measures for Prometheus, beside what all workers do (``contract.signals``)."""

from contextlib import suppress

from prometheus_client import Counter, Gauge

from contract.panes import JoinProgress
from contract.rejection import Reason
from contract.signals import DEAD_LETTERS_SENT

OUTCOMES_SENT = Counter("churnstream_outcomes", "Outcomes published.")
PANES_SENT = Counter("churnstream_panes", "Panes and samples of panes published.")
KEPT = Gauge("churnstream_join_kept", "What the join holds: predictions, waiting labels, panes.", ["what"])
WATERMARK = Gauge(
    "churnstream_join_watermark_timestamp_seconds",
    "Event time before which no further prediction or label of a partition is expected, in seconds since the epoch.",
    ["of", "partition"],
)
_OF = ("predictions", "labels")
for _reason in Reason:
    # or the first one of a reason would not count as a rise
    DEAD_LETTERS_SENT.labels(_reason.value)


def tell_progress(progress: JoinProgress) -> None:
    """Let Prometheus have a partition's watermarks, as far as there are any."""
    for of, watermark in zip(_OF, (progress.watermark, progress.label_watermark), strict=True):
        if watermark is not None:
            WATERMARK.labels(of, str(progress.partition)).set(watermark / 1_000)


def forget_partition(partition: int) -> None:
    """It is another join's by now, whose watermarks are the true ones."""
    for of in _OF:
        with suppress(KeyError):
            WATERMARK.remove(of, str(partition))
