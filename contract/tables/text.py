"""Delimited text tables: CSV as people have it, read in bounded memory.

Any of four delimiters, any encoding that can be told, any line ends, blank rows. A row with another number
of fields than the header is refused: a comma in a name would else move the name into a feature.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from contract.errors import UserError
from contract.tables.cells import Cells
from contract.tables.dialect import DELIMITERS, find_dialect, is_blank, not_text, not_well_formed
from contract.tables.encoding import find_encoding
from contract.tables.header import said_above


class TextTable:
    """A ``contract.tables.reading.RawTable`` of a text file."""

    parses_text = True

    def __init__(self, path: Path, wanted: Sequence[str], origin: str, encoding: str | None = None) -> None:
        self._path = path
        self._origin = origin
        self.blank_rows = 0
        try:
            self._encoding = find_encoding(path, encoding, origin)
            self._dialect = find_dialect(path, self._encoding.codec, wanted, origin)
            self.header = tuple(next(islice(self._filled(), self._dialect.above, None)))
        except OSError as error:
            raise self._unreadable(error) from None
        self.points_expected = self._dialect.delimiter == ","
        self.repairs = self._repairs()

    def _repairs(self) -> list[str]:
        found = []
        if self._dialect.delimiter != ",":
            found.append(f"its fields are separated by {DELIMITERS[self._dialect.delimiter]}, not commas")
        if self._encoding.told:
            found.append(f"it is read as text in {self._encoding.told}, not UTF-8")
        if self._dialect.padded_quotes:
            found.append("blanks around quotes are removed")
        if self._dialect.quote != '"':
            found.append("its fields are in single quotes")
        if self._dialect.escape:
            found.append("quotes inside its fields are escaped by a backslash")
        if self._dialect.wrapped:
            found.append("each of its lines is in quotes as a whole")
        if self._dialect.excess:
            found.append("empty fields at the end of its rows, beyond the header, are removed")
        found.extend(said_above(self._dialect.above))
        return found

    def chunks(self, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        """The columns at ``positions``, at most ``rows`` rows at a time, blank rows left out."""
        filled = islice(self._filled(), self._dialect.above + 1, None)
        width, excess, first = len(self.header), self._dialect.excess, 0
        while batch := list(islice(filled, rows)):
            usual = not excess and set(map(len, batch)) == {width}
            for number, row in enumerate(batch, first + 1) if not usual else ():
                if len(row) != width + excess or (excess and not is_blank(row[width:])):
                    raise UserError(
                        f"{self._origin}: data row {number} has {len(row)} fields, but the header has {width}; put "
                        "fields that contain the delimiter in quotes"
                    )
            columns = list(zip(*batch, strict=True))
            yield [columns[position] for position in positions]
            first += len(batch)

    def _filled(self) -> Iterator[list[str]]:
        self.blank_rows = 0
        blank = 0  # those at the end of the file are nobody's business
        try:
            for row in self._dialect.rows(self._path):
                if not (row and row[0].strip()) and is_blank(row):  # most rows are told by their first field
                    blank += 1
                    continue
                self.blank_rows, blank = self.blank_rows + blank, 0
                yield row
        except UnicodeDecodeError:
            raise not_text(self._origin) from None
        except csv.Error:
            raise not_well_formed(self._origin) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError) -> UserError:
        return UserError(f"{self._origin} cannot be read: {error.strerror}; give a readable file")
