"""What stands on ``windows`` behind the place up to which MLflow has everything, read back for it."""

import logging
from collections.abc import Callable

import msgspec
from confluent_kafka import Message

from contract.kafka.rereading import read_whole
from contract.kafka.stream_identity import is_of_stream
from contract.settings import Settings
from contract.topics import WINDOWS
from contract.windows import Cumulative, WindowMessage, decode_window, is_of_release_before, window_message_type

_log = logging.getLogger("churnstream.sink")


def read_back(settings: Settings, stream: str, begin: int, take: Callable[[WindowMessage | None, int], None]) -> int:
    """Give ``take`` each message from the offset ``begin`` on, with its offset; returns the offset after the last.

    It is None where the message is not for MLflow: of another stream than ``stream``, of the release before, which gave
    MLflow each window before it published it, or none of ours.

    Raises:
        NothingCameError: the broker has not answered in time; try again.
        UserError: the topic is gone or may not be read.
        Exception: what ``take`` raises.
    """
    topic = settings.topic(WINDOWS)
    taken = 0

    def pass_on(message: Message) -> None:
        nonlocal taken
        found = _for_mlflow(message, stream)
        taken += found is not None
        take(found, message.offset() or 0)

    end = read_whole(settings, [topic], pass_on, begin={topic: begin})[topic]
    if taken:
        _log.info("%d windows read back from topic %s, offsets %d to %d", taken, topic, begin, end - 1)
    return end


def _for_mlflow(message: Message, stream: str) -> WindowMessage | None:
    value = message.value()
    if value is None or not is_of_stream(message, stream):
        return None
    try:
        if window_message_type(message.key()) is Cumulative:
            return msgspec.json.decode(value, type=Cumulative)
        return None if is_of_release_before(value) else decode_window(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # the timeline, which reads the topic as well, tells of it
