"""The thread that looks, every other second: whether the broker answers, what topics there are, how far workers are."""

import logging
import re
import threading
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from contract.errors import UserError
from contract.kafka.clients import build_client, client_config
from contract.settings import Settings
from contract.worker.clock import Clock
from contract.worker.outage import Outage
from dashboard.following.positions import READS, WorkerPositions
from dashboard.following.progress import last_progress
from dashboard.following.reader import PATIENT
from dashboard.following.topics import FoundTopics, TopicFinder
from dashboard.signals import KAFKA_UP
from dashboard.stream.received import Positions, Reach, Received

SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_WHILE_AWAY = 0.5
_ANSWER_SECONDS = 2.5
"""How long the broker may take, so that its silence is told five seconds after it began."""
_STEP_SECONDS = 0.25
_MOST_FAILED = 5
_PASSING = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_TIMES = re.compile(r" \(after \d+ms in state .*\)$")
_CONNECT = re.compile(r"\S+: Connect to ipv[46]#(?P<address>\S+) failed: (?P<why>.+)")
_log = logging.getLogger("churnstream.dashboard")


class Looker:
    """Looks at one stream, in the thread that calls ``run``. What it has seen may be read from any. ``reads``: the
    consumer groups whose lag is told, and the topics that each reads.

    Raises, when it is made:
        UserError: a Kafka property of the user's is of no use.
    """

    def __init__(self, settings: Settings, clock: Clock, reads: Mapping[str, Sequence[str]] = READS) -> None:
        self._settings, self._clock = settings, clock
        timeout = min(_ANSWER_SECONDS, settings.request_timeout_ms / 1_000)
        self._timeout = timeout
        admin = build_client(AdminClient, PATIENT | client_config(settings))
        self._finder = TopicFinder(settings, admin, timeout)
        self._workers = WorkerPositions(settings, admin, timeout, reads)
        self._outage = Outage(_log)
        self._soon = threading.Event()
        self._trouble = ""
        self._answered: int | None = None
        self._wanted: tuple[int, ...] | None = None
        self._failed = self._passing = 0
        self._progress: list[Received] = []
        self.topics: FoundTopics | None = None
        """As of the last look that was answered; None before the first."""
        self.reach = Reach()
        self.positions = Positions()
        self.revision = 0
        """Rises with each look that saw something else."""

    def run(self, stop: threading.Event) -> None:
        """Look until ``stop`` is set."""
        while not stop.is_set():
            try:
                self._look()
            except (KafkaException, UserError, TimeoutError) as error:
                if _is_passing(error) and self._passing < _MOST_FAILED:
                    self._passing += 1
                    self._soon.set()
                else:
                    self._is_away(error)
            except Exception:
                # the page must not be blind for good because one look failed
                _log.exception("a look at the stream failed; trying again")
            self._pause(stop)

    def heard_of_trouble(self, reason: str) -> None:
        """A connection has failed: look soon, and if the broker does not answer, this is why."""
        self._trouble = in_words(reason)
        self._soon.set()

    def look_for_progress(self, partitions: Iterable[int]) -> None:
        """Look for the last progress of these partitions on ``panes``, soon."""
        self._wanted = tuple(partitions)
        self._soon.set()

    def drop_progress(self) -> None:
        """What was to be found, or has been found, is of no use any more."""
        self._wanted, self._progress = None, []

    @property
    def has_looked_for_progress(self) -> bool:
        return self._wanted is None

    def take_progress(self) -> list[Received]:
        """What was found of it since this was called last."""
        found, self._progress = self._progress, []
        return found

    def _look(self) -> None:
        topics = self._finder.find()
        self._answered = self._clock.now()
        KAFKA_UP.set(1)
        self._trouble, self._passing = "", 0
        self._outage.end("the broker answers again")
        refused = ", ".join(map(self._settings.topic, topics.refused))
        reason = f"Kafka does not let this user see {refused}" if refused else ""
        self._say(Reach(missing=topics.missing, reason=reason), self.positions)
        self.topics = topics
        self._find_progress()
        lag, members = self._workers.lag(topics), self._workers.members()
        if self.positions.at is None:
            # whether a worker stands still is known by the second look
            self._soon.set()
        self._say(self.reach, Positions(lag=lag, members=members, at=self._answered))

    def _find_progress(self) -> None:
        wanted = self._wanted
        if wanted is None:
            return
        try:
            found = last_progress(self._settings, wanted, self._timeout)
        except UserError as error:
            self._failed += 1
            if self._failed < _MOST_FAILED:
                return
            _log.warning("cannot look up the join's progress (%s); it will be known when the join continues", error)
            found = []
        self._failed = 0
        if self._wanted is wanted:
            self._progress, self._wanted = found, None

    def _is_away(self, error: Exception) -> None:
        KAFKA_UP.set(0)
        reason = self._trouble or _said(error) or f"no answer within {self._timeout:g} s"
        self._outage.begin("the broker does not answer (%s); the page shows the last known state", reason)
        since = self.reach.away_since
        if since is None:
            since = self._clock.now() if self._answered is None else self._answered
        self._say(msgspec.structs.replace(self.reach, away_since=since, reason=reason), self.positions)

    def _say(self, reach: Reach, positions: Positions) -> None:
        is_same = reach == self.reach and _without_time(positions) == _without_time(self.positions)
        self.reach, self.positions = reach, positions
        self.revision += not is_same

    def _pause(self, stop: threading.Event) -> None:
        left = _SECONDS_WHILE_AWAY if self._outage.lasts else SECONDS_BETWEEN_LOOKS
        while left > 0 and not stop.wait(_STEP_SECONDS):
            left -= _STEP_SECONDS
            if self._soon.is_set():
                self._soon.clear()
                return


def in_words(reason: str) -> str:
    """What librdkafka says of a connection, as somebody reads it who does not know its parts."""
    plain = _TIMES.sub("", reason)
    found = _CONNECT.fullmatch(plain)
    return plain if found is None else f"{found['address']}: {found['why']}"


def _is_passing(error: Exception) -> bool:
    """Whether a broker answers so that is about to be ready: a topic is new, or partitions change their leaders."""
    return isinstance(error, KafkaException) and error.args[0].code() in _PASSING


def _without_time(positions: Positions) -> tuple[Mapping[str, object], Mapping[str, object]]:
    return positions.lag, positions.members


def _said(error: Exception) -> str:
    return str(error.args[0].str()) if isinstance(error, KafkaException) else str(error)
