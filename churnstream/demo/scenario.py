"""The story that the demo and the compose stack show: six weeks of customers of the synthetic bank, in three acts.

As in life, one label in ten never comes, and those of customers who leave come sooner than the others. Labels are
waited for no longer than ``LABEL_LATENESS``, so that windows become final all along, and each act's verdicts before the
next act is over.

Each act was looked at with other banks, of 4,000 and of 20,000 customers (docs/demo.md): in the second F1, accuracy and
Brier score hold, in the third all of them are worse.
"""

from churnstream.demo.plan import Act
from contract.durations import DAY

START = 1_735_689_600_000
"""Event time in ms at which a replay begins unless told otherwise: 2025-01-01T00:00:00Z."""
CUSTOMERS_CHANGE_DAY, RELATION_CHANGES_DAY, LAST_DAY = 14, 28, 42
PERIOD = f"{LAST_DAY}d"
DRIFTS = (
    f"Age:shift=-3,from={CUSTOMERS_CHANGE_DAY}d,until={RELATION_CHANGES_DAY}d",
    f"IsActiveMember:mix=0.5,to=0,from={CUSTOMERS_CHANGE_DAY}d,until={RELATION_CHANGES_DAY}d",
    f"flip=0.5,where=Age=40..60,from={RELATION_CHANGES_DAY}d",
)
LABEL_DELAY = "lognormal:mean=3d,sigma=0.5,max=7d"
POSITIVE_LABEL_DELAY = "lognormal:mean=2d,sigma=0.5,max=7d"
LABEL_SHARE = 0.9
LABEL_LATENESS = "8d"
WINDOW, SLIDE = "3d", "1d"
REPLAY_SECONDS = 22.0
"""Wall time over which the records are replayed, so that one can watch; the last labels come some 4 s later."""
ROWS, SEED = 20_000, 42
TRAINING_ROWS, TRAINING_SEED = 20_000, SEED + 1
"""Customers of the same bank, but not those that are replayed."""


ACTS = (
    Act(
        "steady",
        START,
        START + CUSTOMERS_CHANGE_DAY * DAY,
        "the bank is as it was in training",
        "estimates run ahead of the labels, which confirm them",
    ),
    Act(
        "other customers",
        START + CUSTOMERS_CHANGE_DAY * DAY,
        START + RELATION_CHANGES_DAY * DAY,
        "customers are three years younger, and half of the active members are no longer active",
        "drift is reported within days; labels show later that the model holds up",
    ),
    Act(
        "another relation",
        START + RELATION_CHANGES_DAY * DAY,
        START + LAST_DAY * DAY,
        "customers are as before, but half of those aged 40 to 60 do the opposite of what such customers did",
        "nothing drifts; as labels come, realised figures leave the estimates, and the verdict becomes worse",
    ),
)


def rate_of(rows: int, seconds: float) -> float:
    """Records per second of wall time, so that a replay of ``rows`` takes ``seconds``."""
    return max(rows / seconds, 1.0)
