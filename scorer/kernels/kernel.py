"""The kernels of a schema, called with what a batch has: lists of bytes in, columns and texts out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import msgspec
import numpy as np

from contract.arrays import Floats, Integers
from contract.schema import Schema
from scorer.kernels.parse import Messages, Notes, parse
from scorer.kernels.splice import MOST_OFFSET_DIGITS, PREDICTED, PROBABILITY, splice
from scorer.kernels.tables import Bytes, packed, tables_of

NEVER = np.iinfo(np.int64).max
_SMALLEST_PLAIN = 1e-4
"""Below it, Python writes a float with an exponent and msgspec may not."""
_LONGEST_PROBABILITY = 32


@dataclass(frozen=True, eq=False)
class Taken:
    """The records of a batch that the kernel takes.

    ``columns`` (features, records) is as in ``scorer.models.columns.CheckedColumns``. ``places`` has each record's
    message. Record i stands in ``values`` from ``starts[i]`` to its last brace, at ``closes[i]``.
    """

    columns: Floats
    places: Integers
    values: Bytes
    starts: Integers
    closes: Integers

    def __len__(self) -> int:
        return len(self.places)


class Texts(Sequence[bytes]):
    """Texts that stand one after another in one, which ``ends`` parts; each is cut out when it is asked for.

    Whoever takes them one by one has each in the same memory, which is in the processor's cache. As many objects at a
    time as a batch has would take memory from the system anew for each batch, and that takes longer than to fill it.
    """

    def __init__(self, text: bytes, ends: Sequence[int]) -> None:
        self._text = text
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[bytes]:
        text, start = self._text, 0
        for end in self._ends:
            yield text[start:end]
            start = end

    @overload
    def __getitem__(self, place: int) -> bytes: ...

    @overload
    def __getitem__(self, place: slice) -> list[bytes]: ...

    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        place = range(len(self))[place]
        return self._text[self._ends[place - 1] if place else 0 : self._ends[place]]


class Kernel:
    """Reads and writes the messages of one schema. For one thread."""

    def __init__(self, schema: Schema) -> None:
        self._tables = tables_of(schema)
        features = len(schema.features)
        self._notes = Notes(np.arange(4), np.arange(features), np.zeros(4 + features, np.int64), np.zeros(1, np.int64))

    def take(self, values: Sequence[bytes | None], keys: Sequence[bytes | None], sent: Sequence[int | None]) -> Taken:
        """What it takes of the messages with these values and keys, which were sent then (ms, None: not known)."""
        count = len(values)
        text, ends = packed([value or b"" for value in values])
        key_text, key_ends = packed([key or b"" for key in keys])
        times = np.array([NEVER if time is None else time for time in sent], np.int64)
        columns = np.empty((len(self._tables.kinds), count))
        places, closes = np.empty(count, np.int64), np.empty(count, np.int64)
        messages = Messages(text, ends, key_text, key_ends, times)
        taken = parse(messages, self._tables, self._notes, columns, places, closes)
        if taken < count:
            columns, places, closes = np.ascontiguousarray(columns[:, :taken]), places[:taken], closes[:taken]
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[places]
        return Taken(columns, places, text, starts, closes)


def predictions(taken: Taken, probabilities: Floats, decisions: Integers, constant: bytes, offsets: Integers) -> Texts:
    """The values of the predictions: each record with its answer, ``constant`` and its offset."""
    if not len(taken):
        return Texts(b"", ())
    text, spans = _written(probabilities)
    between = np.frombuffer(b"," + constant, np.uint8)
    each = len(PROBABILITY) + _LONGEST_PROBABILITY + len(PREDICTED) + len(between) + MOST_OFFSET_DIGITS + 4
    out = np.empty(int((taken.closes - taken.starts).sum()) + len(taken) * each, np.uint8)
    ends = np.empty(len(taken), np.int64)
    size = splice(
        taken.values,
        taken.starts,
        taken.closes,
        text,
        spans,
        decisions,
        between,
        offsets,
        np.empty(MOST_OFFSET_DIGITS, np.uint8),
        out,
        ends,
    )
    return Texts(out[:size].tobytes(), ends.tolist())


def _written(probabilities: Floats) -> tuple[Bytes, Integers]:
    """The numbers as Python's ``repr`` writes them, and from where to where each stands (shape (n, 2))."""
    text = msgspec.json.encode(probabilities.tolist())
    written = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((written == ord(",")) | (written == ord("]")))
    spans = np.empty((len(ends), 2), np.int64)
    spans[0, 0], spans[1:, 0], spans[:, 1] = 1, ends[:-1] + 1, ends
    small = np.flatnonzero((probabilities < _SMALLEST_PLAIN) & (probabilities > 0))
    if len(small):
        others = [repr(value).encode() for value in probabilities[small].tolist()]
        lengths = np.fromiter(map(len, others), np.int64, len(others))
        spans[small, 1] = len(text) + lengths.cumsum()
        spans[small, 0] = spans[small, 1] - lengths
        # of the same type as without, because each type of array is compiled apart
        written = np.frombuffer(text + b"".join(others), np.uint8)
    return written, spans
