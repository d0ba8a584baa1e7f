"""Streams whose truth is known, for ``drift_quality``: undrifted windows, and windows with one change.

``SyntheticStream`` draws from the synthetic bank, scored by its true probabilities. ``TableStream`` splits a table in
two for each reference: an XGBoost model learns from one half, which is the reference with its out-of-fold scores, and
windows are drawn from the other, which it scores. Windows of such a stream share customers, so their hashes are given.
By itself each is a sample of customers whom the model has not seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from contract.arrays import Floats
from contract.models.bundle import SCORE_COLUMN
from contract.models.registry import Classifier, positive_probabilities
from contract.schema import Schema, load_schema
from producer.synthetic import SyntheticBank, truth
from training.kinds.kinds import KINDS, xgboost_pipeline
from training.selection.fitting import fit
from training.selection.measure import measure
from training.table.prepare import Table, inside, outside, read_table
from training.table.split import folds

SCHEMA = load_schema("bank_churn")
Scorer = Callable[[pd.DataFrame], Floats]
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass(frozen=True)
class Drawn:
    """A window's rows, and the hashes of their customers where windows share some."""

    rows: pd.DataFrame
    customers: Sequence[int] | None = None


class ScoredStream(Protocol):
    """Records of one population, scored by one model, and the reference that belongs to it."""

    schema: Schema
    reference: pd.DataFrame
    score: Scorer
    customers: int

    def rows(self, places: NDArray[np.int64]) -> pd.DataFrame:
        """The customers at places below ``customers``."""

    def windows(self, size: int) -> int:
        """How many windows of a size say more than fewer would."""

    def draw(self, size: int, generator: np.random.Generator) -> Drawn:
        """A window of ``size`` different customers."""


class SyntheticStream:
    """``pool`` customers of the bank that ``seed`` makes; ``reference_rows`` further ones are the reference."""

    def __init__(self, seed: int, reference_rows: int = 5_000, pool: int = 200_000) -> None:
        self.schema = SCHEMA
        self.score: Scorer = truth
        columns = list(SCHEMA.names)
        bank = pd.concat(SyntheticBank(reference_rows + pool, seed).chunks(), ignore_index=True)[columns]
        bank[SCORE_COLUMN] = truth(bank)
        self.reference = bank[:reference_rows]
        self._pool = bank[reference_rows:].reset_index(drop=True)
        self.customers = pool

    def rows(self, places: NDArray[np.int64]) -> pd.DataFrame:
        """The customers at places in the pool."""
        return self._pool.iloc[places]

    def windows(self, size: int) -> int:
        """As many as there are customers."""
        return len(self._pool) // size * size

    def draw(self, size: int, generator: np.random.Generator) -> Drawn:
        """Neighbouring customers, who are as independent as any: of a pool so large, hardly ever the same."""
        first = generator.integers(0, len(self._pool) - size)
        return Drawn(self._pool.iloc[first : first + size])


class TableStream:
    """A half of the table's rows, drawn anew for each ``seed``, which a model of the other half scores."""

    def __init__(self, table: Table, schema: Schema, seed: int) -> None:
        self.schema = schema
        generator = np.random.default_rng(seed)
        unseen = np.zeros(len(table.y), dtype=np.bool_)
        unseen[generator.choice(len(table.y), len(table.y) // 2, replace=False)] = True
        X, y = outside(table, unseen)
        splits = folds(table.customers[~unseen], y, seed)
        pipeline = xgboost_pipeline(schema, seed)
        candidate = measure("xgboost", "plain", KINDS["xgboost"].defaults, pipeline, X, y, splits)
        fitted: Classifier = fit(pipeline, X, y, splits, 1, candidate.validated).classifier
        self.score: Scorer = lambda rows: positive_probabilities(fitted, rows[list(schema.names)])
        self.reference = X.assign(**{SCORE_COLUMN: candidate.validated.as_served})
        pool, _ = inside(table, unseen)
        self._pool = pool.assign(**{SCORE_COLUMN: self.score(pool)})
        self._customers = generator.permutation(len(pool)) * (2**53 // len(pool))
        self.customers = len(pool)

    def rows(self, places: NDArray[np.int64]) -> pd.DataFrame:
        """The customers at places in the half."""
        return self._pool.iloc[places]

    def windows(self, size: int) -> int:
        """As many as are asked for, although they share customers; one if it takes all."""
        return len(self._pool) if len(self._pool) >= 2 * size else 1

    def draw(self, size: int, generator: np.random.Generator) -> Drawn:
        """Different customers of the half, but the same ones again in another window."""
        rows = generator.choice(len(self._pool), size, replace=False)
        return Drawn(self._pool.iloc[rows], self._customers[rows].tolist())


def read(path: Path, dataset: str) -> tuple[Table, Schema]:
    """A table in ``dataset``'s schema."""
    schema = load_schema(dataset)
    return read_table(path, schema), schema


def _add(column: str, amount: float, low: float, high: float) -> Change:
    return lambda rows, _: rows.assign(**{column: (rows[column] + amount).clip(low, high)})


def _scale(column: str, factor: float) -> Change:
    return lambda rows, _: rows.assign(**{column: rows[column] * factor})


def _more_often(column: str, value: object, factor: float) -> Change:
    """The rows of other values are replaced by rows of the value until it is ``factor`` times as frequent."""

    def change(rows: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
        has = (rows[column] == value).to_numpy()
        share = has.mean()
        weights = np.where(has, factor, (1 - factor * share) / (1 - share))
        return rows.iloc[generator.choice(len(rows), len(rows), p=weights / weights.sum())]

    return change


def _becomes(column: str, share: float, value: object) -> Change:
    return lambda rows, generator: rows.assign(
        **{column: rows[column].mask(generator.random(len(rows)) < share, value)}
    )


def _replaced(column: str, gone: Sequence[float], value: float) -> Change:
    return lambda rows, _: rows.assign(**{column: rows[column].mask(rows[column].isin(gone), value)})


def _unrelated(column: str) -> Change:
    return lambda rows, generator: rows.assign(**{column: generator.permutation(rows[column].to_numpy())})


CHANGES: dict[str, Change] = {
    "Age + 5": _add("Age", 5, 18, 92),
    "Age + 2": _add("Age", 2, 18, 92),
    "Balance x 1.3": _scale("Balance", 1.3),
    "Balance x 1.1": _scale("Balance", 1.1),
    "Germany x 1.5": _more_often("Geography", "Germany", 1.5),
    "CreditScore - 20": _add("CreditScore", -20, 350, 850),
    "products 3 and 4 vanish": _replaced("NumOfProducts", (3.0, 4.0), 1.0),
    "a new country, 2 %": _becomes("Geography", 0.02, "Portugal"),
    "3 % of Age = 110": _becomes("Age", 0.03, 110.0),
    "1 % of Age = -1": _becomes("Age", 0.01, -1.0),
    "Balance unrelated to the rest": _unrelated("Balance"),
    "Geography unrelated to the rest": _unrelated("Geography"),
    "NumOfProducts unrelated to the rest": _unrelated("NumOfProducts"),
    "10 % of Balance to 0": _becomes("Balance", 0.1, 0.0),
    "CreditScore 20 % null": _becomes("CreditScore", 0.2, np.nan),
}
"""What ought to be found within two windows of 1,000 records."""
SCORE_CHANGE = "log odds of the score + 0.3"
SMALL_CHANGES: dict[str, Change] = {
    "Germany x 1.2": _more_often("Geography", "Germany", 1.2),
    "Age + 1": _add("Age", 1, 18, 92),
}
"""What ought to be found once 16 windows of 1,000 records have it."""


def changed(stream: ScoredStream, name: str, size: int, generator: np.random.Generator) -> Drawn:
    """A window with a change of that name in it, scored again."""
    if name == SCORE_CHANGE:
        drawn = stream.draw(size, generator)
        scores = drawn.rows[SCORE_COLUMN].clip(1e-9, 1 - 1e-9)
        return Drawn(drawn.rows.assign(**{SCORE_COLUMN: expit(logit(scores) + 0.3)}), drawn.customers)
    change = (CHANGES | SMALL_CHANGES)[name]
    drawn = stream.draw(size, generator)
    rows = change(drawn.rows.reset_index(drop=True), generator)
    customers = None if drawn.customers is None else np.asarray(drawn.customers)[rows.index].tolist()
    if name.startswith("Germany"):  # rows drawn again stand for further customers
        customers = None
    return Drawn(rows.assign(**{SCORE_COLUMN: stream.score(rows)}), customers)
