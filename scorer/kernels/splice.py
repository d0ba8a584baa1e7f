"""Answers put into the records that they answer: a prediction is the record's own JSON with more fields at its end."""

import numpy as np

from contract.arrays import Integers, Labels
from scorer.kernels.compiled import compiled, inlined
from scorer.kernels.tables import Bytes

PROBABILITY = np.frombuffer(b',"probability":', np.uint8)
PREDICTED = np.frombuffer(b',"predicted":', np.uint8)
MOST_OFFSET_DIGITS = 20
_CLOSE = 125


@compiled
def splice(
    values: Bytes,
    starts: Integers,
    closes: Integers,
    probabilities: Bytes,
    probability_spans: Integers,
    decisions: Labels,
    constant: Bytes,
    offsets: Integers,
    digits: Bytes,
    out: Bytes,
    ends: Integers,
) -> int:
    """Bytes written to ``out``; ``ends`` has where each prediction ends.

    Record i stands in ``values`` from ``starts[i]`` to the brace at ``closes[i]``, the text of its probability in
    ``probabilities`` from ``probability_spans[i, 0]`` to ``[i, 1]``. ``constant`` stands between decision and offset;
    ``digits`` is room for an offset's.
    """
    at = 0
    for record in range(len(starts)):
        at = _copy(values, starts[record], closes[record], out, at)
        at = _copy(PROBABILITY, 0, len(PROBABILITY), out, at)
        at = _copy(probabilities, probability_spans[record, 0], probability_spans[record, 1], out, at)
        at = _copy(PREDICTED, 0, len(PREDICTED), out, at)
        out[at] = 48 + decisions[record]
        at = _copy(constant, 0, len(constant), out, at + 1)
        left = offsets[record]
        count = 0
        while left > 0 or count == 0:
            digits[count] = 48 + left % 10
            left //= 10
            count += 1
        while count > 0:
            count -= 1
            out[at] = digits[count]
            at += 1
        out[at] = _CLOSE
        out[at + 1] = _CLOSE
        at += 2
        ends[record] = at
    return at


@inlined
def _copy(source: Bytes, start: int, stop: int, target: Bytes, at: int) -> int:
    # a signed index would be asked whether it counts from the end, byte by byte, and no vector instruction used
    first, to = np.uint64(start), np.uint64(at)
    for offset in range(np.uint64(stop) - first):
        target[to + offset] = source[first + offset]
    return at + stop - start
