"""Going on with a stream: whether it has ended, when, as its last messages say, and where the next replay begins."""

import msgspec
from confluent_kafka import Message

from contract.durations import DAY
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.control import end_of_stream_time, is_control
from contract.kafka.peeking import peeking
from contract.kafka.provision import ensure_topics
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS
from producer.options import format_time

NEXT = "next"


def next_start(settings: Settings) -> str:
    """Midnight (UTC) after a whole day since the stream's last event time, in ISO 8601.

    Raises:
        UserError: Kafka does not answer, or there is no stream that has ended.
    """
    ensure_topics(admin_client(settings), settings)
    end = stream_end(settings)
    if end is None:
        raise UserError(
            f"start got {NEXT!r}, but no stream on {settings.topic(CUSTOMERS)} has ended; wait until the running "
            "replay ends, or give a time such as 2025-01-01"
        )
    return format_time((end // DAY + 2) * DAY)


def replay_name(source: str, start: str | None) -> str:
    """The name of a replay of ``source``; one that begins at a ``next_start`` has records of its own."""
    return source if start is None else f"{source}-{start}"


def stream_end(settings: Settings) -> int | None:
    """The last event time (ms) of a stream that has ended, i.e. whose every partition of ``customers`` ends with an
    end of stream; None if there is no stream, records follow its end, or no end says its time.

    Raises:
        UserError: Kafka does not answer.
    """
    topic = settings.topic(CUSTOMERS)
    with peeking(settings, settings.request_timeout_ms / 1_000) as peek:
        last = peek.last(topic, {partition: peek.offsets(topic, partition) for partition in range(settings.partitions)})
    if len(last) < settings.partitions or not all(is_control(message) for message in last):
        return None
    times = [end_of_stream_time(message.value()) for message in last]
    return max((time for time in times if time is not None), default=None)


def stream_reached(settings: Settings) -> dict[str, int]:
    """The event time (ms) that all partitions of ``customers`` and of ``labels`` have reached, by topic.

    It is the least of their last messages' times; a topic of which some partition has none is left out.

    Raises:
        UserError: Kafka does not answer.
    """
    ensure_topics(admin_client(settings), settings)
    reached = {}
    with peeking(settings, settings.request_timeout_ms / 1_000) as peek:
        for name in (CUSTOMERS, LABELS):
            topic = settings.topic(name)
            offsets = {partition: peek.offsets(topic, partition) for partition in range(settings.partitions)}
            last = peek.last(topic, offsets, lambda message: _event_time(message) is not None)
            times = [time for time in map(_event_time, last) if time is not None]
            if len(times) == settings.partitions:
                reached[name] = min(times)
    return reached


def passed_before(reached: dict[str, int], settings: Settings) -> dict[str, int]:
    """By topic, the event time (ms) before which a message comes too late for a stream that has ``reached`` so far."""
    allowed = {CUSTOMERS: settings.label_lateness, LABELS: settings.label_lateness + settings.label_tolerance}
    return {topic: time - allowed[topic] for topic, time in reached.items()}


def _event_time(message: Message) -> int | None:
    if is_control(message):
        return None
    try:
        return msgspec.json.decode(message.value() or b"", type=_Timed).event_time
    # whatever others have put there
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _Timed(msgspec.Struct):
    event_time: int
