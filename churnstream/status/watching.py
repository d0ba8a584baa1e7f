"""A stream's status that is watched: drawn anew on a terminal; lines of what changes, or of JSON, anywhere else."""

import time
from collections.abc import Iterator

import msgspec
from rich.console import Console
from rich.live import Live

from churnstream.live.shown import is_drawn, output
from churnstream.live.told import Teller
from churnstream.status.form import StreamStatus, as_json
from churnstream.status.looking import StreamLook, look_at
from churnstream.status.view import status_view, verdict_line, watched_view
from contract.settings import Settings
from dashboard.view.words import whole

_EVERY_SECONDS = 1.0
_FIRST_SECONDS = 0.25
SECONDS_BETWEEN_LINES = 60.0
"""Wall time after which a line says that the stream is as it was."""


def watch_stream(settings: Settings, json: bool, timeout: float) -> None:
    """Show a stream until Ctrl-C, whatever the broker does meanwhile.

    ``timeout`` (seconds): how long the first look may take before what is known by then is shown.

    Raises:
        KeyboardInterrupt: somebody has enough.
        UserError: a Kafka property of the user's is of no use.
    """
    console = output()
    with look_at(settings) as look:
        if json:
            _tell_json(look, timeout)
        elif is_drawn(console):
            _draw(look, console)
        else:
            _tell(look, console, timeout)


def _draw(look: StreamLook, console: Console) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            found = look.status()
            live.update(watched_view(found, look.windows()), refresh=True)
            time.sleep(_FIRST_SECONDS if found.at and found.stream is None else _EVERY_SECONDS)


def _tell(look: StreamLook, console: Console, timeout: float) -> None:
    lines = StatusLines()
    look.wait(timeout)
    console.print(status_view(look.status()))
    while True:
        found = look.status()
        for line in lines.after(found, look, time.monotonic()):
            console.print(line, soft_wrap=True)
        time.sleep(_EVERY_SECONDS)


def _tell_json(look: StreamLook, timeout: float) -> None:
    look.wait(timeout)
    before: StreamStatus | None = None
    while True:
        found = look.status()
        if before is None or without_times(found) != without_times(before):
            print(as_json(found, indented=False), flush=True)
            before = found
        time.sleep(_EVERY_SECONDS)


def without_times(status: StreamStatus) -> StreamStatus:
    """The status without what changes by the mere passing of time."""
    newest = status.newest_window
    still = None if newest is None else msgspec.structs.replace(newest, told_ago_ms=None, ends_ago_ms=0)
    return msgspec.structs.replace(status, at=0, newest_window=still)


class StatusLines:
    """What is new in each status, in lines; and now and then how it stands."""

    def __init__(self) -> None:
        self._teller = Teller()
        self._is_first = True
        self._problems: frozenset[tuple[str, str]] = frozenset()
        self._said = 0.0

    def after(self, found: StreamStatus, look: StreamLook, now: float) -> Iterator[str]:
        """The lines; ``now`` in seconds of a monotonic clock."""
        alerts, _ = look.told()
        news = self._teller.news(look.windows(), alerts, found.verdicts)
        problems = frozenset((one.kind, one.text) for one in found.problems if one.kind not in ("incident", "verdict"))
        changed = problems != self._problems
        first, self._is_first, self._problems = self._is_first, False, problems
        if first:
            # what was there has just been shown
            self._said = now
            return
        yield from news
        if changed or now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            yield self._standing(found)

    @staticmethod
    def _standing(found: StreamStatus) -> str:
        lag = ", ".join(f"{one.name} {'–' if one.lag is None else whole(one.lag)}" for one in found.workers)
        others = [one.text for one in found.problems if one.kind not in ("incident", "verdict")]
        return "; ".join([f"{verdict_line(found).plain}; lag: {lag}", *others])
