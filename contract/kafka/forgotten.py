"""Where to go on when Kafka has forgotten a group's offsets: what was published last says it.

Kafka forgets them some days after the last member has left (``offsets.retention.minutes``), and when the group is
deleted. To begin again at the beginning would publish everything a second time.
"""

import msgspec
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from contract.durations import HOUR
from contract.kafka.dead_letters import ORIGIN_OFFSET, ORIGIN_PARTITION, ORIGIN_TOPIC
from contract.kafka.peeking import peeking
from contract.messages import RecordPosition
from contract.panes import JoinProgress, PaneMessage
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, PANES, PREDICTIONS

_TRANSACTION_MS = HOUR
"""What lies further apart by the broker's clock is not in one transaction: a broker ends one after 15 minutes."""


class _WithSource(msgspec.Struct):
    source: RecordPosition | None = None


_decode_scored = msgspec.json.Decoder(_WithSource).decode
_decode_progress = msgspec.json.Decoder(PaneMessage).decode


def scored_until(settings: Settings, partition: int, timeout: float) -> int | None:
    """The offset after the last record of a partition of ``customers`` that has a prediction or a dead letter.

    None if there is no such record. ``timeout`` in seconds bounds the wait for each message.

    Raises:
        UserError: the broker does not answer, or refuses.
    """
    customers = settings.topic(CUSTOMERS)

    def predicted(message: Message) -> tuple[int, int | None] | None:
        try:
            source = _decode_scored(message.value() or b"").source
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if source is None or source.partition != partition:
            return None
        kind, time = message.timestamp()
        return source.offset, time if kind == TIMESTAMP_LOG_APPEND_TIME else None

    def refused(message: Message) -> int | None:
        return _origin_offset(message, customers, partition)

    with peeking(settings, timeout) as peek:
        first, end = peek.offsets(customers, partition)
        if first == end:
            return None
        prediction, time = peek.search_back(settings.topic(PREDICTIONS), partition, predicted) or (None, None)
        # a dead letter of a later record is in the same transaction, or in a later one
        since = None if time is None else time - _TRANSACTION_MS
        letter = peek.search_back(settings.topic(DEAD_LETTERS), partition, refused, since)
    return max((offset + 1 for offset in (prediction, letter) if offset is not None), default=None)


def joined_until(settings: Settings, partition: int, timeout: float) -> JoinProgress | None:
    """The last progress that a join has published of a partition; None if there is none.

    Raises:
        UserError: the broker does not answer, or refuses.
    """
    key = f"progress/{partition}".encode()

    def progress(message: Message) -> JoinProgress | None:
        if message.key() != key:
            return None
        try:
            found = _decode_progress(message.value() or b"")
        except msgspec.DecodeError:
            return None
        return found if isinstance(found, JoinProgress) else None

    with peeking(settings, timeout) as peek:
        return peek.search_back(settings.topic(PANES), 0, progress)


def join_progress(settings: Settings, timeout: float) -> dict[int, JoinProgress]:
    """The last progress that a join has published of each partition, by its number.

    Raises:
        UserError: the broker does not answer, or refuses.
    """
    found: dict[int, tuple[int, JoinProgress]] = {}

    def progress(message: Message) -> bool | None:
        if not (message.key() or b"").startswith(b"progress/"):
            return None
        try:
            content = _decode_progress(message.value() or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        offset = message.offset() or 0
        if isinstance(content, JoinProgress) and offset >= found.get(content.partition, (0,))[0]:
            found[content.partition] = offset, content
        return True if len(found) >= settings.partitions else None

    with peeking(settings, timeout) as peek:
        peek.search_back(settings.topic(PANES), 0, progress)
    return {partition: content for partition, (_, content) in found.items()}


def _origin_offset(message: Message, topic: str, partition: int) -> int | None:
    headers = dict(message.headers() or [])
    try:
        origin = headers[ORIGIN_TOPIC], int(headers[ORIGIN_PARTITION] or 0), int(headers[ORIGIN_OFFSET] or 0)
    except (KeyError, ValueError):
        return None
    name = origin[0].decode(errors="replace") if isinstance(origin[0], bytes) else origin[0]
    return origin[2] if (name, origin[1]) == (topic, partition) else None
