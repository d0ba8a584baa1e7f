"""A table of a shape of its own: how it is made and written, and which draft of its schema is right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Rng = np.random.Generator
Writing = Callable[[pd.DataFrame, Path], Path]


@dataclass(frozen=True)
class RightDraft:
    """What a draft must say. ``features`` are kinds by column; ``id``, ``label`` are None where the user must decide.

    A kind of ``either`` is any. ``doubts`` are columns (or words) that some doubt must name.
    """

    id: str
    label: str | None
    positive: int | str = 1
    negative: int | str = 0
    private: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    features: Mapping[str, str] = field(default_factory=dict)
    time: str | None = None
    label_time: str | None = None
    doubts: tuple[str, ...] = ()


def as_csv(sep: str = ",", decimal: str = ".", encoding: str = "utf-8") -> Writing:
    """Write a frame as text of this dialect."""

    def write(frame: pd.DataFrame, path: Path) -> Path:
        target = path.with_suffix(".csv")
        frame.to_csv(target, index=False, sep=sep, decimal=decimal, encoding=encoding)
        return target

    return write


_PLAIN_CSV = as_csv()


def as_parquet(frame: pd.DataFrame, path: Path) -> Path:
    """Write a frame as Parquet."""
    frame.to_parquet(path.with_suffix(".parquet"), index=False)
    return path.with_suffix(".parquet")


@dataclass(frozen=True, eq=False)
class TableShape:
    """A table that ``make(rows, rng)`` makes and ``write`` writes, and its right draft."""

    name: str
    make: Callable[[int, Rng], pd.DataFrame]
    right: RightDraft
    write: Writing = _PLAIN_CSV

    def frame(self, rows: int = 1_500, seed: int = 0) -> pd.DataFrame:
        """The same for the same rows and seed."""
        return self.make(rows, np.random.default_rng(seed))

    def written(self, folder: Path, rows: int = 1_500, seed: int = 0) -> Path:
        """The file, in ``folder``."""
        return self.write(self.frame(rows, seed), folder / self.name)


def churned(rng: Rng, logit: "np.typing.NDArray[np.floating[Any]]") -> "np.typing.NDArray[np.bool_]":
    """Who left, by a logistic rule."""
    return np.asarray(rng.random(len(logit)) < 1 / (1 + np.exp(-logit)))


def days(rng: Rng, first: str, last: str, rows: int) -> pd.DatetimeIndex:
    """Days from ``first`` to ``last``, each as likely."""
    start, end = pd.Timestamp(first), pd.Timestamp(last)
    return pd.DatetimeIndex(start + pd.to_timedelta(rng.integers(0, (end - start).days + 1, rows), unit="D"))


def spread(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    """The rows in another order."""
    return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
