"""Customer records to columns: what the record type of ``contract.records`` and the checks of key and time take.

A record is taken or declined. Fields may stand in any order, with white space around them. Declined is what is not
valid, and what is not certain or not worth the lines: escapes in ids, fields that are there twice, a text that is none
of the schema's categories, and numbers as in ``numbers``.
"""

from typing import NamedTuple

import numpy as np

from contract.arrays import Floats, Integers
from contract.bounds import LONGEST_IDENTIFIER
from contract.rejection import EARLIEST_EVENT_TIME, FUTURE_TOLERANCE_MS, LATEST_EVENT_TIME
from contract.topics import MAX_VALUE_BYTES
from scorer.kernels.compiled import compiled, inlined
from scorer.kernels.numbers import number
from scorer.kernels.tables import CATEGORY, CUSTOMER_ID, EVENT_TIME, RECORD_ID, WHOLE, Bytes, Tables

_QUOTE, _BACKSLASH, _COMMA, _COLON, _OPEN, _CLOSE, _SPACE = 34, 92, 44, 58, 123, 125, 32
_FIELDS = 4


class Messages(NamedTuple):
    """Values and keys of some messages one after another, where each ends, and when each was sent (ms).

    ``sent`` is the largest integer where that is not known.
    """

    values: Bytes
    ends: Integers
    keys: Bytes
    key_ends: Integers
    sent: Integers


class Notes(NamedTuple):
    """What the loop keeps beside its results.

    ``fields`` and ``names`` have the order in which the last record had its fields and features, by number, which saves
    looking and changes no result. ``seen`` has for each field, and then for each feature, the number of the last
    message that had it, counted in ``number``.
    """

    fields: Integers
    names: Integers
    seen: Integers
    number: Integers


@compiled
def parse(messages: Messages, tables: Tables, notes: Notes, columns: Floats, places: Integers, closes: Integers) -> int:
    """The number of records taken, k.

    ``columns`` (features, messages) has them from the left, as ``CheckedColumns``; ``places`` has which message each
    is, and ``closes`` where in ``values`` its last brace stands.
    """
    taken = 0
    start = 0
    key = 0
    for place in range(len(messages.ends)):
        end = messages.ends[place]
        key_end = messages.key_ends[place]
        notes.number[0] += 1
        close = _record(messages, start, end, key, key_end, messages.sent[place], tables, notes, columns, taken)
        if close >= 0:
            places[taken] = place
            closes[taken] = close
            taken += 1
        start = end
        key = key_end
    return taken


@inlined
def _record(
    messages: Messages,
    at: int,
    end: int,
    key: int,
    key_end: int,
    sent: int,
    tables: Tables,
    notes: Notes,
    columns: Floats,
    column: int,
) -> int:
    """Where the record's last brace stands, or -1 where it is declined."""
    text = messages.values
    if end - at > MAX_VALUE_BYTES:
        return -1
    at = _skip(text, at, end)
    if at >= end or text[at] != _OPEN:
        return -1
    mark = notes.number[0]
    for turn in range(_FIELDS):
        at = _skip(text, at + 1, end)
        field = _find(text, at, end, tables.fields, tables.fields_at, notes.fields, turn, 0, _FIELDS)
        if field < 0 or notes.seen[field] == mark:
            return -1
        notes.seen[field] = mark
        at = _after_colon(text, at + tables.fields_at[field + 1] - tables.fields_at[field], end)
        if at < 0:
            return -1
        if field == RECORD_ID:
            at = _identifier(text, at, end)
            if at < 0:
                return -1
        elif field == CUSTOMER_ID:
            start = at + 1
            at = _identifier(text, at, end)
            if at < 0 or not _same(text, start, at - 1, messages.keys, key, key_end):
                return -1
        elif field == EVENT_TIME:
            at, time = number(text, at, end)
            if at < 0 or not EARLIEST_EVENT_TIME <= time <= LATEST_EVENT_TIME or time != np.floor(time):
                return -1
            if np.int64(time) - FUTURE_TOLERANCE_MS > sent:
                return -1
        else:
            at = _features(text, at, end, tables, notes, columns, column)
            if at < 0:
                return -1
        at = _skip(text, at, end)
        if at >= end or text[at] != (_CLOSE if turn == _FIELDS - 1 else _COMMA):
            return -1
    return at if _skip(text, at + 1, end) == end else -1


@inlined
def _features(
    text: Bytes,
    at: int,
    end: int,
    tables: Tables,
    notes: Notes,
    columns: Floats,
    column: int,
) -> int:
    """Where the object of features ends, or -1."""
    if at >= end or text[at] != _OPEN:
        return -1
    count = len(tables.kinds)
    mark = notes.number[0]
    there = 0
    while there < count:
        at = _skip(text, at + 1, end)
        name = _find(text, at, end, tables.names, tables.names_at, notes.names, there, 0, len(tables.name_of))
        if name < 0:
            return -1
        feature = tables.name_of[name]
        if notes.seen[_FIELDS + feature] == mark:
            return -1
        notes.seen[_FIELDS + feature] = mark
        there += 1
        at = _after_colon(text, at + tables.names_at[name + 1] - tables.names_at[name], end)
        if at < 0:
            return -1
        if at + 4 <= end and text[at] == 110:
            if not tables.missing[feature] or text[at + 1] != 117 or text[at + 2] != 108 or text[at + 3] != 108:
                return -1
            columns[feature, column] = np.nan
            at += 4
        elif tables.kinds[feature] == CATEGORY:
            first = tables.categories_of[feature]
            last = tables.categories_of[feature + 1]
            found = _find(text, at, end, tables.categories, tables.categories_at, notes.names, -1, first, last)
            if found < 0:
                return -1
            columns[feature, column] = tables.place_of[found]
            at += tables.categories_at[found + 1] - tables.categories_at[found]
        else:
            at, value = number(text, at, end)
            if at < 0 or not tables.low[feature] <= value <= tables.high[feature]:
                return -1
            if tables.kinds[feature] == WHOLE and value != np.floor(value):
                return -1
            columns[feature, column] = value
        at = _skip(text, at, end)
        if at >= end:
            return -1
        if text[at] == _CLOSE:
            break
        if text[at] != _COMMA:
            return -1
    if at >= end or text[at] != _CLOSE:
        return -1
    if there < count:
        for feature in range(count):
            if notes.seen[_FIELDS + feature] != mark:
                if not tables.missing[feature]:
                    return -1
                columns[feature, column] = np.nan
    return at + 1


@inlined
def _find(
    text: Bytes,
    at: int,
    end: int,
    literals: Bytes,
    literals_at: Integers,
    hints: Integers,
    turn: int,
    first: int,
    last: int,
) -> int:
    """Which of the literals from ``first`` to ``last`` (not included) stands at ``at``, or -1.

    The one that ``hints`` has for this ``turn``, unless that is -1, is tried before the others.
    """
    if turn >= 0:
        hinted: int = hints[turn]
        if _same_start(text, at, end, literals, literals_at[hinted], literals_at[hinted + 1]):
            return hinted
    for literal in range(first, last):
        if _same_start(text, at, end, literals, literals_at[literal], literals_at[literal + 1]):
            if turn >= 0:
                hints[turn] = literal
            return literal
    return -1


@inlined
def _identifier(text: Bytes, at: int, end: int) -> int:
    """Behind the closing quote of a text of 1 to ``LONGEST_IDENTIFIER`` characters without escapes, or -1."""
    if at >= end or text[at] != _QUOTE:
        return -1
    at += 1
    characters = 0
    while at < end:
        byte = text[at]
        if byte == _QUOTE:
            return at + 1 if 0 < characters <= LONGEST_IDENTIFIER else -1
        if byte < _SPACE or byte == _BACKSLASH:
            return -1
        length = 1 if byte < 128 else _character(text, at, end)
        if length < 0:
            return -1
        at += length
        characters += 1
    return -1


@compiled
def _character(text: Bytes, at: int, end: int) -> int:
    """Bytes of the character beyond ASCII at ``at``, or -1 where it is no UTF-8 (Unicode 15, table 3-7)."""
    byte = text[at]
    low, high = 128, 191
    if 194 <= byte <= 223:
        length = 2
    elif 224 <= byte <= 239:
        length = 3
        if byte == 224:
            low = 160
        elif byte == 237:
            high = 159
    elif 240 <= byte <= 244:
        length = 4
        if byte == 240:
            low = 144
        elif byte == 244:
            high = 143
    else:
        return -1
    if at + length > end or not low <= text[at + 1] <= high:
        return -1
    for more in range(at + 2, at + length):
        if not 128 <= text[more] <= 191:
            return -1
    return length


@inlined
def _skip(text: Bytes, at: int, end: int) -> int:
    """Where what is no white space begins."""
    while at < end and (text[at] == 32 or text[at] == 10 or text[at] == 13 or text[at] == 9):
        at += 1
    return at


@inlined
def _after_colon(text: Bytes, at: int, end: int) -> int:
    """Where the value begins whose name ended at ``at``, or -1."""
    at = _skip(text, at, end)
    if at >= end or text[at] != _COLON:
        return -1
    return _skip(text, at + 1, end)


@inlined
def _same_start(text: Bytes, at: int, end: int, literal: Bytes, start: int, stop: int) -> bool:
    if end - at < stop - start:
        return False
    # a signed index would be asked whether it counts from the end
    here, first = np.uint64(at), np.uint64(start)
    for offset in range(np.uint64(stop) - first):  # noqa: SIM110 (a generator is not compiled)
        if text[here + offset] != literal[first + offset]:
            return False
    return True


@inlined
def _same(text: Bytes, at: int, end: int, other: Bytes, start: int, stop: int) -> bool:
    return end - at == stop - start and _same_start(text, at, end, other, start, stop)
