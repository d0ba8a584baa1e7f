"""The join's last progress of each partition, looked for from the end of ``panes`` back."""

from collections.abc import Iterable

from confluent_kafka import Message

from contract.kafka.peeking import peeking
from contract.settings import Settings
from contract.topics import PANES
from dashboard.following.reader import received
from dashboard.stream.received import Received
from dashboard.stream.state import PROGRESS

MOST_BACK = 30_000
"""Messages that are read back, about: panes carry samples of customers, so the topic is never read whole if long."""


def last_progress(settings: Settings, partitions: Iterable[int], timeout: float) -> list[Received]:
    """The newest message of each of these partitions, as far as it is found.

    Raises:
        UserError: the broker does not answer within ``timeout`` seconds, for any message.
    """
    wanted = {PROGRESS + str(partition).encode() for partition in partitions}
    found: dict[bytes, Received] = {}
    topic = settings.topic(PANES)
    with peeking(settings, timeout) as peek:
        limit = peek.offsets(topic, 0)[1] - MOST_BACK

        def read(message: Message) -> bool | None:
            key, offset = message.key(), message.offset() or 0
            if isinstance(key, bytes) and key in wanted and (key not in found or offset >= found[key].offset):
                found[key] = received(message, PANES)
            return True if found.keys() == wanted or offset < limit else None

        peek.search_back(topic, 0, read)
    return list(found.values())
