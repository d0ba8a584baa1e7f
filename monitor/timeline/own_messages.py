"""What is on the monitor's own topics, decoded; what is not ours is skipped, counted and named in the log.

One message that cannot be used must not stop all windows. Fields that a later release adds are passed over.
"""

import logging
import time
from typing import Generic, TypeVar

import msgspec

from contract.panes import Pane, PaneMessage

Own = TypeVar("Own")
_log = logging.getLogger("churnstream.timeline")
_SECONDS_BETWEEN_LINES = 10.0
_LONGEST_FLAW = 200


class OwnMessages(Generic[Own]):
    """The messages of one topic that have one partition. ``skipped`` counts those that could not be used."""

    def __init__(self, topic: str, kind: type[Own]) -> None:
        """``topic`` is the full name, for the log."""
        self.skipped = 0
        self._quiet_until = 0.0
        self._topic = topic
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, value: bytes | None, offset: int) -> Own | None:
        """The message with this value; None if it is none of ours."""
        try:
            message = self._decode(value or b"")
            flaw = _flaw(message)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            flaw = str(error) if value else "it has no value"
        if flaw is None:
            return message
        self._skip(offset, flaw)
        return None

    def _skip(self, offset: int, flaw: str) -> None:
        self.skipped += 1
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _SECONDS_BETWEEN_LINES
            _log.warning(
                "topic %s, partition 0, offset %d: no message of ours, skipped (%s); %d skipped since the start",
                self._topic,
                offset,
                flaw[:_LONGEST_FLAW],
                self.skipped,
            )


class PaneMessages(OwnMessages[PaneMessage]):
    """The messages on ``panes``."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic, PaneMessage)  # type: ignore[arg-type]


def _flaw(message: object) -> str | None:
    """Why a message of the right shape cannot be true; None if it can."""
    if getattr(message, "partition", 0) < 0:
        return "its partition is negative"
    if not isinstance(message, Pane):
        return None
    summary = message.summary
    counted = (summary.tn, summary.fp, summary.fn, summary.tp)
    if message.slide <= 0 or message.start % message.slide:
        return "its start is no multiple of its slide"
    if not 0 <= summary.labelled <= summary.records or min(counted) < 0 or sum(counted) != summary.labelled:
        return "its counts contradict each other"
    if len(summary.sample) > summary.records or len({len(row.features) for row in summary.sample}) > 1:
        return "its sample contradicts its counts"
    return None
