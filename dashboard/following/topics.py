"""Which topics of the stream there are, which stream they are of, and where they begin and end."""

from collections.abc import Mapping

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from contract.errors import UserError
from contract.kafka.stream_identity import stream_identity
from contract.settings import Settings
from contract.topics import ALERTS, CUSTOMERS, DEAD_LETTERS, FORMAT, LABELS, PANES, PREDICTIONS, VERSIONS, WINDOWS

FOLLOWED = (WINDOWS, ALERTS, VERSIONS, PANES, DEAD_LETTERS)
"""Topics that are read."""
LOOKED_AT = (FORMAT, *FOLLOWED, CUSTOMERS, PREDICTIONS, LABELS)
"""These, and those of which only the ends matter."""
_NOT_THERE = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
_NOT_ALLOWED = KafkaError.TOPIC_AUTHORIZATION_FAILED

Offsets = Mapping[int, int]


class FoundTopics(msgspec.Struct, frozen=True):
    """Topics by their short names. ``stream`` is the stream's name, None: not known, as before there were any.

    ``ids`` tell a topic from one that is made anew under its name. ``firsts`` and ``ends`` are offsets by partition.
    ``refused`` are topics that this user may not see; they are ``missing``, too.
    """

    stream: str | None
    ids: Mapping[str, str]
    firsts: Mapping[str, Offsets]
    ends: Mapping[str, Offsets]
    missing: tuple[str, ...]
    refused: tuple[str, ...] = ()


class TopicFinder:
    """Finds a stream's topics; every call blocks for at most some times ``timeout`` seconds."""

    def __init__(self, settings: Settings, admin: AdminClient, timeout: float) -> None:
        self._settings = settings
        self._admin = admin
        self._timeout = timeout
        self._named: tuple[str, str] | None = None

    def find(self) -> FoundTopics:
        """Which there are now.

        Raises:
            KafkaException, TimeoutError: the broker does not answer.
        """
        ids, partitions, refused = self._describe()
        latest: OffsetSpec = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        earliest: OffsetSpec = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
        firsts, ends = self._offsets(partitions, earliest), self._offsets(partitions, latest)
        there = {name for name in ids if len(ends[name]) == len(firsts[name]) == partitions[name] > 0}
        return FoundTopics(
            self._stream(ids),
            {name: ids[name] for name in LOOKED_AT if name in there},
            {name: firsts[name] for name in there},
            {name: ends[name] for name in there},
            tuple(name for name in LOOKED_AT if name not in there),
            refused,
        )

    def _describe(self) -> tuple[dict[str, str], dict[str, int], tuple[str, ...]]:
        names = {self._settings.topic(name): name for name in LOOKED_AT}
        found = self._admin.describe_topics(TopicCollection(list(names)), request_timeout=self._timeout)
        ids, partitions, refused = {}, {}, []
        for full, answer in found.items():
            try:
                topic = answer.result(self._timeout)
            except KafkaException as error:
                if error.args[0].code() == _NOT_ALLOWED:
                    refused.append(names[full])
                elif error.args[0].code() not in _NOT_THERE:
                    raise
            else:
                ids[names[full]], partitions[names[full]] = str(topic.topic_id), len(topic.partitions)
        return ids, partitions, tuple(refused)

    def _offsets(self, partitions: Mapping[str, int], which: OffsetSpec) -> dict[str, dict[int, int]]:
        """Without a partition whose topic has gone meanwhile."""
        found: dict[str, dict[int, int]] = {name: {} for name in partitions}
        names = {self._settings.topic(name): name for name in partitions}
        asked = {
            TopicPartition(self._settings.topic(name), number): which
            for name, count in partitions.items()
            for number in range(count)
        }
        if not asked:
            return found
        for place, answer in self._admin.list_offsets(asked, request_timeout=self._timeout).items():
            try:
                found[names[place.topic]][place.partition] = answer.result(self._timeout).offset
            except KafkaException as error:
                if error.args[0].code() not in _NOT_THERE | {_NOT_ALLOWED}:
                    raise
        return found

    def _stream(self, ids: Mapping[str, str]) -> str | None:
        """The stream's name; it is read when ``format`` is another one than before."""
        record = ids.get(FORMAT)
        if record is None:
            self._named = None
        elif self._named is None or self._named[0] != record:
            try:
                self._named = record, stream_identity(self._settings, timeout=self._timeout)
            except UserError:
                # the record is not there yet, or is none of ours: then whatever is on the topics is looked at
                return None
        return None if self._named is None else self._named[1]
