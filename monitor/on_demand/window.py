"""The window that a report is asked of, from ``windows`` alone: one pass, and one number is kept of each window."""

import re
from dataclasses import dataclass, field

import msgspec
from confluent_kafka import Message

from contract.errors import UserError
from contract.kafka.rereading import NothingCameError, read_whole
from contract.kafka.stream_identity import is_of_stream, stream_identity
from contract.messages import Role
from contract.settings import Settings
from contract.topics import WINDOWS
from contract.windows import Window, decode_window
from monitor.on_demand.asked import no_such_window

_KEY = re.compile(r"(?P<name>.+)/(?P<version>\d+)/(?P<role>[a-z]+)/(?P<start>-?\d{1,15})", re.DOTALL)


@dataclass(frozen=True)
class AskedWindow:
    """``version`` None: the newest one that has such a window. ``start`` (ms, event time) None: the latest."""

    model: str
    version: int | None
    role: Role
    start: int | None

    @property
    def title(self) -> str:
        """``churn v3 challenger``, as far as it is said."""
        parts = [self.model, "" if self.version is None else f"v{self.version}"]
        return " ".join(part for part in (*parts, "" if self.role == "champion" else self.role) if part)


def find_window(settings: Settings, asked: AskedWindow) -> Window:
    """The window as it stands on ``windows`` now.

    Raises:
        UserError: there is none, the message says where the nearest ones start; or the topic cannot be read.
    """
    reader = _WindowReader(asked, stream_identity(settings))
    try:
        read_whole(settings, [settings.topic(WINDOWS)], reader.take)
    except NothingCameError as error:
        raise UserError(f"windows cannot be read ({error}); check KAFKA_BOOTSTRAP_SERVERS") from None
    return reader.found()


@dataclass
class _WindowReader:
    asked: AskedWindow
    stream: str
    starts: set[int] = field(default_factory=set)
    kept: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """By version the start of the window in question, and its newest message."""

    def take(self, message: Message) -> None:
        key = _KEY.fullmatch((message.key() or b"").decode(errors="replace"))
        value, asked = message.value(), self.asked
        if key is None or value is None or (key["name"], key["role"]) != (asked.model, asked.role):
            return
        version, start = int(key["version"]), int(key["start"])
        if asked.version not in (None, version) or not is_of_stream(message, self.stream):
            return
        self.starts.add(start)
        before = self.kept.get(version)
        wanted = asked.start == start or (asked.start is None and (before is None or start >= before[0]))
        if wanted:
            self.kept[version] = start, value

    def found(self) -> Window:
        if not self.kept:
            raise no_such_window(self.asked.title, self.starts, self.asked.start)
        # of the newest version, or, if the latest window is asked for, the one that was at work last
        _, (_, value) = max(self.kept.items(), key=lambda item: (item[1][0], item[0]))
        try:
            return decode_window(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError(
                f"the window of {self.asked.title} cannot be read ({str(error)[:200]}); another program or a newer "
                f"release wrote it"
            ) from None
