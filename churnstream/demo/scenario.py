"""The scenario that the demo and the compose stack show: a month of customers, of which the last third drifts.

As in life, one label in ten never comes, and those of customers who leave come sooner than the others. Labels are
waited for no longer than ``LABEL_LATENESS``, a third of the month, so that windows become final in the middle of it.
"""

from collections.abc import Sequence

from contract.schema import Schema

DRIFT_DAY = 20
DRIFTS = (f"Age:shift=8,from={DRIFT_DAY}d", f"Balance:scale=1.3,from={DRIFT_DAY}d")
PERIOD = "30d"
LABEL_DELAY = "lognormal:mean=4d,sigma=0.5,max=9d"
POSITIVE_LABEL_DELAY = "lognormal:mean=2d,sigma=0.5,max=9d"
LABEL_SHARE = 0.9
LABEL_LATENESS = "10d"
WINDOW, SLIDE = "3d", "1d"
REPLAY_SECONDS = 15.0
"""Wall time over which the records are replayed, so that one can watch."""
ROWS, SEED = 20_000, 42
TRAINING_ROWS, TRAINING_SEED = 20_000, SEED + 1
"""Customers of the same bank, but not those that are replayed."""


def drifts_of(schema: Schema) -> Sequence[str]:
    """The drifts of those features that the schema has."""
    return [drift for drift in DRIFTS if drift.partition(":")[0] in schema.names]


def rate_of(rows: int, seconds: float) -> float:
    """Records per second of wall time, so that a replay of ``rows`` takes ``seconds``."""
    return max(rows / seconds, 1.0)
