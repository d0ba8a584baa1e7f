"""What a worker tells people of its work, shown without ``--verbose`` too: that it is ready, then now and then what it
has done. A worker that has nothing to do says nothing."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from contract.kafka.clients import DEFAULT_BOOTSTRAP_SERVERS
from contract.settings import Settings
from contract.worker.logs import NEWS

_FIRST_SECONDS, _SECONDS, _CHANGE_SECONDS = 5.0, 60.0, 10.0
_log = logging.getLogger(NEWS)


class WorkerNews:
    """Of one worker, told from one thread.

    ``totals`` are its counts since its start, by what they count. What is new in them is told 5 s after something has
    happened, and no oftener than once a minute.
    """

    def __init__(self, totals: Callable[[], Mapping[str, int]], clock: Callable[[], float] = time.monotonic) -> None:
        self._totals = totals
        self._clock = clock
        self._known = dict(totals())
        self._doing: str | None = None
        self._changed = self._since = self._last = float("-inf")
        self._due: float | None = None
        self._paused: float | None = None

    def tell(self, doing: str | None, waiting: int | None = None) -> None:
        """Say what there is to say now: what it does if that is new (None: it is not ready), and what it has done.

        It also says what it does if it was not ready for a while, as in an outage of the broker. ``waiting``: messages
        that it has not read yet.
        """
        now = self._clock()
        if doing is None:
            self._paused = now if self._paused is None else self._paused
        else:
            self._say(doing, 0.0 if self._paused is None else now - self._paused, now)
            self._paused = None
        totals = self._totals()
        if self._due is None:
            if any(count != self._known.get(what, 0) for what, count in totals.items()):
                self._since = now
                self._due = max(now + _FIRST_SECONDS, self._last + _SECONDS)
        elif now >= self._due:
            self._report(totals, waiting, now)

    def _say(self, doing: str, paused: float, now: float) -> None:
        if self._doing is None:
            _log.info("ready: %s", doing)
        elif paused >= _CHANGE_SECONDS:
            _log.info("back after %d s: %s", round(paused), doing)
        elif doing != self._doing and now - self._changed >= _CHANGE_SECONDS:
            _log.info("now: %s", doing)
        else:
            return
        self._doing, self._changed = doing, now

    def close(self, waiting: int | None = None) -> None:
        """Say what has been done since it was told last."""
        totals, now = self._totals(), self._clock()
        if self._due is None:
            self._since = now
        if any(count != self._known.get(what, 0) for what, count in totals.items()):
            self._report(totals, waiting, now)

    def _report(self, totals: Mapping[str, int], waiting: int | None, now: float) -> None:
        new = {what: count - self._known.get(what, 0) for what, count in totals.items()}
        told = ", ".join(f"{count:,} {what}" for what, count in new.items() if count)
        behind = "" if waiting is None else f"; {waiting:,} waiting"
        _log.info("in the last %d s: %s%s", max(round(now - self._since), 1), told, behind)
        self._known, self._last, self._due = dict(totals), now, None


def with_partitions(doing: str, partitions: Sequence[int] | None) -> str | None:
    """What a worker does that shares partitions with others; None: it has not heard yet which are its own."""
    if partitions is None:
        return None
    if not partitions:
        return "standing by, because other workers have all partitions"
    return f"{doing} (partition{'' if len(partitions) == 1 else 's'} {', '.join(map(str, partitions))})"


def stream_place(settings: Settings) -> str:
    """Where a stream is, and the command that shows it."""
    if settings.stream and settings.topic_prefix == f"{settings.stream}-":
        flags = f" --stream {settings.stream}"
    else:
        flags = f" --topic-prefix {settings.topic_prefix}" if settings.topic_prefix else ""
    servers = settings.kafka.get("bootstrap.servers", DEFAULT_BOOTSTRAP_SERVERS)
    return f"Kafka {servers}; see it with `churnstream dashboard{flags}`"
