"""How a text table is written: its encoding and its delimiter, told from its first lines.

The delimiter is the one that makes the schema's columns of the header; without a schema, the one that gives all of the
first rows the same number of fields. Nothing of the file is quoted in an error.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from contract.errors import UserError
from contract.tables.encoding import EXAMPLES

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_PADDED_QUOTE = re.compile(r'[ ]+"')
_PROBED_ROWS = 100


@dataclass(frozen=True)
class Dialect:
    """``skipped`` lines stand before the table (a spreadsheet's ``sep=;``); quotes may have blanks before them."""

    encoding: str
    delimiter: str
    skipped: int = 0
    padded_quotes: bool = False

    def rows(self, path: Path) -> Iterator[list[str]]:
        """All records, from the header on; empty lines are empty lists.

        Raises:
            csv.Error, UnicodeDecodeError, OSError: the file is not what it seems.
        """
        with path.open(encoding=self.encoding, newline="") as file:
            for _ in range(self.skipped):
                next(file)
            yield from csv.reader(file, delimiter=self.delimiter, strict=True, skipinitialspace=self.padded_quotes)


def is_blank(row: list[str]) -> bool:
    """Whether a record holds nothing but blanks."""
    return not any(cell and not cell.isspace() for cell in row)


def alike(name: str) -> str:
    """The same for names that differ in case, blanks and punctuation only."""
    return "".join(character for character in name.casefold() if character.isalnum()) or name


def find_dialect(path: Path, encoding: str, wanted: Iterable[str], origin: str) -> Dialect:
    """The dialect of a file in this encoding; its header should have the columns ``wanted`` (none if not known).

    Raises:
        UserError: the file is empty, is no text that can be read, or its delimiter cannot be told.
        OSError: it cannot be read.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            first = file.readline(1_000)
    except UnicodeDecodeError:
        raise not_text(origin) from None
    said = _SEPARATOR_LINE.fullmatch(first)
    if said:
        if said[1] not in DELIMITERS:
            raise UserError(f"{origin} says in its first line that it has another delimiter than {_list()}; use one")
        probes = {said[1]: _probe(path, Dialect(encoding, said[1], 1), origin)}
    else:
        probes = {each: _probe(path, Dialect(encoding, each), origin) for each in DELIMITERS}
    delimiter = _choose({each: probe for each, probe in probes.items() if probe.rows}, frozenset(wanted), origin)
    if delimiter is None:
        empty = UserError(f"{origin} is empty; give a table with a header line and rows")
        raise not_well_formed(origin) if any(probe.malformed for probe in probes.values()) else empty
    padded = any(_PADDED_QUOTE.match(cell) for row in probes[delimiter].rows for cell in row)
    return Dialect(encoding, delimiter, int(said is not None), padded)


def not_text(origin: str) -> UserError:
    return UserError(f"{origin} is no longer text in its encoding; give it with --encoding, such as {EXAMPLES}")


def not_well_formed(origin: str) -> UserError:
    # the reader's own error may quote the file, private columns included
    return UserError(f"{origin} is not a well-formed CSV table; check its quotes and separators")


@dataclass(frozen=True)
class _DialectProbe:
    """The first filled rows under a delimiter; ``malformed`` if reading ended in an error."""

    rows: list[list[str]]
    malformed: bool


def _probe(path: Path, dialect: Dialect, origin: str) -> _DialectProbe:
    rows: list[list[str]] = []
    try:
        rows.extend(islice((row for row in dialect.rows(path) if not is_blank(row)), _PROBED_ROWS))
    except UnicodeDecodeError:
        raise not_text(origin) from None
    except csv.Error:  # what was read before it is in rows
        return _DialectProbe(rows, True)
    return _DialectProbe(rows, False)


def _choose(probes: dict[str, _DialectProbe], wanted: frozenset[str], origin: str) -> str | None:
    """The delimiter that fits best, None if there are no rows."""
    if not probes:
        return None
    ranked = {delimiter: _rank(probe.rows, wanted) for delimiter, probe in probes.items()}
    best = max(ranked.values())
    chosen = [delimiter for delimiter, rank in ranked.items() if rank == best]
    if len(chosen) > 1 or best[-1] < 2:
        raise UserError(
            f"{origin}: it cannot be told what divides its fields ({_list()} are known), by its first lines; separate "
            f"them by commas, and put fields that hold a comma in quotes"
        )
    return chosen[0]


def _rank(rows: list[list[str]], wanted: frozenset[str]) -> tuple[int, ...]:
    """How well a delimiter fits: columns found, columns found nearly, rows of one length, fields of the header."""
    header = [name.strip() for name in rows[0]]
    near = {alike(name) for name in wanted} & {alike(name) for name in header}
    regular = len(header) > 1 and all(len(row) == len(header) for row in rows)
    # without a schema, two delimiters that both give regular rows are two readings, however many fields each gives
    fields = min(len(header), 2) if regular and not wanted else len(header)
    return len(wanted & set(header)), len(near), int(regular), fields


def _list() -> str:
    *others, last = DELIMITERS.values()
    return f"{', '.join(others)} and {last}"
