"""A table whose rows say when they happened, as a source: in order of time, each row under a name that stays.

A table is gone through three times: to find out how it is written, to look at its times, and to send its rows. Between
the last two only some 40 bytes a row are held; rows that are not in order of time are sorted by ``producer.sorting``.
A row's name is a hash of its customer and time, and of how many such rows came before it. So a table to which rows are
added, or whose rows stand in another order, gives each row the name that it had.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from contract.arrays import Integers, Mask, Unsigned
from contract.dates.columns import zone_of
from contract.errors import UserError
from contract.history.known import plausible, refuse_undated_labels
from contract.rejection import EARLIEST_EVENT_TIME, LATEST_EVENT_TIME
from contract.schema import Schema
from contract.tables import reading
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.times import EVENT_TIME, LABEL_TIME, LEAST_TIME, NO_TIME, parse_moment
from producer.sorting import sorted_chunks
from producer.sources import ALL_ROWS, CHUNK_ROWS, RECORD, RECORD_KEY, LabelCodes, RowSelection, refuse_bad_labels

_STEP = np.uint64(0x9E3779B97F4A7C15)
"""Between the draws of rows with the same key: 2^64 divided by the golden ratio, as in SplitMix64."""


@dataclass
class HistoryFacts:
    """What a table's times and labels come to. Times and delays in ms.

    ``untimed``, ``unreadable`` and ``implausible`` count rows that are left out: without a time, with something else in
    its place, or before 2000 or after 2200; ``first_untimed`` is the first of them (a data row, from 1). ``outside``
    and ``learned_from`` count those that the selection leaves out. The others are ``times``, in the table's order.

    Of these, ``unlabelled`` have no label, ``undated`` counts by label (0, 1) those whose label has no time,
    ``labels`` those that have a label, ``delays`` are the times from a record to its label where both are known.
    ``skipped`` and ``doubled`` count times that a change of the clocks left out, or showed twice.
    """

    rows: int
    untimed: int = 0
    unreadable: int = 0
    implausible: int = 0
    first_untimed: int = 0
    outside: int = 0
    learned_from: int = 0
    skipped: int = 0
    doubled: int = 0
    unlabelled: int = 0
    labels: list[int] = field(default_factory=lambda: [0, 0])
    undated: list[int] = field(default_factory=lambda: [0, 0])
    times: Integers = field(default_factory=lambda: np.array([], dtype=np.int64))
    delays: Integers = field(default_factory=lambda: np.array([], dtype=np.int64))

    @property
    def first(self) -> int:
        return int(self.times.min())

    @property
    def last(self) -> int:
        return int(self.times.max())


class HistorySource:
    """The rows of a table whose schema names a ``time``; see ``producer.sources.RowSource``.

    ``repairs`` says what is mended on reading, ``said`` how its times are read, one clause each; ``facts`` what they
    come to.

    Raises:
        UserError: the table cannot be read, holds another label than the schema's two or no row to send, or its times
            cannot be read; or of one of the two labels most have no time, and silence does not say that label.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        selection: RowSelection = ALL_ROWS,
        options: ReadOptions = AS_FOUND,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.schema = schema
        self._origin = f"--data {path}"
        self._chunk_rows = chunk_rows
        self._selection = selection
        self._table = reading.open_table(path, schema, self._origin, chunk_rows, options, times=True)
        if self._table.rows == 0:
            raise UserError(f"{self._origin} has no rows; give a table with at least one")
        if not selection.takes_other_labels:
            refuse_bad_labels(self._table, schema, self._origin)
        self.repairs = self._table.repairs
        self.said = self._table.times_said
        self.facts = HistoryFacts(self._table.rows)
        self._kept, self._keys, self._before, self._ordered = self._survey()
        if not len(self.facts.times):
            raise UserError(f"{self._origin} has no rows to send; {self._why_none()}")
        refuse_undated_labels(self.facts.undated, self.facts.labels, schema, self._origin)

    def __len__(self) -> int:
        """Number of rows that are sent."""
        return len(self.facts.times)

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows that are sent, in order of time."""
        rows = self._selected()
        return rows if self._ordered else sorted_chunks(rows, EVENT_TIME, self._chunk_rows)

    def labels(self, chunk: pd.DataFrame) -> LabelCodes:
        """The table's own labels: what was recorded does not change with injected drift."""
        return chunk[self.schema.label.column].to_numpy(np.int8)

    def _survey(self) -> tuple[Mask, Unsigned, Integers, bool]:
        """Which of the table's rows are sent, their keys, how many of each key came before, and whether they are in
        order of time."""
        facts, read, low, high = self.facts, 0, *self._bounds()
        kept: Mask = np.zeros(self._table.rows, dtype=bool)
        times: list[Integers] = []
        delays: list[Integers] = []
        keys: list[Unsigned] = []
        for chunk in self._table.chunks():
            moments = chunk[EVENT_TIME].to_numpy()
            usable = self._usable(moments, read)
            within = usable & (moments >= low) & (moments < high)
            facts.outside += int((usable & ~within).sum())
            mine = within & self._selection.customers(chunk, self.schema)
            facts.learned_from += int((within & ~mine).sum())
            kept[read : read + len(chunk)] = mine
            read += len(chunk)
            customers = chunk[self.schema.id_column].to_numpy(object)[mine]
            times.append(moments[mine])
            keys.append(_keys(customers, moments[mine]))
            delays.append(self._delays(chunk[mine]))
        readers = self._table.times
        if readers is not None:
            facts.skipped, facts.doubled = readers.skipped, readers.doubled
        facts.times = np.concatenate(times)
        facts.delays = np.concatenate(delays)
        ordered = bool((np.diff(facts.times) >= 0).all())
        joined = np.concatenate(keys)
        return kept, joined, _occurrences(joined), ordered

    def _selected(self) -> Iterator[pd.DataFrame]:
        """The rows that are sent, in the table's order, with the names they have."""
        read = sent = 0
        for chunk in self._table.chunks():
            mine = self._kept[read : read + len(chunk)]
            read += len(chunk)
            count = int(mine.sum())
            if not count:
                continue
            chosen = chunk[mine].reset_index(drop=True)
            keys, before = self._keys[sent : sent + count], self._before[sent : sent + count]
            chosen[RECORD] = [
                f"{key:016x}-{number + 1}" if number else f"{key:016x}"
                for key, number in zip(keys.tolist(), before.tolist(), strict=True)
            ]
            chosen[RECORD_KEY] = keys + before.astype(np.uint64) * _STEP
            sent += count
            yield chosen

    def _usable(self, moments: Integers, read: int) -> Mask:
        """Which of a chunk's rows have a time that a record may have; the others are counted."""
        facts = self.facts
        usable = plausible(moments)
        if not usable.all() and not facts.first_untimed:
            facts.first_untimed = read + int(np.argmin(usable)) + 1
        facts.untimed += int((moments == NO_TIME).sum())
        facts.unreadable += int(((moments != NO_TIME) & (moments < LEAST_TIME)).sum())
        facts.implausible += int(((moments >= LEAST_TIME) & ~usable).sum())
        return usable

    def _delays(self, chunk: pd.DataFrame) -> Integers:
        """Times from record to label of the rows that have both; labels are counted."""
        facts, codes = self.facts, self.labels(chunk)
        facts.unlabelled += int((codes < 0).sum())
        dated = plausible(chunk[LABEL_TIME].to_numpy()) if LABEL_TIME in chunk else np.zeros(len(chunk), dtype=bool)
        for code in (0, 1):
            facts.labels[code] += int((codes == code).sum())
            if LABEL_TIME in chunk:
                facts.undated[code] += int(((codes == code) & ~dated).sum())
        known = dated & (codes >= 0)
        if not known.any():
            return np.array([], dtype=np.int64)
        delays: Integers = chunk[LABEL_TIME].to_numpy()[known] - chunk[EVENT_TIME].to_numpy()[known]
        return delays

    def _bounds(self) -> tuple[int, int]:
        """The first event time that is sent, and the first that is not."""
        selection, time = self._selection, self.schema.time
        if time is None:
            raise UserError(f"schema {self.schema.name} has no time column; name one with --time-column")
        zone = zone_of(time)
        low = EARLIEST_EVENT_TIME if selection.since is None else parse_moment(selection.since, zone, "--since")
        high = LATEST_EVENT_TIME + 1 if selection.until is None else parse_moment(selection.until, zone, "--until")
        if low >= high:
            raise UserError(
                f"--since {selection.since} is not before --until {selection.until}, so no record can match; give a "
                "later --until"
            )
        return low, high

    def _why_none(self) -> str:
        facts = self.facts
        untimed = facts.untimed + facts.unreadable + facts.implausible
        counts = (
            (untimed, f"{untimed:,} have no usable time"),
            (facts.outside, f"{facts.outside:,} lie outside --since and --until"),
            (facts.learned_from, f"{facts.learned_from:,} belong to customers that training learns from"),
        )
        return f"of {facts.rows:,} rows {', '.join(text for count, text in counts if count)}"


def _keys(customers: "np.ndarray[Any, Any]", times: Integers) -> Unsigned:
    """A hash of each row's customer and time."""
    return np.array(
        [
            int.from_bytes(hashlib.blake2b(f"{time}|{customer}".encode(), digest_size=8).digest())
            for customer, time in zip(customers.tolist(), times.tolist(), strict=True)
        ],
        dtype=np.uint64,
    )


def _occurrences(keys: Unsigned) -> Integers:
    """How many equal keys stand before each."""
    order = np.argsort(keys, kind="stable")
    arranged = keys[order]
    numbers = np.arange(len(keys), dtype=np.int64)
    begins = np.concatenate([[True], arranged[1:] != arranged[:-1]]) if len(keys) else np.array([], dtype=bool)
    before = np.empty(len(keys), dtype=np.int64)
    before[order] = numbers - np.maximum.accumulate(np.where(begins, numbers, 0))
    return before
