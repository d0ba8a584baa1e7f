"""Where ``estimate_quality`` takes its windows from: customers with scores and the truth about them, and what changes.

Scores come from models of synthetic banks, or of halves of a table.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats, Labels
from contract.models.calibration import CalibrationBins
from contract.models.registry import positive_probabilities
from contract.panes import SCORE_BINS
from contract.schema import Schema
from contract.split.held_out import held_out
from monitor.verdicts.calibration import Calibration, Histogram, Labelled
from producer.synthetic import SyntheticBank, truth
from training.selection.develop import Developed, develop
from training.table.prepare import Table, outside, read_table

_OTHERS = 50_000
_HALF = 0.5

Change = Callable[[Floats, Floats, Floats, np.random.Generator], Floats]
"""From the truth of each customer, their age and their score to the truth after a change."""


class Source(NamedTuple):
    """Customers to draw windows from: their scores, truth (or labels) and ages; and what the version stores.

    ``reference``: scores and labels of the rows that it is counted from, for others to learn from.
    """

    name: str
    scores: Floats
    truth: Floats
    ages: Floats
    stored: CalibrationBins
    threshold: float
    reference: tuple[Floats, Labels]

    @property
    def calibration(self) -> Calibration:
        return Calibration.fitted(Labelled.of_bins(self.stored))


def _times(factor: float) -> Change:
    """Where truth is a label, churners are made others, or others churners, by chance."""

    def change(truth: Floats, _ages: Floats, _scores: Floats, _rng: np.random.Generator) -> Floats:
        if factor <= 1 or set(np.unique(truth)) - {0.0, 1.0}:
            return np.minimum(truth * factor, 1.0)
        return np.where(truth == 1, 1.0, (factor - 1) * truth.mean() / (1 - truth.mean()))

    return change


def _flip(share: float) -> Change:
    return lambda truth, _ages, _scores, _rng: truth * (1 - share) + (1 - truth) * share


def _half_of_ages(truth: Floats, ages: Floats, _scores: Floats, rng: np.random.Generator) -> Floats:
    chosen = (ages >= 40) & (ages <= 60) & (rng.random(len(ages)) < _HALF)
    return np.where(chosen, 1 - truth, truth)


def higher_brier(source: Source, factor: float) -> Change:
    """So many labels flipped that the Brier score is ``factor`` times that of the held-out rows."""
    scores, labels = source.reference
    before = float(((scores - labels) ** 2).mean())
    now = float((source.scores**2 + source.truth * (1 - 2 * source.scores)).mean())
    a_flip = float(((1 - 2 * source.truth) * (1 - 2 * source.scores)).mean())
    return _flip((factor * before - now) / a_flip)


def nothing(truth: Floats, _ages: Floats, _scores: Floats, _rng: np.random.Generator) -> Floats:
    return truth


CHANGES: dict[str, Change] = {
    "30 % flipped": _flip(0.30),
    "15 % flipped": _flip(0.15),
    "label rate × 1.3": _times(1.3),
    "label rate × 1/1.3": _times(1 / 1.3),
    "half of ages 40 to 60 flipped": _half_of_ages,
}
INPUT_DRIFTS: dict[str, Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]] = {
    "Age + 5": lambda frame, _: frame.assign(Age=np.minimum(frame["Age"] + 5, 92)),
    "Balance × 1.3": lambda frame, _: frame.assign(Balance=np.minimum(frame["Balance"] * 1.3, 260_000)),
    "CreditScore − 20": lambda frame, _: frame.assign(CreditScore=np.maximum(frame["CreditScore"] - 20, 350)),
    "half moved to Germany": lambda frame, rng: frame.assign(
        Geography=np.where(rng.random(len(frame)) < _HALF, "Germany", frame["Geography"])
    ),
}


def bank(schema: Schema, number: int, customers: int) -> tuple[Source, Developed]:
    """A model trained on so many customers of one bank, and others of it, whose truth is known."""
    drawn = pd.concat(SyntheticBank(customers, seed=13_000 + number).chunks(), ignore_index=True)
    rows = read_table(drawn[[schema.id_column, *schema.names, schema.label.column]], schema, "synthetic")
    test = held_out(rows.customers, number)
    developed = develop(rows, test, schema, number)
    _, y = outside(rows, test)
    scores: Floats = np.concatenate([developed.candidate.scores, developed.held_out.scores])
    labels: Labels = np.concatenate([y, developed.held_out.y])
    others = pd.concat(SyntheticBank(_OTHERS, seed=17_000 + number).chunks(), ignore_index=True)
    return scored(str(number), developed, others, schema, (scores, labels)), developed


def scored(
    name: str, developed: Developed, frame: pd.DataFrame, schema: Schema, reference: tuple[Floats, Labels]
) -> Source:
    """A bank's customers with a model's scores; ``reference`` as of ``Source``."""
    scores = positive_probabilities(developed.fitted.classifier, frame[list(schema.names)])
    ages = frame["Age"].to_numpy(np.float64)
    threshold = developed.candidate.threshold
    return Source(name, scores, truth(frame), ages, CalibrationBins.of(*reference), threshold, reference)


def half(rows: Table, schema: Schema, number: int) -> Source:
    """A model trained on one half of a table, and the other half's customers, whose labels are their truth.

    Half, because windows of 1,000 need several times as many customers to be drawn from: of the 1,500 that a version
    holds out there is hardly more than one window. Its calibration leaves them out.
    """
    test = held_out(rows.customers, 500 + number, _HALF)
    developed = develop(rows, test, schema, number)
    _, y = outside(rows, test)
    held, scores = developed.held_out, developed.candidate.scores
    ages = held.X["Age"].to_numpy(np.float64)
    stored = CalibrationBins.of(scores, y)
    return Source(
        str(number), held.scores, held.y.astype(np.float64), ages, stored, developed.candidate.threshold, (scores, y)
    )


def draw(source: Source, size: int, change: Change, rng: np.random.Generator) -> tuple[Floats, Floats, Labels]:
    """Scores, truth and labels of a window of so many customers, each once where there are not many more."""
    population = len(source.scores)
    often = population >= 10 * size
    rows = rng.integers(population, size=size) if often else rng.choice(population, size, replace=size > population)
    scores = source.scores[rows]
    chance = change(source.truth[rows], source.ages[rows], scores, rng)
    return scores, chance, (rng.random(size) < chance).astype(np.int64)


def histogram_of(scores: Floats, labels: Labels, times: npt.NDArray[np.int64] | None = None) -> Histogram:
    """Records, negatives and positives by score bin; ``times``: records of each customer, one by default."""
    place = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    counts = np.ones(len(scores), dtype=np.int64) if times is None else times
    negatives, positives = (
        np.bincount(place[labels == label], counts[labels == label], SCORE_BINS).astype(np.int64) for label in (0, 1)
    )
    return np.stack([negatives + positives, negatives, positives])
