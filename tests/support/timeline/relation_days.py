"""Days of customers whose labels go with scores or do not, and verdicts on them, with held-out rows of their own."""

import numpy as np

from contract.panes import Pane
from contract.settings import Settings
from monitor.budget import levels
from monitor.verdicts.judging import Verdicts
from tests.support.scores import calibrated, draw_scores, flipped, held_out_bins
from tests.support.timeline.panes import ScoredRecord, numeric_schema, pane_of

RECORDS = 500
_SCHEMA = numeric_schema(1)


def verdicts(settings: Settings) -> Verdicts:
    """As the monitor has them, for a version that was validated on 10,000 rows."""
    stored = held_out_bins(np.random.default_rng(42), 10_000)
    return Verdicts(lambda _model: stored, levels(settings.false_alerts_per_month, settings.slide), 200)


def labelled_day(day: int, *, flip: bool = False) -> Pane:
    """The pane of a day, all labelled; with ``flip`` 30 % of the labels are the other one. The same at each call."""
    rng = np.random.default_rng(1_000 + day)
    scores = draw_scores(rng, RECORDS)
    labels = rng.random(RECORDS) < (flipped(0.3) if flip else calibrated)(scores)
    records = [
        ScoredRecord(f"{day}/{number}", day, score, int(label))
        for number, (score, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True))
    ]
    return pane_of(records, _SCHEMA)
