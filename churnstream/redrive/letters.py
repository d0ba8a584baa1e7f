"""A dead letter as it stands on its topic: why it is there, its bytes, and how often they were sent. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from contract.kafka.dead_letters import (
    CUT,
    FIRST_OFFSET,
    FIRST_PARTITION,
    FIRST_SENT,
    REDRIVEN,
    SENT,
    TIME,
    RedrivenLetters,
    header_number,
    is_mark,
)
from dashboard.stream.letters import SeenLetter, letter_of
from dashboard.stream.received import Received

_decode_mark = msgspec.json.Decoder(RedrivenLetters).decode


class StoredLetter(NamedTuple):
    """One dead letter, ``seen`` as anybody may see it, with its message's bytes.

    ``redriven``: how often the message has been sent again. ``first``: partition and offset where it stood at first.
    ``sent``: when it was sent at first, or, where nobody knows, when it was refused (ms; None: neither is known).
    ``cut``: the bytes are not all.
    """

    seen: SeenLetter
    key: bytes | None
    value: bytes | None
    redriven: int
    first: tuple[int, int]
    sent: int | None
    cut: bool


def stored_letter(message: Received) -> StoredLetter | None:
    """What a message on ``dead-letters`` is; None: no letter of ours."""
    seen = letter_of(message)
    if seen is None:
        return None
    headers = dict(message.headers)
    numbers = {name: header_number(headers.get(name)) for name in (FIRST_PARTITION, FIRST_OFFSET)}
    partition, offset = numbers[FIRST_PARTITION], numbers[FIRST_OFFSET]
    known = (header_number(headers.get(name)) for name in (FIRST_SENT, SENT, TIME))
    return StoredLetter(
        seen=seen,
        key=message.key,
        value=message.value,
        redriven=header_number(headers.get(REDRIVEN)) or 0,
        first=(seen.origin_partition, seen.origin_offset)
        if partition is None or offset is None
        else (partition, offset),
        sent=next((time for time in known if time is not None), None),
        cut=CUT in headers,
    )


def marked_letters(message: Received) -> Sequence[int]:
    """The offsets, all before its own, that a mark names as sent again; none where the message is no mark."""
    if message.key is not None or not is_mark(message.headers):
        return ()
    try:
        offsets = _decode_mark(message.value or b"").offsets
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return [offset for offset in offsets if 0 <= offset < message.offset]


class OffsetSet:
    """Offsets of one partition, a bit for each between ``first`` and the largest that was added."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._bits = bytearray()

    def add(self, offset: int) -> None:
        """Those before ``first`` are passed over."""
        byte, bit = divmod(offset - self._first, 8)
        if byte < 0:
            return
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << bit

    def __contains__(self, offset: int) -> bool:
        byte, bit = divmod(offset - self._first, 8)
        return 0 <= byte < len(self._bits) and bool(self._bits[byte] >> bit & 1)
