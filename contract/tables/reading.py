"""Tables as people have them, under a schema: what training and the replay read, in bounded memory.

A table is gone through once when it is opened, so that what cannot be read is refused before anything is made of it and
what is repaired can be told; then its rows come in chunks. Columns that the schema calls private or ignored are never
kept, and no message quotes a cell, for in a table that is out of step a name may stand in any column.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from contract.errors import UserError
from contract.schema import ROW_NUMBER, Feature, Schema
from contract.tables.cells import OTHER_LABEL, Cells, identifiers, label_codes, names, numbers, stripped
from contract.tables.columns import find_columns
from contract.tables.content import kind_of
from contract.tables.decimal_mark import DecimalMark
from contract.tables.forms import IdForms, NumberForms, file_repairs, forms_of, repairs
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.parquet import FrameTable, ParquetTable
from contract.tables.text import TextTable
from contract.tables.times import TimeReaders
from contract.tables.workbooks.excel import ExcelTable
from contract.tables.workbooks.old_excel import OldExcelTable

CHUNK_ROWS = 10_000


class RawTable(Protocol):
    """A file's cells, before a schema says what they mean.

    ``header`` has the columns' names as they stand. ``parses_text``: whether text may be a number; ``points_expected``:
    whether ``1.234`` is surely a decimal. ``repairs``: what is not as in a CSV file in UTF-8, one clause each.
    ``blank_rows`` counts those left out by the last pass over ``chunks``.
    """

    header: tuple[str, ...]
    parses_text: bool
    points_expected: bool
    repairs: list[str]
    blank_rows: int

    def chunks(self, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        """The columns at ``positions`` and no others, at most ``rows`` rows at a time; the same ones each time."""
        ...


def open_raw(path: Path, wanted: Sequence[str], origin: str, options: ReadOptions = AS_FOUND) -> RawTable:
    """A file's cells, by what it holds; ``wanted`` are the columns looked for, which tell a delimiter.

    Raises:
        UserError: there is no such file, it is of another kind, or cannot be read; ``options`` do not fit it.
    """
    try:
        kind, told = kind_of(path, origin)
    except OSError as error:
        raise UserError(f"{origin} cannot be read: {error.strerror}; give a readable file") from None
    is_workbook = kind in ("workbook", "old workbook")
    if options.sheet is not None and not is_workbook:
        raise UserError(f"{origin} is not a workbook and has no sheets; leave out --sheet")
    if options.encoding is not None and kind != "text":
        raise UserError(f"{origin} is not a text file and states its own encoding; leave out --encoding")
    table: RawTable
    if kind == "text":
        table = TextTable(path, wanted, origin, options.encoding)
    elif kind == "parquet":
        table = ParquetTable(path, origin)
    else:
        reader = ExcelTable if kind == "workbook" else OldExcelTable
        table = reader(path, wanted, origin, options.sheet)
    table.repairs[:0] = told
    return table


def open_table(
    table: Path | pd.DataFrame,
    schema: Schema,
    origin: str,
    chunk_rows: int = CHUNK_ROWS,
    options: ReadOptions = AS_FOUND,
    *,
    times: bool = False,
) -> "SchemaTable":
    """A file's or a frame's rows under a schema, with its columns of time where ``times``.

    ``origin`` names it in messages. A frame has no ``options``.

    Raises:
        UserError: it cannot be read, lacks a column of the schema or has it twice, has a row of another length, or
            numbers, ids or times that can be read in more than one way.
    """
    readers = TimeReaders(schema, origin) if times else None
    wanted = [schema.id_column, *(feature.table_column for feature in schema.features), schema.label.column]
    named = [column for column in wanted if column != ROW_NUMBER]
    raw = FrameTable(table) if isinstance(table, pd.DataFrame) else open_raw(table, named, origin, options)
    return SchemaTable(_NumberedRows(raw) if named != wanted else raw, schema, origin, chunk_rows, readers)


class _NumberedRows:
    """A ``RawTable`` with one column more, before the others: the number of each row."""

    def __init__(self, raw: RawTable) -> None:
        self._raw = raw
        self.header = (ROW_NUMBER, *raw.header)
        self.parses_text, self.points_expected, self.repairs = raw.parses_text, raw.points_expected, raw.repairs
        self.blank_rows = 0

    def chunks(self, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        """As its own; the column in front is text."""
        first = 1
        for chunk in self._raw.chunks([position - 1 for position in positions if position], rows):
            cells = iter(chunk)
            numbered = [str(number) for number in range(first, first + len(chunk[0]))]
            first += len(numbered)
            yield [next(cells) if position else numbered for position in positions]
        self.blank_rows = self._raw.blank_rows


class SchemaTable:
    """A table that has been gone through once. ``rows`` counts its rows, blank ones left out.

    ``repairs`` says what was mended, one clause each; ``bad_label`` is the first data row (from 1) whose label is
    neither of the two values, if there is one; ``unlabelled`` counts rows without one of these. ``times`` reads its
    columns of time.
    """

    def __init__(
        self, raw: RawTable, schema: Schema, origin: str, chunk_rows: int, times: TimeReaders | None = None
    ) -> None:
        self._raw = raw
        self._schema = schema
        self._origin = origin
        self._chunk_rows = chunk_rows
        self.times = times
        found = find_columns(raw.header, schema, origin, times.columns if times else ())
        self._positions = found.positions
        self._columns = [schema.id_column, *(f.table_column for f in schema.features), schema.label.column]
        self._features: list[Feature | None] = [None, *schema.features, None]
        self._ids = IdForms()
        self._forms = [self._ids, *(forms_of(f, raw.parses_text) for f in schema.features), NumberForms()]
        self.rows = 0
        self.bad_label: int | None = None
        self.unlabelled = 0
        self._marks = self._look_through()
        self._mark = self._marks.decide(origin, point_expected=raw.points_expected)
        self._refuse_unlike()
        self._ids.refuse_doubtful(schema.id_column, origin)
        self.repairs = (*raw.repairs, *found.repairs, *self._repairs())

    @property
    def times_said(self) -> tuple[str, ...]:
        """How each column of times is read, one clause each."""
        return tuple(reader.said for reader in self.times.readers.values()) if self.times is not None else ()

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows in order, at most ``chunk_rows`` at a time, columns named as the schema names them.

        The id is text (empty where there is none). Numeric, ordinal and flag features are float64 with NaN for nothing,
        or object where some cell is no number, which then stands among the floats as it is; categorical ones are object
        with None for nothing. The label is int8, as ``contract.tables.cells.label_codes`` gives it. Times are int64, as
        ``contract.tables.times.Moments`` has them, in columns ``EVENT_TIME`` and ``LABEL_TIME``.
        """
        schema, parse, marks = self._schema, self._raw.parses_text, self._marks
        if self.times is not None:
            self.times.begin()
        for raw in self._raw.chunks(self._positions, self._chunk_rows):
            customers, *cells, labels = raw[: len(self._columns)]
            columns: dict[str, Any] = {schema.id_column: identifiers(stripped(customers), self._ids.whole_floats)}
            for feature, values in zip(schema.features, cells, strict=True):
                columns[feature.name] = (
                    names(stripped(values), feature)
                    if feature.is_categorical
                    else numbers(_typed(values), feature.kind, self._mark, parse, marks.dress(feature.table_column))
                )
            columns[schema.label.column] = label_codes(stripped(labels), schema.label)
            if self.times is not None:
                read = self.times.read(raw[len(self._columns) :])
                columns |= {name: moments.times for name, moments in read.items()}
            yield pd.DataFrame(columns)

    def _look_through(self) -> DecimalMark:
        marks = DecimalMark()
        for raw in self._raw.chunks(self._positions, self._chunk_rows):
            parts = zip(self._columns, self._features, self._forms, raw[: len(self._columns)], strict=True)
            for column, feature, seen, cells in parts:
                if isinstance(cells, np.ndarray) and (feature is not None or cells.dtype.kind != "f"):
                    continue
                texts = stripped(cells)
                seen.look(list(cells), texts)
                if feature is not None and not feature.is_categorical and self._raw.parses_text:
                    marks.look(column, texts, self.rows, _reach(feature))
            self._look_at_labels(raw[len(self._columns) - 1])
            if self.times is not None:
                self.times.look(raw[len(self._columns) :])
            self.rows += len(raw[0])
        for reader in self.times.readers.values() if self.times and self.rows else ():
            reader.decide()
        return marks

    def _refuse_unlike(self) -> None:
        for column in self._columns:
            trouble = self._marks.trouble(column)
            if trouble:
                raise UserError(f"{self._origin}: column {column!r} {trouble}")

    def _look_at_labels(self, cells: Cells) -> None:
        codes = label_codes(stripped(cells), self._schema.label)
        self.unlabelled += int((codes < 0).sum())
        if self.bad_label is None and (codes == OTHER_LABEL).any():
            self.bad_label = self.rows + int(np.argmax(codes == OTHER_LABEL)) + 1

    def _repairs(self) -> list[str]:
        said = file_repairs(self._raw.blank_rows, self._mark)
        return [*said, *self._marks.clauses(), *repairs(self._columns, self._forms)]


def _reach(feature: Feature) -> float | None:
    """The largest size that the schema admits of a number."""
    ends = [abs(end) for end in (feature.minimum, feature.maximum) if end is not None]
    return max(ends) if ends else None


def _typed(cells: Cells) -> Cells:
    return cells if isinstance(cells, np.ndarray) else stripped(cells)
