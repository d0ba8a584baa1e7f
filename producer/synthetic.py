"""A seeded synthetic bank whose true churn probability is known, for demonstration, tests and measurements.

Marginals and churn rates follow the published ones of the bank-churn table. A customer's true probability is logistic:
a hump over age, a valley over the number of products, and steps for country, gender, activity and an empty account.
Labels are drawn from it, so accuracy, calibration and the effect of drift can be checked against the truth.
"""

import csv
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, gammaincinv, ndtri

from contract.arrays import Floats
from contract.errors import UserError
from contract.schema import Schema, load_schema
from producer.randomness import uniforms
from producer.sources import LabelCodes

SCHEMA = "bank_churn"
DRAW = "_draw"
"""Column of a chunk: a uniform draw per row; the row churns iff it is below the truth."""
TRUTH = "_truth"
"""Column of a chunk: the true churn probability of the features as they were made."""

_COUNTRIES = ("France", "Germany", "Spain")
_COUNTRY_SHARES = (0.5014, 0.2509, 0.2477)
_FEMALE = 0.4543
_ZERO_BALANCE_OUTSIDE_GERMANY = 0.4829  # 0.3617 of all; nobody's account is empty in Germany
_PRODUCTS_EMPTY_ACCOUNT = (0.25, 0.72, 0.0252, 0.0048)
_PRODUCTS_OTHERS = (0.6548, 0.3111, 0.0274, 0.0067)
_FIRST_ID = 15_000_000

_INTERCEPT = -0.19
_AGES = (18, 25, 35, 45, 55, 65, 75, 92)
_AGE_LOGITS = (-2.59, -2.16, -1.72, 0.24, 1.65, 0.23, -1.74, -1.74)
_COUNTRY_LOGITS = {"France": -0.19, "Germany": 0.84, "Spain": -0.15}
_PRODUCT_COUNTS = (1, 2, 3, 4)
_PRODUCT_LOGITS = (-0.16, -1.93, 2.96, 5.41)
_FEMALE_LOGIT = 0.75
_ACTIVE_LOGIT = -1.14
_EMPTY_ACCOUNT_LOGIT = 0.25

_TABLE = [
    *("RowNumber", "CustomerId", "Surname", "CreditScore", "Geography", "Gender", "Age", "Tenure", "Balance"),
    *("NumOfProducts", "HasCrCard", "IsActiveMember", "EstimatedSalary", "Exited"),
]
_SYLLABLES = ("vor", "quin", "zel", "mab", "thru", "dax", "plo", "wen", "gri", "yot", "nuf", "kesk")


def truth(frame: pd.DataFrame) -> Floats:
    """True churn probability of each row of ``bank_churn`` features.

    A missing value counts as the value without effect, so that drift that sets values to null keeps a truth.
    """
    logit = _INTERCEPT + np.interp(_numbers(frame["Age"], 38.0), _AGES, _AGE_LOGITS)
    logit += frame["Geography"].map(_COUNTRY_LOGITS).fillna(0.0).to_numpy(np.float64)
    logit += np.where(frame["Gender"] == "Female", _FEMALE_LOGIT, 0.0)
    logit += np.interp(_numbers(frame["NumOfProducts"], 1.0), _PRODUCT_COUNTS, _PRODUCT_LOGITS)
    logit += _ACTIVE_LOGIT * _numbers(frame["IsActiveMember"], 0.5)
    logit += np.where(_numbers(frame["Balance"], 1.0) == 0.0, _EMPTY_ACCOUNT_LOGIT, 0.0)
    return np.asarray(expit(logit), dtype=np.float64)


class SyntheticBank:
    """``rows`` customers of the synthetic bank; the same ``seed`` gives the same ones, whatever the chunk size.

    Chunks hold the features, ``CustomerId`` and ``Exited`` of ``bank_churn``, and the columns ``TRUTH`` and ``DRAW``.

    Raises:
        UserError: the schema is not ``bank_churn``, or ``rows`` is below 1.
    """

    def __init__(self, rows: int, seed: int, *, schema: Schema | None = None, chunk_rows: int = 10_000) -> None:
        self.schema = schema or load_schema(SCHEMA)
        made = set(_TABLE)
        if self.schema.name != SCHEMA or not {*self.schema.names, self.schema.id_column} <= made:
            raise UserError(
                f"data set {self.schema.name!r} has no synthetic source, only {SCHEMA} has one; give a table with "
                "--data"
            )
        if rows < 1:
            raise UserError(f"--rows got {rows}; give the number of customers to make, 1 or more")
        self.seed = seed
        self._rows = rows
        self._chunk_rows = chunk_rows

    def __len__(self) -> int:
        return self._rows

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows in order, ``chunk_rows`` at a time."""
        for first in range(0, self._rows, self._chunk_rows):
            yield self._chunk(first, min(self._chunk_rows, self._rows - first))

    def labels(self, chunk: pd.DataFrame) -> LabelCodes:
        """Labels of a chunk as its features are now: drift that changed them moves the labels as the truth says."""
        return (chunk[DRAW].to_numpy(np.float64) < truth(chunk)).astype(np.int8)

    def _chunk(self, first: int, count: int) -> pd.DataFrame:
        def draw(column: str) -> Floats:
            return uniforms(f"{SCHEMA}/{self.seed}/{column}", first, count)

        country = np.searchsorted(np.cumsum(_COUNTRY_SHARES)[:-1], draw("Geography"), side="right")
        age = np.minimum(np.floor(18 + 5.2 * gammaincinv(4.1, draw("Age"))), 92.0)
        empty = (country != _COUNTRIES.index("Germany")) & (draw("empty") < _ZERO_BALANCE_OUTSIDE_GERMANY)
        balance = np.clip(119_828 + 30_095 * _normal(draw("Balance")), 3_000, 260_000).round(2)
        products = np.where(
            empty,
            _categories(_PRODUCTS_EMPTY_ACCOUNT, draw("NumOfProducts")),
            _categories(_PRODUCTS_OTHERS, draw("NumOfProducts")),
        )
        active = np.where(age > 70, 0.85, np.where(age > 60, 0.75, 0.505))
        chunk = pd.DataFrame(
            {
                "CustomerId": np.arange(_FIRST_ID + first, _FIRST_ID + first + count).astype(str).astype(object),
                "Geography": np.array(_COUNTRIES, dtype=object)[country],
                "Gender": np.where(draw("Gender") < _FEMALE, "Female", "Male").astype(object),
                "CreditScore": np.clip(650.5 + 96.7 * _normal(draw("CreditScore")), 350, 850).round(),
                "Age": age,
                "Tenure": np.floor(11 * draw("Tenure")),
                "Balance": np.where(empty, 0.0, balance),
                "NumOfProducts": 1.0 + products,
                "HasCrCard": (draw("HasCrCard") < 0.706).astype(np.float64),
                "IsActiveMember": (draw("IsActiveMember") < active).astype(np.float64),
                "EstimatedSalary": (11.58 + (199_992 - 11.58) * draw("EstimatedSalary")).round(2),
            }
        )
        chunk[DRAW] = draw("Exited")
        chunk[TRUTH] = truth(chunk)
        chunk[self.schema.label.column] = self.labels(chunk)
        return chunk[[self.schema.id_column, *self.schema.names, self.schema.label.column, DRAW, TRUTH]]


def write_csv(path: Path, rows: int, seed: int) -> None:
    """Write the bank as a CSV with the columns of the public table, invented surnames included.

    The file appears when it is whole: an interrupted call leaves nothing at ``path``.

    Raises:
        UserError: ``path`` cannot be written, or ``rows`` is below 1.
    """
    bank = SyntheticBank(rows, seed)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(_TABLE)
            first = 0
            for chunk in bank.chunks():
                _table(chunk, first, seed).to_csv(file, header=False, index=False)
                first += len(chunk)
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"--out {path} cannot be written: {error.strerror}; give a path in an existing folder"
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def _table(chunk: pd.DataFrame, first: int, seed: int) -> pd.DataFrame:
    whole = ["CreditScore", "Age", "Tenure", "NumOfProducts", "HasCrCard", "IsActiveMember"]
    table = chunk.astype(dict.fromkeys(whole, np.int64))
    table["RowNumber"] = np.arange(first + 1, first + len(chunk) + 1)
    pick = (uniforms(f"{SCHEMA}/{seed}/Surname", first, len(chunk)) * len(_SYLLABLES) ** 3).astype(np.int64)
    size = len(_SYLLABLES)
    table["Surname"] = [
        (_SYLLABLES[i // size**2] + _SYLLABLES[i // size % size] + _SYLLABLES[i % size]).capitalize() for i in pick
    ]
    return table[_TABLE]


def _numbers(column: "pd.Series[float]", missing: float) -> Floats:
    return np.asarray(pd.to_numeric(column, errors="coerce").fillna(missing), dtype=np.float64)


def _normal(draws: Floats) -> Floats:
    """Standard normal values from uniform ones (zero, which has no normal value, becomes a very small one)."""
    return np.asarray(ndtri(np.maximum(draws, 1e-12)), dtype=np.float64)


def _categories(shares: tuple[float, ...], draws: Floats) -> NDArray[np.intp]:
    return np.searchsorted(np.cumsum(shares)[:-1], draws, side="right")
