"""Tables as sources of rows: CSV and Parquet files, read in bounded memory.

A source yields a table's rows in order, as chunks of a few thousand. Columns that the schema calls private or ignored
are never read, so they can reach no topic, no log and no error. Nothing else is judged here: a value that the schema
forbids is passed on as it is, and the scorer dead-letters it.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.errors import UserError
from contract.schema import Schema

Labels = NDArray[np.int8]
CHUNK_ROWS = 10_000

_NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


class Source(Protocol):
    """Rows of a data set, in the order in which they are to be sent.

    A chunk is a frame with the id column (str), the schema's features and the label column (0 or 1). Numeric, ordinal
    and flag features are float64 with NaN for a missing value, or object where some value is not a number; categorical
    ones are object, with None for a missing value.
    """

    @property
    def schema(self) -> Schema: ...

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows, from the first; the same ones each time."""
        ...

    def labels(self, chunk: pd.DataFrame) -> Labels:
        """What became of a chunk's customers, whose features may have been changed by drift since it was made."""
        ...


def open_table(path: Path, schema: Schema, chunk_rows: int = CHUNK_ROWS) -> "TableSource":
    """The source of a file, by its suffix: ``.csv`` or ``.parquet``.

    Reads the id and label columns once, so that a table that cannot be replayed is refused before anything is sent.

    Raises:
        UserError: there is no such file, it is neither CSV nor Parquet, cannot be read, is empty, lacks a column of the
            schema, or holds a label that is neither of the two values.
    """
    kinds: dict[str, type[TableSource]] = {".csv": CsvSource, ".parquet": ParquetSource}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise UserError(f"--data {path} is neither .csv nor .parquet; give a table of one of the two kinds")
    if not path.is_file():
        raise UserError(f"--data {path} is no file; give the path of a CSV or Parquet table")
    return kind(path, schema, chunk_rows)


class TableSource:
    """What CSV and Parquet sources share. ``open_table`` makes the right one."""

    def __init__(self, path: Path, schema: Schema, chunk_rows: int = CHUNK_ROWS) -> None:
        self.path = path
        self.schema = schema
        self._chunk_rows = chunk_rows
        self._refuse_missing_columns(self._header())
        self._rows = self._count()
        if self._rows == 0:
            raise UserError(f"--data {path} has no rows; give a table with at least one")

    def __len__(self) -> int:
        return self._rows

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows in order, at most ``chunk_rows`` at a time."""
        schema = self.schema
        first = 0
        for raw in self._read([schema.id_column, *schema.names, schema.label.column]):
            columns: dict[str, Any] = {schema.id_column: _identifiers(raw[schema.id_column])}
            for feature in schema.features:
                convert = _categorical if feature.is_categorical else self._numeric
                columns[feature.name] = convert(raw[feature.name])
            columns[schema.label.column] = self._labels(raw[schema.label.column], first)
            first += len(raw)
            yield pd.DataFrame(columns)

    def labels(self, chunk: pd.DataFrame) -> Labels:
        """The table's own labels: what was recorded does not change with injected drift."""
        return chunk[self.schema.label.column].to_numpy(np.int8)

    def _header(self) -> Sequence[str]:
        raise NotImplementedError

    def _read(self, columns: list[str]) -> Iterator[pd.DataFrame]:
        """Chunks of the given columns and no others, values as the file has them, null as None or NaN."""
        raise NotImplementedError

    def _numeric(self, column: "pd.Series[Any]") -> "pd.Series[Any]":
        """Float64 where every value is a number or missing, else object with what is no number left as it is."""
        raise NotImplementedError

    def _count(self) -> int:
        """Rows in the table, each found to have a label and to be readable."""
        rows = 0
        for raw in self._read([self.schema.id_column, self.schema.label.column]):
            self._labels(raw[self.schema.label.column], rows)
            rows += len(raw)
        return rows

    def _labels(self, column: "pd.Series[Any]", first: int) -> Labels:
        label = self.schema.label
        texts = {value: _label_text(value) for value in column.unique()}
        text = column.map(texts)
        positive, negative = text == str(label.positive), text == str(label.negative)
        wrong = np.flatnonzero(~(positive | negative).to_numpy())
        if len(wrong):
            kind = "nothing" if pd.isna(column.iloc[wrong[0]]) else "another value"
            raise UserError(
                f"--data {self.path}: column {label.column!r} holds {kind} in data row {first + wrong[0] + 1}, where "
                f"{label.positive!r} or {label.negative!r} is expected; correct the table, or the schema's [label]"
            )
        return positive.to_numpy().astype(np.int8)

    def _refuse_missing_columns(self, header: Sequence[str]) -> None:
        schema = self.schema
        wanted = [schema.id_column, *schema.names, schema.label.column]
        missing = [column for column in wanted if column not in header]
        if not missing:
            return
        # a file without a header shows its first row here, which may name a person: then nothing of it is shown
        if len(missing) * 2 > len(wanted):
            raise UserError(
                f"--data {self.path} has {len(wanted) - len(missing)} of the {len(wanted)} columns of schema "
                f"{schema.name} in its first line; give a table with a header line that names "
                f"{', '.join(wanted)}, separated by commas"
            )
        raise UserError(
            f"--data {self.path} has no column {', '.join(map(repr, missing))}, which schema {schema.name} needs; "
            f"it has {', '.join(header)}; rename the column, or give another schema with --dataset"
        )


class CsvSource(TableSource):
    """A CSV file in UTF-8 with a header line, read ``chunk_rows`` lines at a time."""

    def _header(self) -> Sequence[str]:
        try:
            return list(pd.read_csv(self.path, nrows=0, index_col=False, encoding="utf-8-sig").columns)
        except (ValueError, OSError) as error:
            raise self._unreadable(error) from None

    def _read(self, columns: list[str]) -> Iterator[pd.DataFrame]:
        named = {feature.name for feature in self.schema.features if feature.is_categorical}
        nulls = {column: [""] if column in named else _NULLS for column in columns}
        try:
            with pd.read_csv(
                self.path,
                usecols=columns,
                dtype=str,
                na_values=nulls,
                keep_default_na=False,
                index_col=False,
                encoding="utf-8-sig",
                chunksize=self._chunk_rows,
            ) as reader:
                yield from reader
        except (ValueError, OSError) as error:
            raise self._unreadable(error) from None

    def _count(self) -> int:
        # pandas lets rows of another length pass, and a comma in a name would move the name into a feature
        rows = 0
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, strict=True)
                header = next(reader)
                label = header.index(self.schema.label.column)
                filled = (row for row in reader if row)
                while batch := list(islice(filled, self._chunk_rows)):
                    for number, row in enumerate(batch, rows + 1):
                        if len(row) != len(header):
                            raise UserError(
                                f"--data {self.path}: data row {number} has {len(row)} fields where the header has "
                                f"{len(header)}; put fields that hold a comma in quotes"
                            )
                    self._labels(pd.Series([row[label] or None for row in batch], dtype=object), rows)
                    rows += len(batch)
        except (ValueError, OSError, csv.Error) as error:
            raise self._unreadable(error) from None
        return rows

    def _numeric(self, column: "pd.Series[Any]") -> "pd.Series[Any]":
        return _with_strangers(pd.to_numeric(column, errors="coerce").astype(np.float64), column)

    def _unreadable(self, error: Exception) -> UserError:
        # the error itself may quote the file, private columns included
        if isinstance(error, UnicodeDecodeError):
            return UserError(f"--data {self.path} is not UTF-8 text; save it as a CSV file in UTF-8")
        if isinstance(error, pd.errors.EmptyDataError):
            return UserError(f"--data {self.path} is empty; give a CSV table with a header line and rows")
        if isinstance(error, OSError):
            return UserError(f"--data {self.path} cannot be read: {error.strerror}; give a readable file")
        return UserError(f"--data {self.path} is not a well-formed CSV table; check its quotes and separators")


class ParquetSource(TableSource):
    """A Parquet file, read ``chunk_rows`` rows at a time; memory is bounded by a row group's pages."""

    def _header(self) -> Sequence[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return list(pq.read_schema(self.path).names)
        except (pa.ArrowException, OSError):
            raise self._unreadable() from None

    def _read(self, columns: list[str]) -> Iterator[pd.DataFrame]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(self._chunk_rows, columns=columns):
                    yield pd.DataFrame({name: _values(batch.column(name)) for name in columns})
        except (pa.ArrowException, OSError):
            raise self._unreadable() from None

    def _numeric(self, column: "pd.Series[Any]") -> "pd.Series[Any]":
        if column.dtype != object:
            return column.astype(np.float64)
        numbers = column.map(lambda value: float(value) if isinstance(value, int | float) else np.nan)
        return _with_strangers(numbers.astype(np.float64), column)

    def _unreadable(self) -> UserError:
        return UserError(f"--data {self.path} is not a readable Parquet file; write it again, or give a CSV file")


def _values(column: Any) -> "pd.Series[Any]":
    """A Parquet column's values as Python's own kinds; numbers without gaps stay an array."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        if column.null_count == 0:
            return pd.Series(column.to_numpy(zero_copy_only=False))
        return pd.Series(column.to_pylist(), dtype=object)
    return pd.Series(column.to_pylist(), dtype=object)


def _identifiers(column: "pd.Series[Any]") -> "pd.Series[str]":
    return column.map(_text).astype(object)


def _text(value: object) -> str:
    """A value as an identifier: whole numbers without a fraction, nothing as the empty text."""
    if value is None or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _label_text(value: object) -> str:
    """A label as text, so that 1, 1.0, True and "1" are one value whatever the file's column type."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    text = _text(value).strip()
    return text.removesuffix(".0") if text in ("0.0", "1.0") else text


def _with_strangers(numbers: "pd.Series[Any]", column: "pd.Series[Any]") -> "pd.Series[Any]":
    """``numbers``, where NaN stands for a value of ``column`` that is no number with that value back in its place."""
    strange = column.notna() & numbers.isna()
    return numbers.astype(object).where(~strange, column) if strange.any() else numbers


def _categorical(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype(object).where(column.notna(), None)
