"""A table as training needs it: the model's input frame, labels, and who each row is about.

Only the id, the features and the label are read. Private and ignored columns are not even loaded, and no message quotes
a value, for in a table that is out of step a name may stand in any column.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.errors import UserError
from contract.records import columns_frame
from contract.schema import Feature, Kind, Schema

MIN_ROWS = 200
MIN_ROWS_OF_CLASS = 20
_NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]

Labels = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
OnBadRows = Literal["stop", "skip", "report"]


@dataclass(frozen=True)
class BadRow:
    """A cell for which a row is left out: the number of its data row (from 1), its column, and what is wrong."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True)
class Table:
    """Rows that the scorer would accept, with their labels.

    ``X`` is as ``contract.records.columns_frame`` makes it, ``y`` holds 0 and 1, ``customers`` the ids as text.
    ``data_hash`` is ``hash_data`` of it. ``excluded`` counts, per feature, the rows left out because of it (a row may
    count for several); ``duplicates`` counts rows whose customer has an earlier row. ``repairs`` says what was mended on
    reading, one sentence each; ``bad_rows`` names what was left out (empty where it was asked not to be told).
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


def read_table(
    table: Path | pd.DataFrame, schema: Schema, name: str | None = None, *, on_bad_rows: OnBadRows = "report"
) -> Table:
    """Read a CSV or Parquet file, or take a frame that is called ``name`` in messages.

    Raises:
        UserError: the file cannot be read, lacks a column, has a value of another kind than the schema's, has labels
            other than the schema's or of one class only, or too few rows.
    """
    if isinstance(table, pd.DataFrame):
        origin = name or "the table"
        _require_columns(list(table.columns), schema, origin)
        raw = table[_columns(schema)]
    else:
        origin = str(table)
        raw = _read_file(table, schema)
    if on_bad_rows not in ("stop", "skip", "report"):
        raise UserError(f"--on-bad-rows got {on_bad_rows!r}; give stop, skip or report")
    if raw.empty:
        raise UserError(f"{origin} has no rows; give a table with at least {MIN_ROWS}")
    return _prepare(raw.reset_index(drop=True), schema, origin)


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


def _prepare(raw: pd.DataFrame, schema: Schema, origin: str) -> Table:
    labels = _labels(raw[schema.label.column], schema, origin)
    columns: list[npt.NDArray[Any]] = [
        _names(raw[feature.name]) if feature.is_categorical else _numbers(raw[feature.name], origin)
        for feature in schema.features
    ]
    usable = {feature.name: _usable(feature, column) for feature, column in zip(schema.features, columns, strict=True)}
    keep: Mask = np.logical_and.reduce(list(usable.values()))
    excluded = {name: int((~good).sum()) for name, good in usable.items() if not good.all()}
    y = labels[keep]
    _require_both_classes(y, excluded, schema, origin)
    X = columns_frame(schema, [column[keep].tolist() for column in columns])
    customers = raw[schema.id_column].map(_identifier).to_numpy(dtype=object)[keep]
    return Table(
        X=X,
        y=y,
        customers=customers,
        data_hash=hash_data(X, y, schema),
        rows_read=len(raw),
        excluded=excluded,
        duplicates=int(pd.Series(customers).duplicated().sum()),
    )


def _columns(schema: Schema) -> list[str]:
    return [schema.id_column, *schema.names, schema.label.column]


def _read_file(path: Path, schema: Schema) -> pd.DataFrame:
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path} is neither .csv nor .parquet; give a table of one of the two kinds")
    if not path.is_file():
        raise UserError(f"{path} is no file; give the path of a CSV or Parquet table")
    try:
        return reader(path, schema)
    except UserError:
        raise
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; save it as a CSV file in UTF-8") from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty; give a table with a header line and rows") from None
    # pyarrow's errors are among these; their text may quote the file, so it is not passed on
    except (ValueError, OSError):
        raise UserError(f"{path} is not a readable {path.suffix.lower()} table; write it again") from None


def _read_csv(path: Path, schema: Schema) -> pd.DataFrame:
    _require_columns(list(pd.read_csv(path, nrows=0, index_col=False, encoding="utf-8-sig").columns), schema, str(path))
    # NA is a name like any other, and may be a country's
    nulls = {name: [""] if name in schema.categorical else _NULLS for name in _columns(schema)}
    return pd.read_csv(
        path,
        usecols=_columns(schema),
        dtype=str,
        na_values=nulls,
        keep_default_na=False,
        index_col=False,
        encoding="utf-8-sig",
    )


def _read_parquet(path: Path, schema: Schema) -> pd.DataFrame:
    import pyarrow.parquet as pq

    _require_columns(list(pq.read_schema(path).names), schema, str(path))
    # pandas' own metadata could name a private column as the index, which is then read too
    table: pd.DataFrame = pq.read_table(path, columns=_columns(schema)).to_pandas(ignore_metadata=True)
    return table


def _require_columns(found: Sequence[object], schema: Schema, origin: str) -> None:
    wanted = _columns(schema)
    missing = [column for column in wanted if column not in found]
    # the first line of a file without a header may name a person, so what was found is not shown
    if missing:
        raise UserError(
            f"{origin} has no column {', '.join(map(repr, missing))}, which schema {schema.name} needs (it needs "
            f"{', '.join(wanted)}); rename or add the column, or give another schema with --dataset"
        )


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


def _usable(feature: Feature, column: npt.NDArray[Any]) -> Mask:
    """Which values the scorer would accept."""
    present: Mask = ~pd.isna(column)
    if feature.is_categorical:
        good = np.array([isinstance(value, str) for value in column], dtype=bool)
        if feature.on_violation == "reject":
            good &= np.isin(column.astype(str), feature.categories)
    else:
        good = np.isfinite(column)
        if feature.kind is not Kind.NUMERIC:
            good &= column == np.floor(column)
        if feature.on_violation == "reject":
            good &= (column >= (-np.inf if feature.minimum is None else feature.minimum)) & (
                column <= (np.inf if feature.maximum is None else feature.maximum)
            )
    return np.asarray(np.where(present, good, feature.missing), dtype=np.bool_)


def _numbers(column: "pd.Series[Any]", origin: str) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = np.asarray(
        pd.to_numeric(column, errors="coerce").astype("Float64").to_numpy(np.float64, na_value=np.nan), dtype=np.float64
    )
    strange = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy())
    if len(strange):
        kind = "text" if isinstance(column.iloc[strange[0]], str) else f"a {type(column.iloc[strange[0]]).__name__}"
        raise UserError(
            f"{origin}: column {column.name!r} holds {kind} in data row {strange[0] + 1} ({len(strange):,} rows in "
            f"all), where a number is expected; correct the table, or make the feature categorical in the schema"
        )
    return numbers


def _names(column: "pd.Series[Any]") -> npt.NDArray[np.object_]:
    plain = column.astype(object)
    return plain.where(plain.notna(), None).to_numpy(dtype=object)


def _labels(column: "pd.Series[Any]", schema: Schema, origin: str) -> Labels:
    label = schema.label
    text = column.map(_identifier).str.strip().str.removesuffix(".0")
    positive = (text == str(label.positive)).to_numpy()
    wrong = np.flatnonzero(~positive & (text != str(label.negative)).to_numpy())
    if len(wrong):
        kind = "nothing" if pd.isna(column.iloc[wrong[0]]) else f"another {type(column.iloc[wrong[0]]).__name__}"
        raise UserError(
            f"{origin}: label column {label.column!r} holds {kind} in data row {wrong[0] + 1} ({len(wrong):,} rows in "
            f"all), where {label.positive!r} or {label.negative!r} is expected; correct the table, "
            f"or the schema's [label]"
        )
    return positive.astype(np.int64)


def _identifier(value: object) -> str:
    """A value as text: whole numbers without a fraction, truth values as 1 and 0, nothing as the empty text."""
    if pd.isna(value):  # type: ignore[call-overload]
        return ""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _number_bytes(column: npt.NDArray[np.float64]) -> bytes:
    """Equal values as equal bytes: one NaN, one zero."""
    canonical: npt.NDArray[np.float64] = np.where(np.isnan(column), np.nan, column + 0.0)
    return canonical.astype("<f8").tobytes()
