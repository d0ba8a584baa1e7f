"""How far a sink has come on ``alerts``: the committed offset of its consumer group, and what is noted beside it."""

import msgspec
from confluent_kafka import Message

from contract.alerts import Alert, alert_message_type
from contract.errors import UserError
from contract.kafka.rereading import NothingCameError, read_whole
from contract.kafka.stream_identity import is_of_stream
from contract.kafka.transactions import BatchAbortedError
from contract.settings import Settings
from contract.topics import ALERTS

_decode_alert = msgspec.json.Decoder(Alert).decode


class SinkProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """Stands as metadata beside a sink's committed offset.

    ``standing_until``: of what stands before this offset of the topic only the newest state of each incident that goes
    on is sent, because the sink began, or Kafka had forgotten its offset. ``failing``: why the alert at the committed
    offset cannot be delivered, without a secret; ``since`` when, wall time in ms.
    """

    standing_until: int = 0
    failing: str = ""
    since: int = 0


def progress_of(metadata: str | None) -> SinkProgress:
    """What is noted; nothing where it is none of ours."""
    try:
        return msgspec.json.decode(metadata or "{}", type=SinkProgress)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return SinkProgress()


def alert_in(message: Message, stream: str | None) -> Alert | None:
    """The alert of a message of this stream (None: of any); None for a verdict, a deletion, or what is none of ours."""
    key, value = message.key(), message.value()
    if not value or alert_message_type(key) is not Alert or (stream is not None and not is_of_stream(message, stream)):
        return None
    try:
        return _decode_alert(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def alerts_on(settings: Settings, stream: str | None) -> list[tuple[int, Alert]]:
    """All alerts of the stream that are on the topic, with their offsets, in order.

    Raises:
        NothingCameError: the broker has not answered in time.
        UserError: the topic is gone or may not be read.
    """
    found: list[tuple[int, Alert]] = []

    def take(message: Message) -> None:
        alert = alert_in(message, stream)
        if alert is not None:
            found.append((message.offset() or 0, alert))

    read_whole(settings, [settings.topic(ALERTS)], take)
    return found


def newest_standing(alerts: list[tuple[int, Alert]], until: int) -> frozenset[int]:
    """The offsets before ``until`` of the newest state of each incident that goes on."""
    newest = {alert.key: (offset, alert) for offset, alert in alerts if offset < until}
    return frozenset(offset for offset, alert in newest.values() if alert.standing)


def alerts_for_position(settings: Settings, stream: str) -> list[tuple[int, Alert]]:
    """As ``alerts_on``, for a consumer that has no position yet.

    Raises:
        BatchAbortedError: they cannot be read now; try again.
    """
    try:
        return alerts_on(settings, stream)
    except (NothingCameError, UserError) as error:
        raise BatchAbortedError(f"no position yet: {error}") from error
