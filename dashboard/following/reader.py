"""The consumer that follows topics, in no group, from given offsets on. Sees what was committed only."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contract.kafka.clients import READ_AHEAD, build_client, client_config
from contract.settings import Settings
from dashboard.stream.received import Received

PATIENT = {"reconnect.backoff.ms": 500, "reconnect.backoff.max.ms": 2_000}
"""How often a client tries to connect to a broker that is away; by default it does twenty times a second."""
_BATCH = 200
_QUEUE_KILOBYTES = 8_192
_SAYS_NOTHING = {KafkaError._ALL_BROKERS_DOWN, KafkaError.UNKNOWN_TOPIC_OR_PART}
# the first comes behind what happened; the second is seen when topics are looked for


class Place(NamedTuple):
    """A partition of a topic, by its short name."""

    topic: str
    partition: int


def received(message: Message, topic: str) -> Received:
    """A consumed message as the core takes it; ``topic`` is its short name."""
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    kind, at = message.timestamp()
    return Received(
        topic,
        message.partition() or 0,
        message.offset() or 0,
        _bytes(message.key()),
        _bytes(message.value()),
        [(name, _bytes(value)) for name, value in pairs],
        at if kind and at >= 0 else None,
    )


class TopicReader:
    """Follows partitions.

    It goes on by itself after an outage. ``failed`` is told of each trouble with the broker, in librdkafka's words;
    from within ``read``. Dead letters are read without their values.
    """

    def __init__(self, settings: Settings, failed: Callable[[str], None], without_value: frozenset[str]) -> None:
        self._settings = settings
        self._failed = failed
        self._without_value = without_value
        defaults = {
            **READ_AHEAD,
            "queued.max.messages.kbytes": _QUEUE_KILOBYTES,
            # the broker answers as soon as something is there; until then one question a second
            "fetch.wait.max.ms": 1_000,
        }
        guarantees = {
            "group.id": settings.topic("dashboard"),
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            # a topic that has lost what was read of it is begun anew
            "auto.offset.reset": "error",
            "error_cb": self._on_error,
        }
        self._consumer = build_client(Consumer, PATIENT | defaults | client_config(settings) | guarantees)
        self._names: dict[str, str] = {}
        self._next: dict[Place, int] = {}
        self._waiting: set[Place] = set()
        self.refused: frozenset[str] = frozenset()
        """Topics that are there and that this user may not read, by their full names."""

    @property
    def at_end(self) -> bool:
        """Whether each partition has been read to its end once."""
        return not self._waiting

    def has_read(self, topic: str) -> bool:
        """Whether each partition of a topic that is followed has been read to its end once."""
        return all(place.topic != topic for place in self._waiting)

    @property
    def following(self) -> Mapping[Place, int]:
        """The partitions, each with the offset to be read next."""
        return self._next

    def follow(self, positions: Mapping[Place, int]) -> None:
        """Follow more partitions, from these offsets on."""
        self._names |= {self._settings.topic(place.topic): place.topic for place in positions}
        self._next |= positions
        self._waiting |= positions.keys()
        self._consumer.incremental_assign(
            [TopicPartition(self._settings.topic(place.topic), place.partition, at) for place, at in positions.items()]
        )

    def read(self, seconds: float) -> list[Received]:
        """What there is, or comes within ``seconds``.

        Raises:
            KafkaException: a topic no longer goes on from where it was read to.
        """
        first = self._consumer.poll(seconds)
        if first is None:
            return []
        messages = [first, *self._consumer.consume(_BATCH, 0)]
        return [found for message in messages if (found := self._taken(message)) is not None]

    def close(self) -> None:
        self._consumer.close()

    def _taken(self, message: Message) -> Received | None:
        place = Place(self._names.get(message.topic() or "", ""), message.partition() or 0)
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                # ends of transactions, and what was aborted, take offsets, too
                self._next[place] = max(self._next.get(place, 0), message.offset() or 0)
                self._waiting.discard(place)
            elif error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise KafkaException(error)
            elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                self.refused |= {message.topic() or ""}
            else:
                self._on_error(error)
            return None
        found = received(message, place.topic)
        self._next[place] = found.offset + 1
        if place.topic in self._without_value:
            return Received(found.topic, found.partition, found.offset, None, None, found.headers, found.at)
        return found

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in _SAYS_NOTHING:
            return
        self._failed(error.str())


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
