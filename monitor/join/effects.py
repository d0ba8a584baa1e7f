"""What a batch leads to: outcomes, dead letters, and the changes that the store takes at its end."""

from dataclasses import dataclass, field
from typing import NamedTuple

from contract.messages import Outcome
from contract.rejection import Reason, RejectionError
from contract.topics import LABELS
from monitor.join.incoming import Incoming
from monitor.join.rules import KeptLabel, KeptPrediction


class DeadLetter(NamedTuple):
    """A message that cannot be used: which topic of the partition it is from, where it stands, its bytes, and why."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    rejection: RejectionError


@dataclass
class Effects:
    """What a batch leads to, in order of the messages."""

    outcomes: list[Outcome] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


class Changes:
    """What a batch changed, written to the store at its end."""

    def __init__(self) -> None:
        self.predictions: dict[tuple[str, str], KeptPrediction] = {}
        self.labels: dict[int, KeptLabel] = {}
        self.dropped: dict[int, KeptLabel] = {}

    def add_prediction(self, kept: KeptPrediction) -> None:
        self.predictions[kept.key] = kept

    def add_label(self, label: KeptLabel) -> None:
        self.labels[label.offset] = label

    def drop_label(self, label: KeptLabel) -> None:
        self.labels.pop(label.offset, None)
        self.dropped[label.offset] = label

    def is_dropped(self, label: KeptLabel) -> bool:
        return label.offset in self.dropped


def dead_letter(topic: str, message: Incoming, rejection: RejectionError) -> DeadLetter:
    """A message as it came."""
    return DeadLetter(topic, message.offset, message.key, message.value, rejection)


def dead_label(label: KeptLabel, reason: Reason, detail: str, field: str = "record_id") -> DeadLetter:
    """A label that was kept until now."""
    rejection = RejectionError(reason, field, detail)
    return DeadLetter(LABELS, label.offset, label.customer_id.encode(), label.raw, rejection)


def both_times(prediction: KeptPrediction, label: KeptLabel) -> str:
    """What a label is told that is dated before its record."""
    return (
        f"the label is dated {label.event_time}, before its record of {prediction.event_time} (ms since 1970); date "
        f"labels when they become known, or set CHURNSTREAM_LABEL_TOLERANCE to 1d where they carry no time of day"
    )


def outcome_of(kept: KeptPrediction, label: int, label_time: int) -> Outcome:
    """A prediction with the label that counts for it."""
    return Outcome(
        record_id=kept.record_id,
        customer_id=kept.customer_id,
        event_time=kept.event_time,
        label_time=label_time,
        label=label,
        revision=kept.revision,
        probability=kept.probability,
        predicted=kept.predicted,
        threshold=kept.threshold,
        model=kept.model,
    )
