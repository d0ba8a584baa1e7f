"""What the stream's scorer counts of a challenger for Prometheus."""

from typing import Literal, get_args

from prometheus_client import Counter, Gauge

DropReason = Literal["refused", "slow", "failing"]

CHALLENGER_VERSION = Gauge("churnstream_challenger_version", "Version that scores beside the champion; 0: none.")
CHALLENGER_PREDICTIONS = Counter("churnstream_challenger_predictions", "The challenger's predictions published.")
CHALLENGER_FAILURES = Counter("churnstream_challenger_failures", "Records on which the challenger failed.")
CHALLENGER_DROPPED = Counter(
    "churnstream_challenger_dropped", "Challengers that were refused, over their budget, or failing.", ["reason"]
)
for _reason in get_args(DropReason):
    # or the first of a kind would not count as a rise
    CHALLENGER_DROPPED.labels(_reason)
