"""All that is looked for in a stream, from looks to alerts. No thread and no clock of its own."""

from collections.abc import Iterator

from contract.alert_rules import AlertRules
from contract.alerts import Alert
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, PREDICTIONS
from monitor.watch.behind import MlflowLag, SpooledWindows, WorkerLag
from monitor.watch.course import StreamIncidents
from monitor.watch.findings import StreamFinding
from monitor.watch.letters import LetterCounts
from monitor.watch.quiet import QuietTopic
from monitor.watch.reader import Look, StreamReader
from monitor.watch.refused import RefusedMessages

_DONE_BY = {CUSTOMERS: "scorer", PREDICTIONS: "join", LABELS: "join"}


class WatchedStream:
    """Follows one stream, look by look.

    Args:
        waiting: the windows that wait for MLflow.
        counts: told of each dead letter.
    """

    def __init__(
        self, settings: Settings, rules: AlertRules, reader: StreamReader, waiting: SpooledWindows, counts: LetterCounts
    ) -> None:
        self._reader = reader
        self._counts = counts
        counts.clear()
        stream = rules.stream
        self._refused = {
            name: RefusedMessages(settings.topic(name), what, stream)
            for name, what in (
                (CUSTOMERS, ("records", "could not be scored")),
                (PREDICTIONS, ("predictions", "could not be used")),
                (LABELS, ("labels", "could not be used")),
            )
        }
        self._by_topic = {settings.topic(name): refused for name, refused in self._refused.items()}
        pause = {name: reader.longest_pause(name) for name in (PREDICTIONS, LABELS)}
        self._quiet = (
            QuietTopic(PREDICTIONS, "predictions", "check what sends records", "critical", stream, pause[PREDICTIONS]),
            QuietTopic(LABELS, "labels", "check what sends labels", "warning", stream, pause[LABELS]),
        )
        self._ended: dict[str, tuple[int, bool]] = {}
        self._lags = [WorkerLag(group, group, stream) for group in ("scorer", "join")]
        self._mlflow = MlflowLag(waiting, stream)

    def after(self, look: Look, incidents: StreamIncidents, now: float, wall: int) -> list[Alert]:
        """What is to be told after a look; ``now`` is watched time in seconds, ``wall`` wall time in ms."""
        standing = incidents.standing
        findings = [
            *self._dead_letters(look, [subject for kind, subject in standing if kind == "dead_letters"]),
            *self._silence(look, now),
            *self._lag(look, now),
        ]
        self._mlflow.look(now)
        return incidents.after([*findings, *self._mlflow.findings(now)], now, wall)

    def _dead_letters(self, look: Look, standing: list[str]) -> Iterator[StreamFinding]:
        self._counts.add([*look.old_letters, *look.letters])
        for name, refused in self._refused.items():
            refused.advance(look.done[_DONE_BY[name], name])
        for letters, are_old in ((look.old_letters, True), (look.letters, False)):
            for letter in letters:
                of = self._by_topic.get(letter.origin)
                if of is not None:
                    of.take(letter, is_old=are_old)
        if look.all_read:
            for refused in self._refused.values():
                yield from refused.findings([subject for subject in standing if refused.is_mine(subject)])

    def _silence(self, look: Look, now: float) -> Iterator[StreamFinding]:
        for quiet in self._quiet:
            # records that come and are not scored are the scorer's lag, and no silence
            others = look.total(CUSTOMERS) if quiet.subject == PREDICTIONS else 0
            quiet.look(now, look.total(quiet.subject), others)
            yield from quiet.findings(now, quiet.is_silent(now) and self._has_ended(quiet.subject, look))

    def _has_ended(self, topic: str, look: Look) -> bool:
        at = look.total(topic)
        known = self._ended.get(topic)
        if known is None or known[0] != at:
            known = self._ended[topic] = at, self._reader.has_ended(topic)
        return known[1]

    def _lag(self, look: Look, now: float) -> Iterator[StreamFinding]:
        for lag in self._lags:
            lag.look(now, self._reader.reached(look, lag.group))
            for place, found in lag.suspects(now).items():
                if not self._reader.has_messages(place, found):
                    lag.nothing_left(place)
            yield from lag.findings(now, self._reader.members(lag.group) if lag.suspects(now) else None)
