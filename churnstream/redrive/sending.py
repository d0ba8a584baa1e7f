"""Letters sent back to the topics that they came from: each once, whatever happens.

A batch of letters and, on ``dead-letters``, a mark for each of their partitions are one Kafka transaction. The marks
are what a consumer group's offsets are to a worker, but of any choice of letters, and nobody's to lose: they stand on
the topic for as long as the letters do. All runs on a stream have one ``transactional.id``. So a run that begins ends
what another has left open, and fences it; it reads the marks after that and never before, up to where the topic ends by
then, also those that stand behind some worker's open transaction. So none is missed, and whoever was fenced can add
none.
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import Producer

from churnstream.redrive.chosen import ChosenLetters
from churnstream.redrive.judging import MOST_REDRIVEN, Destination, RedriveJudge
from churnstream.redrive.letters import OffsetSet, StoredLetter, stored_letter
from churnstream.redrive.reading import LetterTopic, letter_topic
from contract.errors import UserError
from contract.kafka.clients import transactional_producer
from contract.kafka.dead_letters import (
    FIRST_OFFSET,
    FIRST_PARTITION,
    FIRST_SENT,
    MARK,
    REDRIVEN,
    Header,
    RedrivenLetters,
)
from contract.kafka.transactions import BatchAbortedError, Checkpoint, FencedError, Transactions, no_checkpoint
from contract.messages import encode
from contract.schema import Schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS

TRANSACTIONAL_ID = "redrive"
MOST_AT_ONCE = 500
"""Letters in one transaction; and so many bytes, of which one letter may be more."""
MOST_BYTES_AT_ONCE = 8_000_000
_MOST_TRANSACTION_MS = 10_000
"""A run that was killed holds up the readers of its topics for that long at most, unless another run begins."""
_TRIES, _PAUSE_SECONDS = 5, 1.0
_log = logging.getLogger("churnstream.redrive")


@dataclass
class RedriveTally:
    """What becomes of the letters that were chosen: counts by where they go, why they stay, and the rest.

    ``goes``: by reason, field, and the short name of the topic. ``already``: sent again by an earlier run. ``beyond``:
    whether there may be more, because the limit was reached. ``stopped``: somebody has asked the run to end.
    """

    goes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    stays: Counter[str] = field(default_factory=Counter)
    already: int = 0
    beyond: bool = False
    stopped: bool = False

    @property
    def sent(self) -> int:
        return self.goes.total()


class _Going(NamedTuple):
    letter: StoredLetter
    to: Destination


class Redrive:
    """One run on a stream: ``plan`` tells what ``run`` would do."""

    def __init__(
        self,
        settings: Settings,
        schema: Schema,
        chosen: ChosenLetters,
        *,
        limit: int | None = None,
        most_redriven: int = MOST_REDRIVEN,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        """``limit``: letters to send at most, the oldest of each partition first. ``checkpoint`` is for tests."""
        self._settings = settings
        self._schema = schema
        self._chosen = chosen
        self._limit = limit
        self._most_redriven = most_redriven
        self._checkpoint = checkpoint
        self._short = {settings.topic(name): name for name in (CUSTOMERS, LABELS)}

    def plan(self) -> RedriveTally:
        """What would be sent, and what would stay. Nothing is written.

        Raises:
            UserError: the broker does not answer, or a topic is gone or may not be read.
        """
        tally = RedriveTally()
        with letter_topic(self._settings, self._chosen.within.since) as topic:
            ends = topic.ends()
            for going in self._going(topic, ends, topic.redriven(ends), tally):
                self._count(tally, [going])
        return tally

    def run(self, stop: threading.Event) -> RedriveTally:
        """Send them; when ``stop`` is set the batch at hand is finished first.

        Raises:
            UserError: the broker does not answer or refuses, or another run has begun. The message says how many were
                sent by then; another run sends the rest, and none of those.
        """
        settings = self._settings
        brief = settings.model_copy(
            update={"transaction_timeout_ms": min(settings.transaction_timeout_ms, _MOST_TRANSACTION_MS)}
        )
        transactions = Transactions(
            lambda on_failure: transactional_producer(brief, settings.topic(TRANSACTIONAL_ID), on_failure),
            settings.request_timeout_ms / 1_000,
            named=True,
            checkpoint=self._checkpoint,
        )
        tally = RedriveTally()
        unknown: list[_Going] = []
        try:
            with letter_topic(settings, self._chosen.within.since) as topic:
                for attempt in range(1, _TRIES + 1):
                    try:
                        self._send(topic, transactions, tally, unknown, stop)
                    except BatchAbortedError as error:
                        _log.warning("a batch was aborted (%s); reading what was sent, then continuing", error)
                        if attempt == _TRIES or stop.wait(_PAUSE_SECONDS):
                            raise UserError(f"Kafka does not accept the letters ({error}); {_told(tally)}") from error
                    else:
                        break
        except FencedError as error:
            raise UserError(f"another `churnstream redrive` of this stream has started; {_told(tally)}") from error
        finally:
            transactions.close()
        return tally

    def _send(
        self,
        topic: LetterTopic,
        transactions: Transactions,
        tally: RedriveTally,
        unknown: list[_Going],
        stop: threading.Event,
    ) -> None:
        """Send what is left; ``unknown`` are those of a batch of which it is not known whether it was published."""
        transactions.prepare()
        self._checkpoint("prepared")
        ends = topic.ends()
        marks = topic.redriven(ends)
        self._checkpoint("marks-read")
        self._count(tally, [going for going in unknown if _place(going)[1] in marks[_place(going)[0]]])
        unknown.clear()
        tally.stays.clear()
        tally.already = -tally.sent
        batch: list[_Going] = []
        size = 0
        for going in self._going(topic, ends, marks, tally, batch):
            batch.append(going)
            size += len(going.letter.value or b"") + len(going.letter.key or b"")
            if len(batch) >= MOST_AT_ONCE or size >= MOST_BYTES_AT_ONCE:
                self._publish(batch, transactions, tally, unknown)
                size = 0
                if stop.is_set():
                    tally.stopped = True
                    return
        self._publish(batch, transactions, tally, unknown)

    def _publish(
        self, batch: list[_Going], transactions: Transactions, tally: RedriveTally, unknown: list[_Going]
    ) -> None:
        if not batch:
            return
        unknown[:] = batch
        transactions.run(lambda producer: self._fill(producer, batch))
        unknown.clear()
        self._count(tally, batch)
        batch.clear()

    def _fill(self, producer: Producer, batch: list[_Going]) -> None:
        marks: dict[int, list[int]] = {}
        for going in batch:
            letter, to = going
            producer.produce(
                to.topic, key=letter.key, value=letter.value, headers=_headers(letter), partition=to.partition
            )
            partition, offset = _place(going)
            marks.setdefault(partition, []).append(offset)
        for partition, offsets in marks.items():
            producer.produce(
                self._settings.topic(DEAD_LETTERS),
                value=encode(RedrivenLetters(offsets)),
                headers=[(MARK, str(len(offsets)))],
                partition=partition,
            )

    def _going(
        self,
        topic: LetterTopic,
        ends: Mapping[int, int],
        marks: Mapping[int, OffsetSet],
        tally: RedriveTally,
        held: list[_Going] | None = None,
    ) -> Iterator[_Going]:
        """Those that go, up to the limit, of which ``held`` are chosen and not counted yet; the others are counted."""
        judge = RedriveJudge(self._settings, self._schema, topic.counts(list(self._short)), self._most_redriven)
        for message in topic.messages(ends):
            letter = stored_letter(message)
            if letter is None or not self._chosen.holds(letter.seen):
                continue
            if message.offset in marks[message.partition]:
                tally.already += 1
                continue
            to = judge.judge(letter)
            if isinstance(to, str):
                tally.stays[to] += 1
                continue
            if self._limit is not None and tally.sent + len(held or ()) >= self._limit:
                tally.beyond = True
                return
            yield _Going(letter, to)

    def _count(self, tally: RedriveTally, batch: list[_Going]) -> None:
        for letter, to in batch:
            tally.goes[letter.seen.reason, letter.seen.field.removeprefix("features."), self._short[to.topic]] += 1


def _place(going: _Going) -> tuple[int, int]:
    """Partition and offset of the letter."""
    return going.letter.seen.partition, going.letter.seen.offset


def _headers(letter: StoredLetter) -> list[Header]:
    partition, offset = letter.first
    known = [(REDRIVEN, letter.redriven + 1), (FIRST_PARTITION, partition), (FIRST_OFFSET, offset)]
    known += [] if letter.sent is None else [(FIRST_SENT, letter.sent)]
    return [(name, str(number)) for name, number in known]


def _told(tally: RedriveTally) -> str:
    return (
        f"{tally.sent:,} letter{'' if tally.sent == 1 else 's'} had been sent by then and will not be sent twice. Run "
        f"it again for the rest"
    )
