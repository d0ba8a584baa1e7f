"""How a text table is written: its delimiter, its quotes and what stands above its header, told from its first lines.

The delimiter is the one that makes the schema's columns of the header; without a schema, the one that gives all of the
first rows the same number of fields. Nothing of the file is quoted in an error.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from contract.errors import UserError
from contract.tables.encoding import EXAMPLES
from contract.tables.header import FIRST_ROWS, header_at

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_SINGLE_QUOTED = re.compile(r"\s*'.*'\s*", re.DOTALL)
_SAMPLE = 100_000


@dataclass(frozen=True)
class Dialect:
    """``skipped`` lines stand before the table (a spreadsheet's ``sep=;``), and ``above`` filled rows over its header.

    ``quote`` stands around fields, perhaps with blanks before it; inside, it is doubled, or follows the ``escape``.
    ``wrapped``: lines stand in quotes as a whole. Rows end with ``excess`` empty fields more than the header has.
    """

    encoding: str
    delimiter: str
    skipped: int = 0
    padded_quotes: bool = False
    quote: str = '"'
    escape: str | None = None
    wrapped: bool = False
    above: int = 0
    excess: int = 0

    def rows(self, path: Path) -> Iterator[list[str]]:
        """All records, from the first on; empty lines are empty lists.

        Raises:
            csv.Error, UnicodeDecodeError, OSError: the file is not what it seems.
        """
        with path.open(encoding=self.encoding, newline="") as file:
            for _ in range(self.skipped):
                next(file)
            if not self.wrapped:
                yield from self._read(file)
                return
            for row in self._read(file):
                yield next(self._read([row[0]])) if self._is_line(row) else row

    def _read(self, lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            doublequote=self.escape is None,
            strict=True,
            skipinitialspace=self.padded_quotes,
        )

    def _is_line(self, row: list[str]) -> bool:
        """Whether a record is a line in quotes: all of it in its first field."""
        return len(row) > 0 and self.delimiter in row[0] and is_blank(row[1:])


def is_blank(row: list[str]) -> bool:
    """Whether a record holds nothing but blanks."""
    return not "".join(row).strip()


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
    if said and said[1] not in DELIMITERS:
        raise UserError(f"{origin} says in its first line that its delimiter is not {_list()}; use one of these")
    known = frozenset(wanted)
    bases = [Dialect(encoding, said[1], 1)] if said else [Dialect(encoding, each) for each in DELIMITERS]
    probes = {base.delimiter: _best_probe(path, base, known, origin) for base in bases}
    chosen = _choose({each: probe for each, probe in probes.items() if probe.rows}, known, origin)
    if chosen is None:
        empty = UserError(f"{origin} is empty; give a table with a header line and rows")
        raise not_well_formed(origin) if any(probe.malformed for probe in probes.values()) else empty
    probe = probes[chosen]
    quote = probe.dialect.quote
    padded = any(re.match(f"[ ]+{quote}", cell) for row in probe.rows for cell in row)
    above = header_at(probe.rows, known)
    return replace(probe.dialect, padded_quotes=padded, above=above, excess=_excess(probe.rows[above:]))


def not_text(origin: str) -> UserError:
    return UserError(
        f"{origin} is not text in the encoding that its first part has; give the encoding with --encoding, "
        f"such as {EXAMPLES}"
    )


def not_well_formed(origin: str) -> UserError:
    # the reader's own error may quote the file, private columns included
    return UserError(f"{origin} is not a well-formed CSV table; check its quotes and separators")


@dataclass(frozen=True)
class _DialectProbe:
    """The first filled rows under a dialect; ``malformed`` if reading ended in an error."""

    dialect: Dialect
    rows: list[list[str]]
    malformed: bool

    def fits(self, wanted: frozenset[str]) -> tuple[bool, tuple[int, ...]]:
        """To compare readings of one delimiter: the better is larger."""
        return not self.malformed, _rank(self.rows, wanted) if self.rows else ()

    @property
    def keeps_quotes(self) -> bool:
        """Whether all filled fields of a column still stand in single quotes."""
        columns = zip(*self.rows, strict=False)
        filled = ([cell for cell in column[1:] if cell] for column in columns)
        return any(len(cells) > 1 and all(map(_SINGLE_QUOTED.fullmatch, cells)) for cells in filled)


def _best_probe(path: Path, base: Dialect, wanted: frozenset[str], origin: str) -> _DialectProbe:
    """The reading with the quotes that fit best; the usual ones where no others fit better."""
    usual = best = _probe(path, base, origin)
    others = []
    if any(row and base.delimiter in row[0] and is_blank(row[1:]) for row in usual.rows):
        others.append(replace(base, wrapped=True))
    sample = _sample(path, base.encoding)
    if len(re.findall(r"(?:^|[,;|\t])[ ]*'", sample, re.MULTILINE)) > 1:
        others.append(replace(base, quote="'"))
    if usual.malformed and '\\"' in sample:
        others.append(replace(base, escape="\\"))
    for other in others:
        probe = _probe(path, other, origin)
        fits, best_fits = probe.fits(wanted), best.fits(wanted)
        if fits > best_fits or (fits == best_fits and other.quote == "'" and usual.keeps_quotes):
            best = probe
    return best


def _sample(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as file:
        return file.read(_SAMPLE)


def _probe(path: Path, dialect: Dialect, origin: str) -> _DialectProbe:
    rows: list[list[str]] = []
    try:
        rows.extend(islice((row for row in dialect.rows(path) if not is_blank(row)), FIRST_ROWS))
    except UnicodeDecodeError:
        raise not_text(origin) from None
    except csv.Error:  # what was read before it is in rows
        return _DialectProbe(dialect, rows, True)
    return _DialectProbe(dialect, rows, False)


def _choose(probes: dict[str, _DialectProbe], wanted: frozenset[str], origin: str) -> str | None:
    """The delimiter that fits best, None if there are no rows."""
    if not probes:
        return None
    ranked = {delimiter: _rank(probe.rows, wanted) for delimiter, probe in probes.items()}
    best = max(ranked.values())
    chosen = [delimiter for delimiter, rank in ranked.items() if rank == best]
    if len(chosen) > 1 or best[-1] < 2:
        raise UserError(
            f"{origin}: its first lines do not show what separates its fields ({_list()} are known); separate them by "
            "commas, and put fields that contain a comma in quotes"
        )
    return chosen[0]


def _rank(rows: list[list[str]], wanted: frozenset[str]) -> tuple[int, ...]:
    """How well a delimiter fits: columns found, or nearly, rows of one length, titles, the header's fields."""
    above = header_at(rows, wanted)
    below = rows[above:]
    header = [name.strip() for name in below[0]]
    near = {alike(name) for name in wanted} & {alike(name) for name in header}
    width = len(header) + _excess(below)
    regular = len(header) > 1 and all(len(row) == width for row in below[1:])
    # without a schema, two delimiters that both give regular rows are two readings, however many fields each gives
    fields = min(len(header), 2) if regular and not wanted else len(header)
    return len(wanted & set(header)), len(near), int(regular), -above, fields


def _excess(rows: list[list[str]]) -> int:
    """How many empty fields each of the rows has at its end that the header, the first of them, has not."""
    width = len(rows[0])
    more = {len(row) - width for row in rows[1:]}
    if len(more) != 1 or min(more) < 1 or not all(is_blank(row[width:]) for row in rows[1:]):
        return 0
    return more.pop()


def _list() -> str:
    *others, last = DELIMITERS.values()
    return f"{', '.join(others)} and {last}"
