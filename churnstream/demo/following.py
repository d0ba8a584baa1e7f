"""Follows a run's stream to its end, shows it meanwhile, and keeps what was to be seen on the way."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from churnstream.demo.plan import Act, RunPlan
from churnstream.live.shown import shown
from churnstream.live.view import champions
from churnstream.live.watch import Snapshot, StreamWatch
from churnstream.processes.children import Child, Children
from contract.errors import UserError
from contract.settings import Settings
from contract.windows import Window

STALL_SECONDS = 60.0
_REFRESH_SECONDS = 0.5
_AHEAD = 0.5
"""Share of its labels below which a window's estimate is ahead of them."""


@dataclass(frozen=True)
class Said:
    """A champion's verdict, and the event time (ms) up to which windows had come when it was given."""

    until: int | None
    title: str


@dataclass
class Followed:
    """A stream, and what was seen of it so far.

    ``provisional`` has each window that was seen provisional, by its key, as it was seen first; ``final_before`` is how
    many windows were final when last one was seen that was not. ``verdicts`` are the champion's, each when it was
    another one than before.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    provisional: dict[str, Window] = field(default_factory=dict)
    final_before: int = 0
    verdicts: list[Said] = field(default_factory=list)

    @property
    def ahead(self) -> int:
        """How many windows were seen with their estimate while less than half of their labels had come."""
        return sum(one.estimated.f1 is not None and one.coverage < _AHEAD for one in self.provisional.values())

    def look(self, snapshot: Snapshot) -> None:
        """Take in the stream as it is now."""
        self.snapshot = snapshot
        waiting = {key: window for key, window in snapshot.windows.items() if window.status != "final"}
        self.provisional = waiting | self.provisional
        if waiting:
            self.final_before = len(snapshot.windows) - len(waiting)
        for verdict in champions(snapshot):
            if not self.verdicts or self.verdicts[-1].title != verdict.title:
                self.verdicts.append(Said(verdict.until, verdict.title))


def follow(
    settings: Settings, children: Children, replay: Child, plan: RunPlan, where: Text, console: Console
) -> Followed:
    """Show the stream, and ``where`` to look, until everything on it has been measured.

    Raises:
        UserError: a worker has ended, or nothing has moved for ``STALL_SECONDS``.
    """
    watch = StreamWatch(settings)
    followed = Followed()
    began = moved = time.monotonic()
    seen: tuple[int, ...] = ()
    try:
        with shown(console, where, own_dates=plan.own_dates) as show:
            while True:
                snapshot = watch.refresh()
                followed.look(snapshot)
                now = time.monotonic()
                show(snapshot, now - began, _state(snapshot, replay, plan.acts))
                if snapshot.complete:
                    return followed
                children.check()
                position = (snapshot.records, snapshot.lag, len(snapshot.windows), snapshot.measured)
                if position != seen:
                    seen, moved = position, now
                elif now - moved > STALL_SECONDS:
                    raise UserError(
                        f"nothing has changed for {STALL_SECONDS:.0f} s; see the logs in {replay.log_path.parent}"
                    )
                time.sleep(_REFRESH_SECONDS)
    finally:
        watch.close()


def _state(snapshot: Snapshot, replay: Child, acts: Sequence[Act]) -> str:
    if replay.exit_code is not None:
        return "measuring the rest"
    number = sum(act.start <= (snapshot.newest or 0) for act in acts)
    if not number:
        return "replaying"
    act = acts[number - 1]
    return f"act {number} of {len(acts)}, {act.name}: {act.happens}"
