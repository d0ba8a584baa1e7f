"""Where a dead letter goes back to, or why it stays: the checks of scorer and join, made before it is sent. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from churnstream.redrive.letters import StoredLetter
from contract.kafka.partitioner import belongs_to
from contract.messages import Label
from contract.records import Record, record_type
from contract.rejection import Reason, RejectionError, check_event_time, check_key, decode
from contract.schema import Schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, PREDICTIONS
from dashboard.stream.letters import shown_field

MOST_REDRIVEN = 3
"""How often a message is sent again, unless somebody asks for more."""


class Destination(NamedTuple):
    """A partition of a topic, by its full name."""

    topic: str
    partition: int


class RedriveJudge:
    """Judges letters by the schema and the topics that there are now."""

    def __init__(
        self, settings: Settings, schema: Schema, partitions: Mapping[str, int], most_redriven: int = MOST_REDRIVEN
    ) -> None:
        """``partitions``: how many the topics of records and labels have, by their full names."""
        self._predictions = settings.topic(PREDICTIONS)
        self._partitions = partitions
        self._most_redriven = most_redriven
        decoders: dict[str, msgspec.json.Decoder[Record | Label]] = {
            settings.topic(CUSTOMERS): msgspec.json.Decoder(record_type(schema)),
            settings.topic(LABELS): msgspec.json.Decoder(Label),
        }
        self._decoders = decoders

    def judge(self, letter: StoredLetter) -> Destination | str:
        """Where it goes, or in a few words why it stays.

        A letter keeps its partition. Only one that was in the wrong one goes to that of its key. When its message was
        sent is what it was at first: an event time that lay in the future then does not become plausible by waiting.
        """
        seen = letter.seen
        topic = seen.origin_topic
        if topic == self._predictions:
            return "a prediction, which is on its topic already: a second one would count twice"
        if topic not in self._decoders:
            return "from another topic than this stream's customers and labels"
        if letter.cut:
            return "cut, because it was too large; the whole stood at its origin"
        if letter.redriven >= self._most_redriven:
            return f"sent again {self._most_redriven} times or more; --most-tries allows more"
        try:
            content = decode(self._decoders[topic], letter.value)
            check_key(letter.key, content.customer_id)
            check_event_time(content.event_time, letter.sent)
        except RejectionError as rejection:
            field = shown_field(rejection.field).removeprefix("features.")
            return f"would be refused again: {rejection.reason.value}{f' at {field}' if field else ''}"
        count = self._partitions.get(topic, 0)
        misplaced = seen.reason == Reason.WRONG_PARTITION and count
        partition = belongs_to(content.customer_id, count) if misplaced else seen.origin_partition
        if partition >= count:
            return "from a partition that its topic does not have any more"
        return Destination(topic, partition)
