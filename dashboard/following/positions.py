"""How far the workers have got: their groups' offsets beside the ends of what they read."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from contract.errors import UserError
from contract.kafka.peeking import peeking
from contract.settings import Settings
from contract.topics import CUSTOMERS, GROUPS, LABELS, PREDICTIONS
from dashboard.following.topics import FoundTopics, Offsets

READS: dict[str, tuple[str, ...]] = {"scorer": (CUSTOMERS,), "join": (PREDICTIONS, LABELS)}
"""The consumer groups whose lag is told, and what they read."""
MOST_COUNTED = 1_000
"""Offsets behind a worker's that are read, to tell messages from ends of transactions."""
_Place = tuple[str, str, int]
_Span = tuple[int, int]


class WorkerPositions:
    """Looks at the groups of one stream's workers. Every call blocks for at most some times ``timeout`` seconds.

    Ends of transactions, and what was aborted, have offsets and are no messages. So where a worker stands still close
    to the end, what lies between is counted; where it moves, or is far away, the offsets are.
    """

    def __init__(
        self, settings: Settings, admin: AdminClient, timeout: float, reads: Mapping[str, Sequence[str]] = READS
    ) -> None:
        self._settings = settings
        self._reads = reads
        self._admin = admin
        self._timeout = timeout
        self._before: dict[_Place, _Span] = {}
        self._counted: dict[_Place, tuple[_Span, int]] = {}

    def lag(self, topics: FoundTopics) -> dict[str, dict[str, dict[int, int]]]:
        """Messages not read yet, by group, topic (short name) and partition.

        Without a group that the broker does not tell about, and without topics that are not there.
        """
        found: dict[str, dict[str, dict[int, int]]] = {}
        spans: dict[_Place, _Span] = {}
        for group, read in self._reads.items():
            there = [topic for topic in read if topic in topics.ends]
            try:
                done = {topic: self._done(group, topic, topics.ends[topic]) for topic in there}
            except (KafkaException, TimeoutError):
                # a broker that has just started does not know its groups yet
                continue
            found[group] = {topic: {} for topic in there}
            for topic in there:
                for partition, end in topics.ends[topic].items():
                    # what retention has deleted nobody waits for
                    begin = max(done[topic].get(partition, 0), topics.firsts[topic][partition])
                    spans[group, topic, partition] = begin, end
        for (group, topic, partition), lag in self._exact(spans).items():
            found[group][topic][partition] = lag
        return found

    def members(self) -> dict[str, int | None]:
        """How many workers are in each group; None: the broker does not tell."""
        names = {self._settings.topic(group): group for group in GROUPS}
        answers = self._admin.describe_consumer_groups(list(names), request_timeout=self._timeout)
        found: dict[str, int | None] = {}
        for name, answer in answers.items():
            try:
                found[names[name]] = len(answer.result(self._timeout).members)
            except KafkaException as error:
                found[names[name]] = 0 if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND else None
            except TimeoutError:
                found[names[name]] = None
        return found

    def _done(self, group: str, topic: str, ends: Offsets) -> dict[int, int]:
        places = [TopicPartition(self._settings.topic(topic), number) for number in ends]
        asked = [ConsumerGroupTopicPartitions(self._settings.topic(group), places)]
        (answer,) = self._admin.list_consumer_group_offsets(asked, request_timeout=self._timeout).values()
        found = answer.result(self._timeout).topic_partitions
        return {place.partition: place.offset for place in found if place.error is None and place.offset >= 0}

    def _exact(self, spans: Mapping[_Place, _Span]) -> dict[_Place, int]:
        close: dict[tuple[str, str], dict[int, _Span]] = {}
        for place, span in spans.items():
            still = self._before.get(place, span) == span
            is_new = self._counted.get(place, (None, 0))[0] != span
            if still and is_new and 0 < span[1] - span[0] <= MOST_COUNTED:
                close.setdefault(place[:2], {})[place[2]] = span
        self._before = dict(spans)
        if close:
            with suppress(UserError):
                # else it is tried again with the next look
                self._count(close)
        lags = {}
        for place, span in spans.items():
            counted, messages = self._counted.get(place, (None, 0))
            lags[place] = messages if counted == span else max(span[1] - span[0], 0)
        return lags

    def _count(self, close: Mapping[tuple[str, str], Mapping[int, _Span]]) -> None:
        with peeking(self._settings, self._timeout) as peek:
            for (group, topic), spans in close.items():
                counts = dict.fromkeys(spans, 0)
                for message in peek.newest(self._settings.topic(topic), spans, MOST_COUNTED):
                    partition, offset = message.partition() or 0, message.offset() or 0
                    counts[partition] += spans[partition][0] <= offset < spans[partition][1]
                self._counted |= {(group, topic, number): (spans[number], count) for number, count in counts.items()}
