"""Reading batches as a member of a consumer group, with nothing read twice by mistake.

A batch that a rebalance interrupts is dropped and read again: with it might come messages of partitions that now
belong to another worker, or of a position that no longer holds. So whatever ``poll`` returns follows, in each
partition, on the position that ``start`` gave and is owned until the next call of ``poll``: a revoke waits for it.

A batch takes what is there and, unless it is told to linger, waits for nobody: while one is worked on the next one
gathers, so batches are as large as the load makes them. It ends at a number of messages or of bytes, whichever comes
first, so a worker's memory does not depend on what waits for it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from contract.errors import UserError
from contract.kafka.lasting_errors import remedy
from contract.kafka.transactions import BatchAbortedError, FencedError
from contract.signals import LAG, REBALANCES

_log = logging.getLogger("churnstream.consuming")

Positions = Callable[[list[TopicPartition]], list[TopicPartition]]

BATCH_BYTES = 16_000_000
"""Keys and values of a batch together, unless a single message is larger."""
_AT_ONCE = 500
"""Messages that are taken between two looks at the bytes. What is over the limit of them waits for the next batch."""


class BatchConsumer:
    """A consumer that returns to ``start`` after each rebalance and each aborted batch."""

    def __init__(
        self,
        consumer: Consumer,
        topics: list[str],
        *,
        batch_size: int,
        linger: float,
        timeout: float,
        batch_bytes: int = BATCH_BYTES,
        start: Positions | None = None,
        recover: Callable[[TopicPartition], int | None] = lambda _partition: None,
        on_revoke: Callable[[list[TopicPartition]], None] | None = None,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """Seconds for ``linger`` (how long a batch waits for company) and ``timeout`` (of a call to the broker).

        A batch has at most ``batch_size`` messages and ``batch_bytes`` of keys and values, or one larger message.

        ``start`` maps assigned partitions to where reading begins; by default that is the committed offset, or, where
        Kafka knows none, the one that ``recover`` finds, or else the beginning.
        ``on_revoke`` is told of partitions that are about to go, never while a batch is being worked on.
        ``settle`` is called before positions are set anew; it waits for the end of transactions under way, and raises
        ``BatchAbortedError`` where one failed.
        """
        self.consumer = consumer
        self._batch_size = batch_size
        self._batch_bytes = batch_bytes
        self._held: list[Message] = []
        self._linger = linger
        self._timeout = timeout
        self._start = start or self._committed
        self._recover = recover
        self._on_revoke = on_revoke
        self._settle = settle
        self.membership: object = None
        """The generation of the group under which messages are read, as ``send_offsets_to_transaction`` takes it.

        A batch goes out under the one that it was read under, whatever has become of the group since.
        """
        self._stale = True
        self._told: set[tuple[str, int]] = set()
        self._partitions: set[int] | None = None
        self.waiting = 0
        """Messages not read yet, as of the last ``measure_lag``."""
        self._done: dict[tuple[str, int], int] = {}
        self.at_end: set[tuple[str, int]] = set()
        """Topics and partitions of which everything is read, where the consumer tells (``enable.partition.eof``)."""
        consumer.subscribe(topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    @property
    def partitions(self) -> list[int] | None:
        """The partitions that are read; None as long as the group has not said, or the position is not known."""
        if self._partitions is None or (self._partitions and self._stale):
            return None
        return sorted(self._partitions)

    def poll(self, timeout: float) -> list[Message]:
        """The next batch; an empty list if nothing came within ``timeout`` seconds.

        Raises:
            BatchAbortedError: the broker did not say where to go on; call again.
            FencedError: another worker has this one's name.
            UserError: a topic is gone or may not be read.
        """
        if self._stale and self.consumer.assignment():
            self._rewind()
        messages = self._gather(timeout)
        if self.at_end:
            self.at_end.difference_update({(message.topic() or "", message.partition() or 0) for message in messages})
        # a call for each message is some of what reading costs, so they are spared where they can be
        if any(map(Message.error, messages)):
            for message in messages:
                self._failed(message)
            messages = [message for message in messages if message.error() is None]
        return [] if self._stale else messages

    def _gather(self, timeout: float) -> list[Message]:
        messages, self._held = self._held, []
        # with messages held, too: the group's calls are served here
        first = self.consumer.poll(0 if messages else timeout)
        if first is not None:
            messages.append(first)
        if not messages:
            return messages
        size = _bytes(messages)
        until = time.monotonic() + self._linger
        while size <= self._batch_bytes and (room := self._batch_size - len(messages)) > 0:
            count = min(room, _AT_ONCE)
            more = self.consumer.consume(count, max(until - time.monotonic(), 0) if self._linger else 0)
            messages += more
            size += _bytes(more)
            if len(more) < count:
                break
        if size > self._batch_bytes and len(messages) > 1:
            fitting = self._fitting(messages)
            messages, self._held = messages[:fitting], messages[fitting:]
        return messages

    def _fitting(self, messages: Sequence[Message]) -> int:
        """How many of ``messages`` are a batch; one at least."""
        size = 0
        for place, message in enumerate(messages):
            size += _bytes([message])
            if place and size > self._batch_bytes:
                return place
        return len(messages)

    def measure_lag(self) -> None:
        """Let Prometheus have the lag of each assigned partition, as far as the client has heard of its end. Cheap.

        What a batch had that was given up counts as not read: it is read again.
        """
        held = {(message.topic(), message.partition()): message.offset() or 0 for message in reversed(self._held)}
        with suppress(KafkaException):
            waiting = 0
            for position in self.consumer.position(self.consumer.assignment()):
                place = position.topic, position.partition
                if position.offset >= 0 and not self._stale:
                    self._done[place] = held.get(place, position.offset)
                first, end = self.consumer.get_watermark_offsets(position, cached=True)
                # at the end, what is between are ends of transactions, which are no messages
                lag = 0 if place in self.at_end else end - self._done.get(place, max(first, 0))
                if end >= 0:
                    LAG.labels(position.topic, str(position.partition)).set(max(lag, 0))
                    waiting += max(lag, 0)
            self.waiting = waiting

    def invalidate(self) -> None:
        """The last batch was not published: the next ``poll`` begins at ``start`` again."""
        self._stale = True

    def close(self) -> None:
        """Leave the group, so that others take over at once (a worker with a name is waited for instead)."""
        self.consumer.close()

    def _rewind(self) -> None:
        self._settle()
        self._held.clear()
        self.at_end.clear()
        try:
            for position in self._start(self.consumer.assignment()):
                self._tell_what_is_gone(position)
                self.consumer.seek(position)
                if position.offset >= 0:
                    self._done[position.topic, position.partition] = position.offset
        except KafkaException as error:
            raise BatchAbortedError(f"no position yet: {error.args[0].str()}") from error
        self._stale = False

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        return [
            TopicPartition(found.topic, found.partition, found.offset if found.offset >= 0 else self._recovered(found))
            for found in self.consumer.committed(partitions, self._timeout)
        ]

    def _recovered(self, partition: TopicPartition) -> int:
        try:
            offset = self._recover(partition)
        except UserError as error:
            raise BatchAbortedError(f"no position yet: {error}") from error
        if offset is None:
            return OFFSET_BEGINNING
        _log.warning(
            "Kafka has forgotten the committed offset of %s; continuing at %d, after what was last published",
            _names([partition]),
            offset,
        )
        # or it would have to be found again at each start, until the next record comes
        self.consumer.commit(offsets=[TopicPartition(partition.topic, partition.partition, offset)], asynchronous=False)
        return offset

    def _tell_what_is_gone(self, position: TopicPartition) -> None:
        """Compare a position with what exists: messages that were deleted before they were read are lost."""
        if position.offset < 0 or (position.topic, position.partition) in self._told:
            return
        first, following = self.consumer.get_watermark_offsets(position, self._timeout)
        if position.offset < first:
            _log.warning(
                "%s: %d messages from offset %d on are gone, deleted by retention or by hand before this worker read "
                "them; reading starts at %d; to avoid this, raise the topic's retention.ms",
                _names([position]),
                first - position.offset,
                position.offset,
                first,
            )
        elif position.offset > following:
            _log.warning(
                "%s ends at %d, before the position %d: it was recreated or truncated; reading starts at %d",
                _names([position]),
                following,
                position.offset,
                first,
            )
        self._told.add((position.topic, position.partition))

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._told.clear()
        self.membership = consumer.consumer_group_metadata()
        _log.info("assigned %s", _names(partitions))
        REBALANCES.inc()
        self._partitions = {assigned.partition for assigned in partitions}
        self._stale = True

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("revoked %s", _names(partitions))
        for gone in partitions:
            with suppress(KeyError):
                LAG.remove(gone.topic, str(gone.partition))
            self._done.pop((gone.topic, gone.partition), None)
        self._partitions = None
        self._held.clear()
        self._stale = True
        if self._on_revoke is not None:
            self._on_revoke(partitions)

    def _failed(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            self.at_end.add((message.topic() or "", message.partition() or 0))
            return
        if error.code() == KafkaError.FENCED_INSTANCE_ID:
            raise FencedError(
                f"fenced ({error.str()}): another worker has the same CHURNSTREAM_INSTANCE; this worker stops"
            )
        if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
            raise UserError(f"topic {message.topic()} cannot be read: {error.str()}; create it or grant access to it")
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise UserError(f"the consumer group cannot be joined: {error.str()}; {remedy(error)}")
        _log.warning("consumer: %s; continuing from the last position", error.str())
        self._stale = True


def arrived(consumer: Consumer, most: int, timeout: float) -> list[Message]:
    """Up to ``most`` messages that are there, or that come with the first within ``timeout`` seconds.

    ``Consumer.consume`` would go on waiting, and fill memory, until it has as many as it is asked for.
    """
    first = consumer.poll(timeout)
    return [] if first is None else [first, *consumer.consume(most - 1, 0)]


def _bytes(messages: Sequence[Message]) -> int:
    return sum(map(len, messages)) + sum(map(len, filter(None, map(Message.key, messages))))


def _names(partitions: list[TopicPartition]) -> str:
    return ", ".join(f"{partition.topic}[{partition.partition}]" for partition in partitions) or "nothing"
