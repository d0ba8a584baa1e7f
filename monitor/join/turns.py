"""Which of the messages that were read are taken in now: both topics in turn, by event time.

Kafka gives messages of both topics as they come, so one runs ahead of the other while there is a backlog. Labels that
come before their predictions would have to wait one by one, and predictions far ahead of their labels would be taken
for silent. So the topic that is ahead is held here until the other one has come as far, or has no more. How far a topic
has come is told by several of its messages (``TopicProgress.latest``): no wrong clock holds anything.

The order decides nothing that lasts (``monitor.join.rules``); it saves work. Bound: what was held when a topic was
found to be full, by number or by bytes, and one batch more; a topic that is full is not read until there is room.
"""

from collections.abc import Sequence

import numpy as np

from contract.arrays import Integers
from contract.rejection import RejectionError
from monitor.join.incoming import EndOfStream, Incoming
from monitor.join.rules import NEVER, JoinRules, TopicProgress
from monitor.join.trajectory import follow

HELD_BYTES = 32_000_000
"""Of the values that are held in all topics and partitions of a worker; decoded they take about twice as much."""
_EVERYTHING = 2**62


class _Held:
    """What was read of one topic and not yet taken; ``reached`` is how far it had come with each message."""

    def __init__(self, rules: JoinRules) -> None:
        self._rules = rules
        self._progress = TopicProgress()
        self.messages: list[Incoming] = []
        self.bytes = 0
        self.reached: Integers = np.zeros(0, np.int64)
        self.at_end = False

    @property
    def read_until(self) -> int:
        return NEVER if self._progress.latest is None else self._progress.latest

    def add(self, messages: Sequence[Incoming]) -> None:
        if not messages:
            return
        path = follow(self._progress, messages, self._rules)
        if len(path.readable) == len(messages):
            reached = np.append(path.latest[1:], self.read_until)
        else:
            # messages without a time go with what stands before them
            steps = np.append(path.latest, self.read_until)
            readable = [not isinstance(message.content, (EndOfStream, RejectionError)) for message in messages]
            reached = steps[np.cumsum(readable)]
        self.messages.extend(messages)
        self.bytes += _bytes(messages)
        self.reached = np.concatenate((self.reached, reached))

    def next_reaches(self) -> int:
        """How far the topic will have come with the next message."""
        if self.messages:
            return int(self.reached[0])
        return _EVERYTHING if self.at_end else self.read_until

    def take(self, until: int, most: int) -> list[Incoming]:
        count = min(int(np.searchsorted(self.reached, until, side="right")), most)
        taken, self.messages = self.messages[:count], self.messages[count:]
        self.bytes -= _bytes(taken)
        self.reached = self.reached[count:]
        return taken


def _bytes(messages: Sequence[Incoming]) -> int:
    return sum([len(message.value or b"") for message in messages])


class Turns:
    """The messages of one partition, on their way from the consumer to the join."""

    def __init__(self, rules: JoinRules, most: int, most_bytes: int = HELD_BYTES) -> None:
        """``most`` messages of each topic are taken at once, and what one has not the other may; twice as many make it
        full, and so do ``most_bytes``.
        """
        self._most = most
        self._most_bytes = most_bytes
        # rows that wait for labels cost little, so that predictions may lead
        self._lead = rules.slide
        self.predictions = _Held(rules)
        self.labels = _Held(rules)

    @property
    def holds(self) -> bool:
        """Whether there is anything that was read and not taken."""
        return bool(self.predictions.messages or self.labels.messages)

    def is_full(self, held: _Held, paused: bool) -> bool:
        """Whether a topic that is ``paused``, or not, should be (once more)."""
        if paused:
            return len(held.messages) > self._most // 2 or held.bytes > self._most_bytes // 4
        return len(held.messages) > 2 * self._most or held.bytes > self._most_bytes

    def take(self) -> tuple[list[Incoming], list[Incoming]]:
        """Predictions and labels whose turn it is."""
        lead = _EVERYTHING if self.labels.at_end else self.labels.read_until + self._lead
        predictions = self.predictions.take(lead, self._most)
        labels = self.labels.take(self.predictions.next_reaches(), 2 * self._most - len(predictions))
        if labels:
            return predictions, labels
        return predictions + self.predictions.take(lead, self._most), labels
