"""What the page knows of a stream, from the messages on its topics, in bounded memory. Pure.

It keeps no truth of its own: whoever takes the same messages knows the same. What a later release writes that is not
known here is passed over, and so is what can be read by nobody; ``skipped`` counts both.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import msgspec

from contract.alerts import ModelVerdict, alert_message_type
from contract.kafka.dead_letters import is_mark
from contract.kafka.stream_identity import STREAM_HEADER
from contract.messages import ModelRef
from contract.panes import JoinProgress
from contract.topics import ALERTS, DEAD_LETTERS, PANES, VERSIONS, WINDOWS
from contract.versions import ServingVersions, TrainedVersion, version_message_type
from contract.windows import Window, window_message_type
from dashboard.stream.incidents import MOST_ALERT_BYTES, MOST_INCIDENTS, MOST_TOLD, KeptIncidents, StoredAlert
from dashboard.stream.letters import MOST_LETTERS, KeptLetters, SeenLetter, letter_of
from dashboard.stream.received import Received
from dashboard.stream.versions import KeptVersions
from dashboard.stream.windows import MOST_WINDOW_BYTES, MOST_WINDOWS, StoredWindow, WindowShelf

PROGRESS = b"progress/"
"""What the keys of a join's progress on ``panes`` begin with."""
MOST_MODELS = 2_000
"""Models whose verdict, or whose serving versions, are kept; those go first that were heard of longest ago."""
MOST_PARTITIONS = 10_000
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept at most; what each means stands where it is kept."""

    windows: int = MOST_WINDOWS
    window_bytes: int = MOST_WINDOW_BYTES
    incidents: int = MOST_INCIDENTS
    alert_bytes: int = MOST_ALERT_BYTES
    told: int = MOST_TOLD
    letters: int = MOST_LETTERS


class StreamState:
    """The newest of what each topic says.

    Bounds: ``MOST_WINDOWS`` windows and ``MOST_WINDOW_BYTES`` (of all models, oldest first), ``MOST_INCIDENTS`` with
    ``MOST_TOLD`` messages each, ``MOST_LETTERS`` dead letters, ``MOST_VERSIONS`` versions; each where it is kept. A
    message is taken once: what does not lie behind the newest of its partition is passed over.

    Not safe between threads: who writes and who reads share a lock.
    """

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self.revision = 0
        """Rises with each message that changed something."""
        self.skipped = 0
        """Messages that could not be read."""
        self._stream: bytes | None = None
        self._forget()
        self._takes: dict[str, Callable[[Received], bool]] = {
            WINDOWS: self._take_window,
            ALERTS: self._take_alert,
            VERSIONS: self._take_version,
            PANES: self._take_pane,
            DEAD_LETTERS: self._take_letter,
        }

    def begin_anew(self, stream: str | None = None) -> None:
        """Forget all, because the topics are others; ``stream`` names the one that they are of from now on.

        What says that it is of another stream is passed over.
        """
        self._forget()
        self._stream = None if stream is None else stream.encode()
        self.revision += 1

    def _forget(self) -> None:
        bounds = self._bounds
        self._windows = WindowShelf(bounds.windows, bounds.window_bytes)
        self._incidents = KeptIncidents(bounds.incidents, bounds.alert_bytes, bounds.told)
        self._letters = KeptLetters(bounds.letters)
        self._versions = KeptVersions()
        self._verdicts: dict[str, ModelVerdict] = {}
        self._serving: dict[str, ServingVersions] = {}
        self._progress: dict[int, JoinProgress] = {}
        self._read: dict[tuple[str, int], int] = {}

    def take(self, message: Received) -> None:
        """Take one message, of whatever topic. Never raises because of what stands in it."""
        take = self._takes.get(message.topic)
        place = message.topic, message.partition
        if take is None or message.offset <= self._read.get(place, -1):
            return
        self._read[place] = message.offset
        if not self._is_of_stream(message):
            return
        try:
            changed = take(message)
        except _UNREADABLE:
            self.skipped += 1
            return
        self.revision += changed

    def take_all(self, messages: Iterable[Received]) -> None:
        for message in messages:
            self.take(message)

    def fill_in(self, earlier: Received) -> None:
        """Take a join's progress from before what has been taken of ``panes``: it counts where nothing newer does."""
        try:
            partition = int((earlier.key or b"").removeprefix(PROGRESS))
            if partition not in self._progress:
                self.revision += self._take_pane(earlier)
        except _UNREADABLE:
            self.skipped += 1

    def models(self) -> tuple[ModelRef, ...]:
        """Those that have windows, in order of name, version and role."""
        return self._windows.models()

    def windows(self, model: ModelRef) -> Sequence[Window]:
        """A model's windows in order of end. Slim: without ``segments``, ``drift.customers``, ``drift.pooled``, and the
        counts of ``drift.features``; ``window`` has them.
        """
        return self._windows.of(model)

    def window(self, model: ModelRef, start: int) -> StoredWindow | None:
        """One window whole, as its newest message has it."""
        return self._windows.whole(f"{model.key}/{start}")

    @property
    def verdicts(self) -> Mapping[str, ModelVerdict]:
        """By key."""
        return MappingProxyType(self._verdicts)

    @property
    def incidents(self) -> Mapping[str, Sequence[StoredAlert]]:
        """By key, all messages of each that the topic still has, oldest first. Those heard of last come last."""
        return self._incidents.by_key

    @property
    def versions(self) -> Mapping[tuple[str, int], TrainedVersion]:
        """By the model's name and the version's number."""
        return self._versions

    @property
    def serving(self) -> Mapping[str, ServingVersions]:
        """By the model's name."""
        return MappingProxyType(self._serving)

    @property
    def progress(self) -> Mapping[int, JoinProgress]:
        """By partition."""
        return MappingProxyType(self._progress)

    @property
    def letters(self) -> Sequence[SeenLetter]:
        """The newest dead letters, newest last."""
        return self._letters.in_order()

    def _is_of_stream(self, message: Received) -> bool:
        """Whether a message says that it is of this stream, or says nothing."""
        named = [value for name, value in message.headers if name == STREAM_HEADER]
        return self._stream is None or not named or named[-1] == self._stream

    def _take_window(self, message: Received) -> bool:
        if window_message_type(message.key) is not Window:
            return False
        key = (message.key or b"").decode()
        if message.value is None:
            self._windows.remove(key)
        else:
            self._windows.put(key, message.value, message.offset, message.at)
        return True

    def _take_alert(self, message: Received) -> bool:
        key = (message.key or b"").decode()
        if alert_message_type(message.key) is not ModelVerdict:
            if message.value is None:
                self._incidents.remove(key)
            else:
                self._incidents.put(key, message.value, message.offset, message.at)
        elif message.value is None:
            self._verdicts.pop(key, None)
        else:
            verdict = msgspec.json.decode(message.value, type=ModelVerdict)
            _expect(verdict.key == key)
            _put(self._verdicts, key, verdict, MOST_MODELS)
        return True

    def _take_version(self, message: Received) -> bool:
        key = (message.key or b"").decode()
        if version_message_type(message.key) is TrainedVersion:
            if message.value is None:
                self._versions.remove(key)
            else:
                self._versions.put(key, message.value)
        elif message.value is None:
            self._serving.pop(key.rpartition("/")[0], None)
        else:
            serving = msgspec.json.decode(message.value, type=ServingVersions)
            _expect(serving.key == key)
            _put(self._serving, serving.name, serving, MOST_MODELS)
        return True

    def _take_pane(self, message: Received) -> bool:
        key = message.key or b""
        if not key.startswith(PROGRESS):
            return False
        if message.value is None:
            self._progress.pop(int(key.removeprefix(PROGRESS)), None)
        else:
            progress = msgspec.json.decode(message.value, type=JoinProgress)
            _expect(progress.key.encode() == key)
            _put(self._progress, progress.partition, progress, MOST_PARTITIONS)
        return True

    def _take_letter(self, message: Received) -> bool:
        letter = letter_of(message)
        if letter is None:
            self.skipped += not is_mark(message.headers)
            return False
        self._letters.put(letter)
        return True


def _put(kept: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]


def _expect(named: bool) -> None:
    if not named:
        raise msgspec.ValidationError("the key names something else")
