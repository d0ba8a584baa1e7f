"""What the stream says of a champion now: its incidents that stand, and its verdict, from ``alerts``."""

from dataclasses import dataclass, field

import msgspec
from confluent_kafka import Message

from contract.alerts import Alert, ModelVerdict, alert_message_type
from contract.errors import UserError
from contract.kafka.rereading import NothingCameError, read_whole
from contract.kafka.stream_identity import is_of_stream, stream_identity
from contract.messages import ModelRef
from contract.settings import Settings
from contract.topics import ALERTS


@dataclass
class ModelEvidence:
    """The newest of what is said of one model; ``take`` a value of ``alerts`` under its key, None to forget it."""

    model: ModelRef
    verdict: ModelVerdict | None = None
    _incidents: dict[bytes, Alert] = field(default_factory=dict)

    @property
    def incidents(self) -> tuple[Alert, ...]:
        """Those that stand, the earliest first."""
        standing = [alert for alert in self._incidents.values() if alert.standing]
        return tuple(sorted(standing, key=lambda alert: (alert.start, alert.key)))

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """A message; what is of another model, or none of ours, is passed over."""
        if value is None:
            self._incidents.pop(key or b"", None)
            return
        kind = alert_message_type(key)
        try:
            found = msgspec.json.decode(value, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if found.model != self.model:
            return
        if isinstance(found, ModelVerdict):
            self.verdict = found
        elif found.standing:
            self._incidents[key or b""] = found
        else:
            self._incidents.pop(key or b"", None)


def read_evidence(settings: Settings, model: ModelRef) -> ModelEvidence:
    """What ``alerts`` holds of a model of the stream as it is now.

    Raises:
        UserError: the broker does not answer, or the topic is gone.
    """
    name, stream = settings.topic(ALERTS), stream_identity(settings)
    found = ModelEvidence(model)

    def take(message: Message) -> None:
        if is_of_stream(message, stream):
            found.take(message.key(), message.value())

    try:
        read_whole(settings, [name], take)
    except NothingCameError as error:
        raise UserError(f"{name} cannot be read ({error}); check KAFKA_BOOTSTRAP_SERVERS") from None
    return found
