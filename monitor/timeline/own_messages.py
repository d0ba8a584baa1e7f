"""What is on the monitor's own topics, decoded; what is not ours is skipped, counted and named in the log.

One message that cannot be used must not stop all windows. Fields that a later release adds are passed over, and so are
the kinds of messages that it adds, with one line for each kind. A message without a value says that its key is gone,
and is no garbage.
"""

import logging
import re
import time
from abc import ABC, abstractmethod
from hashlib import blake2b
from typing import Generic, NamedTuple, TypeVar

import msgspec

from contract.alerts import ALERT_KINDS, VERDICT, Alert, AlertMessage, ModelVerdict, alert_message_type
from contract.panes import UNIT, Fold, Pane, PaneMessage, PaneSample, SegmentSums, Summary
from contract.versions import SERVING, ServingVersions, TrainedVersion, VersionMessage, version_message_type
from contract.windows import Cumulative, WindowMessage, decode_window, window_message_type
from monitor.timeline.segments import LARGEST_SUM

Own = TypeVar("Own")
_log = logging.getLogger("churnstream.timeline")
_SECONDS_BETWEEN_LINES = 10.0
_LONGEST_FLAW = 200
_MOST_KINDS = 100
_WINDOW_KEY = re.compile(rb".*/-?\d+")
_VERSION_KEY = re.compile(rf".+/(?:\d+|{SERVING})".encode(), re.DOTALL)


class OwnMessages(ABC, Generic[Own]):
    """The messages of one topic that have one partition. ``skipped`` counts those that could not be used."""

    def __init__(self, topic: str) -> None:
        """``topic`` is the full name, for the log."""
        self.skipped = 0
        self._quiet_until = 0.0
        self._topic = topic
        self._later_kinds: set[str] = set()

    def read(self, value: bytes | None, offset: int, key: bytes | None = None) -> Own | None:
        """The message with this value under this key; None if it has no value, or is none that we know."""
        if value is None:
            return None
        try:
            later = self._later_kind(key)
            message = None if later else self._decode(value, key)
            flaw = None if message is None else _flaw(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message, flaw = None, str(error) if value else "it is empty"
            later = self._later_kind_of(value)
        if later:
            self._pass_over(later, offset)
        elif flaw is not None:
            self._skip(offset, flaw)
        else:
            return message
        return None

    @abstractmethod
    def _decode(self, value: bytes, key: bytes | None) -> Own:
        """Decode a value; raises ``msgspec.DecodeError``."""

    def _later_kind(self, key: bytes | None) -> str | None:
        """The kind that a key stands for, if it is none of this release's."""
        del key
        return None

    def _later_kind_of(self, value: bytes) -> str | None:
        """The kind of a message that could not be decoded, if it names one that is none of this release's."""
        del value
        return None

    def _pass_over(self, kind: str, offset: int) -> None:
        if kind in self._later_kinds or len(self._later_kinds) >= _MOST_KINDS:
            return
        self._later_kinds.add(kind)
        _log.warning(
            "topic %s, partition 0, offset %d: messages of the kind %r, which this release does not know, are "
            "skipped; a later release wrote them",
            self._topic,
            offset,
            kind[:_LONGEST_FLAW],
        )

    def _skip(self, offset: int, flaw: str) -> None:
        self.skipped += 1
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _SECONDS_BETWEEN_LINES
            _log.warning(
                "topic %s, partition 0, offset %d: not a message of churnstream, skipped (%s); %d skipped since the "
                "start",
                self._topic,
                offset,
                flaw[:_LONGEST_FLAW],
                self.skipped,
            )


class _Tagged(msgspec.Struct):
    type: str


class PaneMessages(OwnMessages[PaneMessage]):
    """The messages on ``panes``, told apart by their field ``type``."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self._decoder: msgspec.json.Decoder[PaneMessage] = msgspec.json.Decoder(PaneMessage)
        self._kinds = {str(kind.__struct_config__.tag) for kind in PaneMessage.__args__}

    def _decode(self, value: bytes, _key: bytes | None) -> PaneMessage:
        return self._decoder.decode(value)

    def _later_kind_of(self, value: bytes) -> str | None:
        return _unknown(_Tagged, value, "type", self._kinds)


class WindowMessages(OwnMessages[WindowMessage]):
    """The messages on ``windows``, told apart by the last part of their key."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self._points = msgspec.json.Decoder(Cumulative)

    def _decode(self, value: bytes, key: bytes | None) -> WindowMessage:
        return self._points.decode(value) if window_message_type(key) is Cumulative else decode_window(value)

    def _later_kind(self, key: bytes | None) -> str | None:
        # a key without a model's name, version and role is no message of ours at all
        if key is None or key.count(b"/") < 3 or window_message_type(key) is Cumulative or _WINDOW_KEY.fullmatch(key):
            return None
        return key.rpartition(b"/")[2].decode(errors="replace")


class VersionMessages(OwnMessages[VersionMessage]):
    """The messages on ``versions``, told apart by the last part of their key."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self._trained = msgspec.json.Decoder(TrainedVersion)
        self._serving = msgspec.json.Decoder(ServingVersions)

    def _decode(self, value: bytes, key: bytes | None) -> VersionMessage:
        decoder = self._serving if version_message_type(key) is ServingVersions else self._trained
        return decoder.decode(value)

    def _later_kind(self, key: bytes | None) -> str | None:
        if key is None or b"/" not in key or _VERSION_KEY.fullmatch(key):
            return None
        return key.rpartition(b"/")[2].decode(errors="replace")


class StandingVersion(NamedTuple):
    """What stands under a key of ``versions``: the message, of a version without its columns, and a digest of all."""

    message: VersionMessage
    digest: bytes

    @classmethod
    def of(cls, message: VersionMessage) -> "StandingVersion":
        digest = blake2b(msgspec.json.encode(message, order="deterministic"), digest_size=16).digest()
        return cls(
            msgspec.structs.replace(message, columns={}) if isinstance(message, TrainedVersion) else message, digest
        )


class _Alerting(msgspec.Struct):
    kind: str


class AlertMessages(OwnMessages[AlertMessage]):
    """The messages on ``alerts``: alerts of the kinds that we know, and verdicts."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self._alerts = msgspec.json.Decoder(Alert)
        self._verdicts = msgspec.json.Decoder(ModelVerdict)

    def _decode(self, value: bytes, key: bytes | None) -> AlertMessage:
        return self._verdicts.decode(value) if alert_message_type(key) is ModelVerdict else self._alerts.decode(value)

    def _later_kind_of(self, value: bytes) -> str | None:
        return _unknown(_Alerting, value, "kind", {*ALERT_KINDS, VERDICT})


def _unknown(shape: type[msgspec.Struct], value: bytes, field: str, known: set[str]) -> str | None:
    """What a message says in ``field``, the one of ``shape``, if that is none of those known."""
    try:
        said = str(getattr(msgspec.json.decode(value, type=shape), field))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if said in known else said


def _flaw(message: object) -> str | None:
    """Why a message of the right shape cannot be true; None if it can."""
    if getattr(message, "partition", 0) < 0:
        return "its partition is negative"
    if isinstance(message, Pane | PaneSample) and (message.slide <= 0 or message.start % message.slide):
        return "its start is not a multiple of its slide"
    if isinstance(message, PaneSample):
        rows = message.rows or [1] * len(message.hashes)
        lengths = {len(message.hashes), len(message.probabilities), len(rows), *map(len, message.columns)}
        if len(lengths) > 1 or sum(rows) > message.records or min(rows, default=1) < 1:
            return "its sample contradicts its counts"
    if not isinstance(message, Pane | Fold):
        return None
    return _summary_flaw(message.summary)


def _summary_flaw(summary: Summary) -> str | None:
    counted = (summary.tn, summary.fp, summary.fn, summary.tp)
    if not 0 <= summary.labelled <= summary.records or min(counted) < 0 or sum(counted) != summary.labelled:
        return "its counts contradict each other"
    if len(summary.sample) > summary.records or len({len(row.features) for row in summary.sample}) > 1:
        return "its sample contradicts its counts"
    if any(_is_impossible(one, summary.records) for one in summary.segments.values()):
        return "its segments contradict its counts"
    return None


def _is_impossible(segment: SegmentSums, records: int) -> bool:
    """Whether a segment has what no part of so many records can have; what is possible fits into 64 bits."""
    numbers = msgspec.structs.astuple(segment)
    return (
        min(numbers) < 0
        or max(segment.labelled, segment.predicted) > segment.records
        or segment.records > records
        or max(numbers) > min(segment.records * UNIT, LARGEST_SUM)
    )
