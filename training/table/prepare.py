"""A table as training needs it: the model's input frame, labels, and who each row is about.

Only the id, the features and the label are kept. Private and ignored columns are not, and no message quotes a value,
for in a table that is out of step a name may stand in any column.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Integers, Labels, Mask
from contract.errors import UserError
from contract.history.known import label_known_at
from contract.records import columns_frame
from contract.schema import Schema
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.reading import open_table
from contract.tables.times import EVENT_TIME, LABEL_TIME
from training.defaults import OnBadRows
from training.table.bad_rows import BadRow, find_bad_rows
from training.table.past import Past, before

MIN_ROWS = 200
MIN_ROWS_OF_CLASS = 20


@dataclass(frozen=True)
class Table:
    """Rows that the scorer would accept, with their labels.

    ``X`` is as ``contract.records.columns_frame`` makes it, ``y`` holds 0 and 1, ``customers`` the ids as text.
    ``data_hash`` is ``hash_data`` of it. ``excluded`` counts, per column, the rows left out because of it (a row may
    count for several), ``bad_rows`` names them (``bad_rows.MOST_LISTED`` cells at most, and none where it was asked not
    to); ``duplicates`` counts rows whose customer has an earlier row. ``repairs`` says what was mended on reading, one
    clause each. ``past`` says which rows were left out because they, or their labels, came later; None if there was no
    such bound. ``times`` says when each row came and ``known`` when its label was known, in ms, as
    ``contract.history.known`` has it; None where times were not read.
    """

    X: pd.DataFrame
    y: Labels
    customers: npt.NDArray[np.object_]
    data_hash: str
    rows_read: int
    excluded: dict[str, int]
    duplicates: int
    repairs: tuple[str, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()
    past: Past | None = None
    times: Integers | None = None
    known: Integers | None = None


def read_table(
    table: Path | pd.DataFrame,
    schema: Schema,
    name: str | None = None,
    *,
    on_bad_rows: OnBadRows = "report",
    options: ReadOptions = AS_FOUND,
    until: str | None = None,
    times: bool = False,
) -> Table:
    """Read a CSV, Excel or Parquet file (by ``options``), or take a frame that is called ``name`` in messages.

    A row that the scorer would reject, or that has no id or no known label, is a bad row: ``stop`` refuses the table,
    ``skip`` and ``report`` leave the row out and count it, and ``report`` names it in ``Table.bad_rows``, too. With
    ``until`` (ISO 8601, in the zone of the schema's ``time`` unless it says) only rows before it whose labels were
    known before it are taken; of the others nothing is judged. With ``until`` or ``times``, the schema's columns of
    time are read.

    Raises:
        UserError: the file cannot be read or read in more than one way, lacks a column, holds a column of another kind
            than the schema's, has labels of one class only, or too few rows; or a row is bad, and is to stop it.
    """
    if on_bad_rows not in get_args(OnBadRows):
        raise UserError(f"--on-bad-rows got {on_bad_rows!r}; give stop, skip or report")
    origin = (name or "the table") if isinstance(table, pd.DataFrame) else str(table)
    times = (times and schema.time is not None) or until is not None
    raw, repairs = _read(table, schema, origin, options, times=times)
    past = None
    if until is not None:
        raw, past = before(raw, schema, until, origin)
        repairs = (*repairs, *past.said)
    bad = find_bad_rows(raw, schema, origin)
    if bad.reasons and on_bad_rows == "stop":
        raise bad.refusal(origin)
    kept = raw[~bad.rows].reset_index(drop=True)
    y = kept[schema.label.column].to_numpy(np.int64)
    _require_both_classes(y, bad.counts, schema, origin)
    X = columns_frame(schema, [kept[feature].to_numpy() for feature in schema.names])
    customers = kept[schema.id_column].to_numpy(dtype=object)
    return Table(
        X=X,
        y=y,
        customers=customers,
        data_hash=hash_data(X, y, schema),
        rows_read=len(raw),
        excluded=bad.counts,
        duplicates=int(pd.Series(customers).duplicated().sum()),
        repairs=repairs,
        bad_rows=bad.listed() if on_bad_rows == "report" else (),
        past=past,
        times=kept[EVENT_TIME].to_numpy(np.int64) if times else None,
        known=_known(kept, y, schema) if times else None,
    )


def _known(kept: pd.DataFrame, y: Labels, schema: Schema) -> Integers:
    label_times = kept[LABEL_TIME].to_numpy(np.int64) if schema.label_time is not None else None
    return label_known_at(kept[EVENT_TIME].to_numpy(np.int64), label_times, y, schema)


def outside(rows: Table, test: Mask) -> tuple[pd.DataFrame, Labels]:
    """Features and labels of the rows that may be learned from; ``test`` masks the others."""
    return inside(rows, ~test)


def inside(rows: Table, test: Mask) -> tuple[pd.DataFrame, Labels]:
    """Features and labels of the rows that ``test`` masks."""
    return rows.X[test].reset_index(drop=True), rows.y[test]


def hash_data(X: pd.DataFrame, y: Labels, schema: Schema) -> str:
    """SHA-256 (hex) of the rows: the same for the same values in the same order, whatever file they came from.

    Columns follow one another in schema order, the label last; numbers as little-endian doubles, names as JSON.
    """
    digest = hashlib.sha256()
    for feature in schema.features:
        digest.update(f"{feature.name}:{feature.kind}\n".encode())
        column = X[feature.name].to_numpy()
        digest.update(json.dumps(list(column)).encode() if feature.is_categorical else _number_bytes(column))
    digest.update(b"label\n" + y.astype("<i8").tobytes())
    return digest.hexdigest()


def _read(
    table: Path | pd.DataFrame, schema: Schema, origin: str, options: ReadOptions, *, times: bool
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """All rows, as ``contract.tables.reading.SchemaTable.chunks`` gives them, and what was repaired."""
    opened = open_table(table, schema, origin, options=options, times=times)
    if opened.rows == 0:
        raise UserError(f"{origin} has no rows; give a table with at least {MIN_ROWS}")
    return pd.concat(list(opened.chunks()), ignore_index=True), (*opened.repairs, *opened.times_said)


def _require_both_classes(y: Labels, excluded: dict[str, int], schema: Schema, origin: str) -> None:
    left_out = f" after leaving out those that violate the schema ({describe(excluded)})" if excluded else ""
    counts = {schema.label.positive: int((y == 1).sum()), schema.label.negative: int((y == 0).sum())}
    for value, count in counts.items():
        if count == 0 and len(y):
            raise UserError(
                f"{origin}: no row has {value!r} in label column {schema.label.column!r}{left_out}, and a model can "
                f"only learn from both values; give a table with customers of both kinds"
            )
    if len(y) < MIN_ROWS or min(counts.values()) < MIN_ROWS_OF_CLASS:
        described = " and ".join(f"{count} with {value!r}" for value, count in counts.items())
        raise UserError(
            f"{origin} has {described} in label column {schema.label.column!r}{left_out}; training needs {MIN_ROWS} "
            f"rows, at least {MIN_ROWS_OF_CLASS} of each kind: give a larger table"
        )


def describe(excluded: dict[str, int]) -> str:
    """``Age: 3, Tenure: 1``."""
    return ", ".join(f"{name}: {count:,}" for name, count in excluded.items())


def _number_bytes(column: npt.NDArray[np.float64]) -> bytes:
    """Equal values as equal bytes: one NaN, one zero."""
    canonical: npt.NDArray[np.float64] = np.where(np.isnan(column), np.nan, column + 0.0)
    return canonical.astype("<f8").tobytes()
