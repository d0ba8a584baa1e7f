"""The event time of requests that give none, and how far from it one that is given may be.

A time ahead of the stream would carry the stream's watermark past all that is still to come, and make late what comes
then; one far behind would be too late itself. On a stream of now wall time is the measure, which every message is held
to; beside a replay it is the stream's newest record.
"""

from datetime import UTC, datetime
from typing import Protocol

from contract.rejection import FUTURE_TOLERANCE_MS, Reason, RejectionError, check_event_time
from contract.settings import Settings
from contract.worker.clock import Clock


class RequestTime(Protocol):
    """What gives requests their event time; read from any thread."""

    @property
    def hindrance(self) -> str | None:
        """Why there is no time to give yet; None if there is."""
        ...

    @property
    def newest(self) -> int | None:
        """The stream's newest event time in ms, to which given times are held; None if they are held to none."""
        ...

    def now(self) -> int:
        """The event time in ms of a request that gives none."""
        ...


class WallTime:
    """Requests have the time at which they come."""

    hindrance: None = None
    newest: None = None

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now


class TimeBounds:
    """How far a given event time may be from the stream's newest record, for records and for labels.

    A record may be a day ahead, as on the wall clock, or less where that would make others too late for their labels;
    a label as far ahead as a label of the newest record may come. Neither may be so far behind that the join would
    refuse it.
    """

    def __init__(self, settings: Settings) -> None:
        self._reach = settings.label_lateness + settings.out_of_orderness

    def check_record(self, event_time: int, now: int, newest: int | None) -> None:
        """Check a record's time; ``now`` is wall time, ``newest`` the stream's, both in ms.

        Raises:
            RejectionError: it is too far from one of them, both times in its detail.
        """
        check_event_time(event_time, now)
        if newest is not None:
            _check_between(event_time, newest, self._reach, min(FUTURE_TOLERANCE_MS, self._reach))

    def check_label(self, event_time: int, now: int, newest: int | None) -> None:
        """Check a label's time, as ``check_record`` does.

        Raises:
            RejectionError: as there.
        """
        check_event_time(event_time, now)
        if newest is not None:
            _check_between(event_time, newest, self._reach, self._reach)


def _check_between(event_time: int, newest: int, behind: int, ahead: int) -> None:
    if newest - behind <= event_time <= newest + ahead:
        return
    side = "ahead of" if event_time > newest else "behind"
    raise RejectionError(
        Reason.IMPLAUSIBLE_EVENT_TIME,
        "event_time",
        f"{event_time} ({_readable(event_time)}) is too far {side} the stream, whose newest record is from {newest} "
        f"({_readable(newest)}); leave it out to take the stream's time, or give one from {newest - behind} to "
        f"{newest + ahead}",
    )


def _readable(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
