"""How the model does over time: the held-out rows in periods, where the table says when they came. Pure."""

import numpy as np

from contract.arrays import Integers, Mask
from contract.history.known import plausible
from training.quality.estimates import mean, roc_auc, share
from training.review.facts import FEWEST_OF_LABEL, FEWEST_ROWS, PeriodFacts
from training.review.groups import DecidedRows
from training.review.rates import ends, rate, stability_index

MOST_PERIODS = 12
ROWS_WANTED = 75
"""Rows of a period, so that its rates are more than chance; of fewer rows in all there are fewer periods."""
UNTIMED = (
    "The table does not say when its rows came, so nothing is known about stability over time. Name the column with "
    "--time-column, or as time in the schema."
)
TOO_FEW = "The held-out rows are too few, or all came at one time, so nothing is known about stability over time."


def period_facts(decided: DecidedRows, times: Integers | None) -> tuple[tuple[PeriodFacts, ...], str]:
    """Consecutive periods of about as many rows each, and a sentence about them; ``times`` in ms since 1970.

    Rows of one time are in one period, and rows without a usable time in none. None where nothing can be said, and then
    the sentence says why.
    """
    if times is None:
        return (), UNTIMED
    timed = plausible(times)
    decided, times = decided.of(timed), times[timed]
    parts = _parts(times)
    if len(parts) < 2:
        return (), TOO_FEW
    edges = np.quantile(decided.scores, np.linspace(0, 1, 11)[1:-1])
    cells = np.searchsorted(edges, decided.scores, side="right")
    found = tuple(_period(decided.of(part), times[part], cells[part], cells) for part in parts)
    return found, f"The {len(times):,} held-out rows in {len(found)} periods of about as many rows each."


def _parts(times: Integers) -> list[Mask]:
    moments, counts = np.unique(times, return_counts=True)
    wanted = min(MOST_PERIODS, len(times) // ROWS_WANTED)
    if wanted < 2:
        return []
    # by the middle of each moment's rows, so that no moment is divided
    place = ((np.cumsum(counts) - counts / 2) * wanted / len(times)).astype(np.int64)
    of_row = place[np.searchsorted(moments, times)]
    parts = [of_row == each for each in np.unique(place)]
    return parts if all(int(part.sum()) >= FEWEST_ROWS for part in parts) else _merged(parts)


def _merged(parts: list[Mask]) -> list[Mask]:
    """Small periods joined to the next one, the last to the one before."""
    found: list[Mask] = []
    for part in parts:
        if found and int(found[-1].sum()) < FEWEST_ROWS:
            found[-1] = found[-1] | part
        else:
            found.append(part)
    if len(found) > 1 and int(found[-1].sum()) < FEWEST_ROWS:
        last = found.pop()
        found[-1] = found[-1] | last
    return found


def _period(part: DecidedRows, times: Integers, cells: Integers, all_cells: Integers) -> PeriodFacts:
    churned, rows = int(part.y.sum()), len(part.y)
    enough = FEWEST_OF_LABEL <= churned <= rows - FEWEST_OF_LABEL
    counts = (np.bincount(each, minlength=10).astype(float).tolist() for each in (all_cells, cells))
    return PeriodFacts(
        int(times.min()),
        int(times.max()),
        rows,
        rate(share(part.y == 1, part.customers)),
        float(part.scores.mean()),
        rate(share(part.called, part.customers)),
        stability_index(*counts),
        rate(mean((part.scores - part.y) ** 2, part.customers)),
        ends(roc_auc(part.y, part.scores, part.customers)) if enough else None,
    )
