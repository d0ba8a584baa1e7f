"""Follows a stream into a ``StreamState``: one thread reads its topics, another looks what there is.

The one that looks decides whether the broker answers, and which topics there are. The one that reads takes messages
into the state, and begins anew where topics have been made anew.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec
from confluent_kafka import KafkaException

from contract.kafka.dead_letters import is_mark
from contract.settings import Settings
from contract.signals import LAG, RECORDS
from contract.topics import DEAD_LETTERS, PANES, PREDICTIONS, WINDOWS
from contract.worker.clock import Clock, SystemClock
from dashboard.following.looker import Looker
from dashboard.following.positions import READS
from dashboard.following.reader import Place, TopicReader
from dashboard.following.topics import FOLLOWED, FoundTopics
from dashboard.stream.backlog import WindowBacklog
from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState

LETTERS_BACK = 1_000
"""Offsets of each partition of ``dead-letters`` that are read back at the start."""
_READ_SECONDS = 0.25
_AT_ONCE = 100  # messages for which the lock is held, so that nobody waits long for a page
_AGAIN_SECONDS = 1.0
_END_SECONDS = 10.0
_log = logging.getLogger("churnstream.dashboard")


class StreamFollower:
    """Follows one stream until it is told to stop.

    ``state`` is written to under ``lock``, for some 50 ms at most, and only there. ``reach`` and ``positions`` may be
    read at any time without it; ``revision`` rises when either says something else. ``reads``: the consumer groups
    whose lag is told, and what each reads.

    Raises, when it is made:
        UserError: a Kafka property of the user's is of no use. A broker that is away is no error.
    """

    def __init__(
        self,
        settings: Settings,
        state: StreamState,
        lock: AbstractContextManager[object],
        clock: Clock | None = None,
        reads: Mapping[str, Sequence[str]] = READS,
    ) -> None:
        self._settings, self._state, self._lock = settings, state, lock
        self._looker = Looker(settings, clock or SystemClock(), reads)
        self._reader = self._new_reader()
        self._backlog = WindowBacklog()
        self._followed: FoundTopics | None = None
        self._ids: dict[str, str] = {}
        self._letters_from: dict[int, int] = {}
        self._letters_read: Counter[int] = Counter()
        self._letters: Mapping[int, int] = {}
        self._caught_up = False
        self._changes = 0

    @property
    def reach(self) -> Reach:
        reach = msgspec.structs.replace(self._looker.reach, caught_up=self._caught_up)
        if self._reader.refused and not reach.reason:
            refused = ", ".join(sorted(self._reader.refused))
            return msgspec.structs.replace(reach, reason=f"Kafka does not let this user read {refused}")
        return reach

    @property
    def positions(self) -> Positions:
        return msgspec.structs.replace(self._looker.positions, letters=self._letters)

    @property
    def stream(self) -> str | None:
        """The name of the stream that is followed; None: not known, or not yet."""
        return None if self._followed is None else self._followed.stream

    @property
    def revision(self) -> int:
        return self._looker.revision + self._changes

    def run(self, stop: threading.Event) -> None:
        """Follow until ``stop`` is set, whatever the broker does meanwhile."""
        looking = threading.Thread(target=self._looker.run, args=(stop,), name="dashboard-look", daemon=True)
        looking.start()
        try:
            while not stop.is_set():
                try:
                    self._step()
                except KafkaException as error:
                    _log.warning("reading failed (%s); it starts again", error.args[0].str())
                    self._begin_anew()
                    stop.wait(_AGAIN_SECONDS)
                except Exception:
                    # the page must not stand still for good because of one message or answer
                    _log.exception("following the stream failed; it starts again")
                    self._begin_anew()
                    stop.wait(_AGAIN_SECONDS)
        finally:
            self._reader.close()
            looking.join(_END_SECONDS)

    def _step(self) -> None:
        found = self._looker.topics
        if found is not None and found is not self._followed:
            self._follow(found)
        messages = self._reader.read(_READ_SECONDS)
        for topic, count in Counter(one.topic for one in messages).items():
            RECORDS.labels(self._settings.topic(topic)).inc(count)
        self._letters_read.update(
            one.partition for one in messages if one.topic == DEAD_LETTERS and not is_mark(one.headers)
        )
        progress = self._looker.take_progress()
        messages = self._backlog.sift(messages, self._reader.has_read(WINDOWS))
        for some in (messages[at : at + _AT_ONCE] for at in range(0, len(messages), _AT_ONCE)):
            with self._lock:
                self._state.take_all(some)
        if progress:
            with self._lock:
                for message in progress:
                    self._state.fill_in(message)
        if not self._caught_up and self._has_caught_up:
            self._caught_up = True
            self._changes += 1

    @property
    def _has_caught_up(self) -> bool:
        return bool(self._reader.following) and self._reader.at_end and self._looker.has_looked_for_progress

    def _follow(self, found: FoundTopics) -> None:
        """Follow what there is now."""
        if self._followed is not None and self._is_another(found):
            _log.info("topics were deleted and created again; what was known of the old ones is forgotten")
            self._begin_anew()
        if self._followed is None:
            with self._lock:
                self._state.begin_anew(found.stream)
        new = {
            Place(topic, partition): _begin(topic, found.firsts[topic][partition], end)
            for topic in FOLLOWED
            for partition, end in found.ends.get(topic, {}).items()
            if Place(topic, partition) not in self._reader.following
        }
        if new:
            self._letters_from |= {place.partition: at for place, at in new.items() if place.topic == DEAD_LETTERS}
            self._reader.follow(new)
        if Place(PANES, 0) in new:
            # what comes is read from the end on; what has come is looked for afterwards, so that there is no gap
            self._looker.look_for_progress(found.ends.get(PREDICTIONS, {}))
        self._followed = found
        self._ids |= {topic: found.ids[topic] for topic in FOLLOWED if topic in found.ids}
        self._count_letters(found)
        for place, at in self._reader.following.items():
            end = found.ends.get(place.topic, {}).get(place.partition, 0)
            LAG.labels(self._settings.topic(place.topic), str(place.partition)).set(max(end - at, 0))

    def _is_another(self, found: FoundTopics) -> bool:
        """Whether it is another stream, or a topic that is followed is another one by now."""
        renamed = self._followed is not None and found.stream not in (None, self._followed.stream)
        return renamed or any(found.ids.get(topic, known) != known for topic, known in self._ids.items())

    def _begin_anew(self) -> None:
        self._reader.close()
        self._reader = self._new_reader()
        self._backlog = WindowBacklog()
        self._looker.drop_progress()
        self._followed = None
        self._ids.clear()
        self._letters_from.clear()
        self._letters_read.clear()
        self._caught_up = False
        self._changes += 1

    def _new_reader(self) -> TopicReader:
        return TopicReader(self._settings, self._looker.heard_of_trouble, frozenset({DEAD_LETTERS}))

    def _count_letters(self, found: FoundTopics) -> None:
        """How many there have been. Where reading began later than the partition, ends of transactions count, too."""
        letters = {}
        for partition, end in found.ends.get(DEAD_LETTERS, {}).items():
            unread = max(end - self._reader.following[Place(DEAD_LETTERS, partition)], 0)
            letters[partition] = self._letters_from[partition] + self._letters_read[partition] + unread
        self._changes += letters != self._letters
        self._letters = letters


def _begin(topic: str, first: int, end: int) -> int:
    """Where to begin to read a partition."""
    if topic == PANES:
        return end
    return max(first, end - LETTERS_BACK) if topic == DEAD_LETTERS else first
