"""What a batch leads to: outcomes and dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
from confluent_kafka import Producer

from contract.arrays import Floats, Integers
from contract.kafka.dead_letters import Header, produce_dead_letter
from contract.rejection import Reason, RejectionError
from contract.settings import Settings
from contract.topics import DEAD_LETTERS, LABELS
from monitor.join.columns.codes import Codes
from monitor.join.incoming import Incoming
from monitor.join.rules import KeptLabel, KeptPrediction

_encoder = msgspec.json.Encoder()


class DeadLetter(NamedTuple):
    """A message that cannot be used: which topic of the partition it is from, where it stands, its bytes, and why.

    ``resent`` is what its headers say of being sent again.
    """

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    rejection: RejectionError
    resent: Sequence[Header] = ()

    def produce(self, producer: Producer, settings: Settings, partition: int, time: int) -> None:
        """Send it; ``time`` is wall time in ms."""
        produce_dead_letter(
            producer,
            settings.topic(DEAD_LETTERS),
            self.rejection,
            key=self.key,
            value=self.value,
            origin=(settings.topic(self.topic), partition, self.offset),
            time=time,
            resent=self.resent,
        )


@dataclass
class Effects:
    """What a batch leads to. Outcomes are messages as they are sent: key and value."""

    outcomes: list[tuple[bytes, bytes]] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


class Decided(NamedTuple):
    """Rows whose label is decided, one element each, with what their outcomes say of them."""

    record_ids: Sequence[str]
    customer_ids: Sequence[str]
    keys: Sequence[bytes]
    times: Integers
    label_times: Integers
    labels: Integers
    revision: int
    probabilities: Floats
    codes: Integers


def outcomes_of(decided: Decided, codes: Codes, inferred: bool = False) -> list[tuple[bytes, bytes]]:
    """Messages on ``outcomes``, as encoding each ``contract.messages.Outcome`` gives them."""
    # an id may hold any character; JSON has no raw newline in it
    records = _encoder.encode_lines(decided.record_ids).split(b"\n")
    customers = _encoder.encode_lines(decided.customer_ids).split(b"\n")
    end = ',"inferred":true}' if inferred else ',"inferred":false}'
    tails = [tail + end for tail in codes.tails]
    revision = decided.revision
    return [
        (
            key,
            b'{"record_id":%b,"customer_id":%b%b'
            % (
                record,
                customer,
                (
                    f',"event_time":{time},"label_time":{label_time},"label":{label},"revision":{revision},'
                    f'"probability":{probability!r}{tails[code]}'
                ).encode(),
            ),
        )
        for key, record, customer, time, label_time, label, probability, code in zip(
            decided.keys,
            records,
            customers,
            decided.times.tolist(),
            decided.label_times.tolist(),
            decided.labels.tolist(),
            decided.probabilities.tolist(),
            decided.codes.tolist(),
            strict=False,
        )
    ]


def dead_letter(topic: str, message: Incoming, rejection: RejectionError) -> DeadLetter:
    """A message as it came."""
    return DeadLetter(topic, message.offset, message.key, message.value, rejection, message.resent)


def dead_label(label: KeptLabel, reason: Reason, detail: str, field: str = "record_id") -> DeadLetter:
    """A label that was kept until now."""
    rejection = RejectionError(reason, field, detail)
    return DeadLetter(LABELS, label.offset, label.key.encode(), label.raw, rejection, label.resent)


def both_times(prediction: KeptPrediction, label: KeptLabel) -> str:
    """What a label is told that is dated before its record."""
    return (
        f"the label is dated {label.event_time}, before its record of {prediction.event_time} (ms since 1970); date "
        f"labels when they become known, or set CHURNSTREAM_LABEL_TOLERANCE to 1d if they have no time of day"
    )
