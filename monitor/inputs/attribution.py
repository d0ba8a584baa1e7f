"""Which columns move the model's score: how far each, by itself, moves the mean log-odds of a window's scores.

An additive model stands for the score: its log-odds as a sum of one effect a column, that of the cell that the value is
in (``monitor.inputs.cells``). It is fitted to the reference once, by ridge regression. For such a model a column's SHAP
value is the effect less its mean over the reference, so the mean SHAP value of a window needs no more than the counts
that windows keep: the sum over cells of share now less share then, times effect.

Source: Lundberg & Lee, A unified approach to interpreting model predictions, NeurIPS 2017, corollary 1 (linear SHAP).
"""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsqr

from contract.arrays import Floats
from monitor.inputs.cells import Cells, ReferenceColumn

MOST_VALUES_READ = 3_000_000
"""Rows times columns that the model is fitted to: some 60 MB. Of a wide reference every so-manieth row is taken."""
MOST_CELLS = 2_000
"""Cells of all columns above which neighbouring ones are taken together, about a tenth of the rows each."""
_RIDGE = 10.0
"""Rows of no effect that each cell has besides its own, so that a cell of few rows says little."""
_MOST_STEPS = 30
_TOLERANCE = 1e-4
_LEAST, _MOST = 1e-4, 1 - 1e-4


def cell_effects(
    columns: Mapping[str, ReferenceColumn], cells: Mapping[str, Cells], scores: Floats
) -> dict[str, Floats]:
    """Of each column the effect of each of its cells on the log-odds of the score, less their mean in the reference.

    ``cells`` are those of the reference's rows, ``scores`` theirs. A cell without rows has no effect; but beyond the
    range of a continuous column it is that of the cell next to it.
    """
    if not columns or not len(scores):
        return {name: np.zeros(len(column.counts)) for name, column in columns.items()}
    rows = np.arange(0, len(scores), -(-len(scores) * len(columns) // MOST_VALUES_READ))
    wide = sum(len(column.counts) for column in columns.values()) > MOST_CELLS
    parts = {name: _parts(column, wide) for name, column in columns.items()}
    first = np.cumsum([0, *(int(part.max(initial=-1)) + 1 for part in parts.values())])
    places = np.empty((len(rows), len(columns)), dtype=np.int32)
    for number, (name, part) in enumerate(parts.items()):
        places[:, number] = part[cells[name][rows]] + first[number]
    ends = np.arange(0, places.size + 1, len(columns), dtype=np.int32)
    known = csr_array((np.ones(places.size), places.ravel(), ends), shape=(len(rows), int(first[-1])))
    chance = np.clip(scores[rows], _LEAST, _MOST)
    log_odds = np.log(chance / (1 - chance))
    fitted = lsqr(
        known, log_odds - log_odds.mean(), np.sqrt(_RIDGE), atol=_TOLERANCE, btol=_TOLERANCE, iter_lim=_MOST_STEPS
    )[0]
    return {
        name: _centred(columns[name], fitted[start + part])
        for (name, part), start in zip(parts.items(), first[:-1], strict=True)
    }


def attribution(counts: Floats, effects: Floats) -> float:
    """What a column with these counts adds to the mean log-odds of the score, beside the reference; 0 without rows."""
    rows = float(counts.sum())
    return float(counts @ effects) / rows if rows else 0.0


def _parts(column: ReferenceColumn, wide: bool) -> Cells:
    """Which effect each cell has: one of its own, or where there are very many, one of its group."""
    if not wide or not column.seen:
        return np.arange(len(column.counts))
    groups = column.groups
    return np.concatenate([groups, groups[-1] + 1 + np.arange(len(column.counts) - len(groups))])


def _centred(column: ReferenceColumn, effects: Floats) -> Floats:
    if not column.rows:
        return np.zeros_like(effects)
    centred = np.where(column.counts > 0, effects - float(column.counts @ effects) / column.rows, 0.0)
    if column.continuous and column.seen:
        centred[column.outside] = centred[0], centred[column.seen - 1]
    return centred
