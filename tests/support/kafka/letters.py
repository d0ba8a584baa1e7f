"""Dead letters as scorer and join write them, sent by a test."""

from collections.abc import Iterable
from typing import NamedTuple

from contract.kafka.clients import idempotent_producer
from contract.kafka.dead_letters import Header, produce_dead_letter
from contract.rejection import Reason, RejectionError
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS
from tests.support.kafka.topics import TIMEOUT


class SentLetter(NamedTuple):
    """What a test says of a dead letter: ``topic`` is a short name."""

    key: bytes | None
    value: bytes | None
    partition: int = 0
    offset: int = 0
    reason: Reason = Reason.NOT_SCORABLE
    field: str = ""
    topic: str = CUSTOMERS
    time: int = 0
    resent: tuple[Header, ...] = ()


def send_letters(settings: Settings, letters: Iterable[SentLetter]) -> None:
    """Send them, and wait until the broker has them."""
    producer = idempotent_producer(settings)
    for letter in letters:
        produce_dead_letter(
            producer,
            settings.topic(DEAD_LETTERS),
            RejectionError(letter.reason, letter.field, ""),
            key=letter.key,
            value=letter.value,
            origin=(settings.topic(letter.topic), letter.partition, letter.offset),
            time=letter.time,
            resent=letter.resent,
        )
    assert producer.flush(TIMEOUT) == 0
