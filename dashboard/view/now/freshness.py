"""How far the stream has come, and what stands still. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from contract.panes import JoinProgress
from contract.windows import Window
from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState
from dashboard.view.model import Banner
from dashboard.view.places import Places
from dashboard.view.words import NOTHING, count, lasting, moment, named, short_moment

AWAY_MS = 60_000
"""Wall time after which what is shown is old because the broker does not answer."""
_BEHIND_MS = 60_000
_WORKERS = {"scorer": "churnstream score", "join": "churnstream join"}


@dataclass(frozen=True)
class ComeUntil:
    """The earliest time up to which all partitions at work have come; ``ended`` and ``idle``: all of them are."""

    until: int | None
    ended: bool
    idle: bool

    @property
    def text(self) -> str:
        if self.until is None:
            return "ended" if self.ended else NOTHING
        return f"{short_moment(self.until)}{', ended' if self.ended else ''}"


def data_reached(progress: Iterable[JoinProgress]) -> ComeUntil:
    """How far records have come, in event time."""
    return _reached([(one.watermark, one.ended, one.idle) for one in progress])


def labels_reached(progress: Iterable[JoinProgress]) -> ComeUntil:
    """How far labels have come, in event time."""
    return _reached([(one.label_watermark, one.ended, one.idle or one.labels_idle) for one in progress])


def _reached(partitions: list[tuple[int | None, bool, bool]]) -> ComeUntil:
    ended = bool(partitions) and all(one[1] for one in partitions)
    idle = bool(partitions) and all(one[1] or one[2] for one in partitions)
    active = [time for time, over, silent in partitions if not over and not silent]
    if active:
        # one that has seen nothing yet holds the others back
        until = None if None in active else min(time for time in active if time is not None)
    else:
        until = max((time for time, _, _ in partitions if time is not None), default=None)
    return ComeUntil(until, ended, idle)


def is_away(reach: Reach, now_ms: int) -> bool:
    """Whether the broker has been away for so long that what is shown is old."""
    return reach.away_since is not None and now_ms - reach.away_since >= AWAY_MS


def staleness(
    known: StreamState, reach: Reach, positions: Positions, now_ms: int, places: Places, newest: Window | None
) -> list[Banner]:
    """What must be said so that nobody takes old for new."""
    banners = []
    if reach.away_since is not None:
        known_since = f"What you see is as of {moment(reach.away_since)}"
        banners.append(
            Banner(
                text=f"Kafka has not answered since {moment(reach.away_since)} by the clock"
                f"{f': {named(reach.reason, 200)}' if reach.reason else ''}. {known_since}.",
                tone="bad" if is_away(reach, now_ms) else "notice",
                remedy="Check the broker and the network. This page continues automatically as soon as Kafka answers.",
            )
        )
        return banners
    if not reach.caught_up:
        banners.append(
            Banner(
                text="The page has just started and is still reading the topics. What you see may be out of date.",
                tone="notice",
            )
        )
        return banners
    banners += _without_workers(positions)
    if newest is not None:
        banners += without_windows(known, newest, now_ms, places)
    return banners


def _without_workers(positions: Positions) -> list[Banner]:
    """Records wait, and nobody is there to take them."""
    banners = []
    for group, command in _WORKERS.items():
        lag = sum(sum(partitions.values()) for partitions in positions.lag.get(group, {}).values())
        if lag > 0 and positions.members.get(group) == 0:
            banners.append(
                Banner(
                    text=f"No {group} is running, and {count(lag, 'message')} "
                    f"{'waits' if lag == 1 else 'wait'} for one. What you see is getting older.",
                    tone="bad",
                    remedy=f"Start one: `{command}`.",
                )
            )
    return banners


def without_windows(known: StreamState, newest: Window, now_ms: int, places: Places) -> list[Banner]:
    """Windows should be there and are not; by event time, and by the clock where the stream follows it."""
    kept = known.window(newest.model, newest.start)
    at = None if kept is None else kept.at
    if at is None:
        return []
    data = data_reached(known.progress.values())
    slide = newest.slide or places.slide
    ago = lasting(now_ms - at)
    if data.until is not None and data.until - newest.end >= slide and now_ms - at > _BEHIND_MS and not data.ended:
        return [
            Banner(
                text=f"The monitor is behind: there are data until {short_moment(data.until)}, but the newest window "
                f"ends {short_moment(newest.end)} and came {ago} ago.",
                tone="bad",
                remedy="Check that `churnstream monitor` is running, and look at its log.",
            )
        ]
    follows_clock = abs(at - newest.end) <= 2 * slide + places.out_of_orderness
    if follows_clock and not data.ended and now_ms - at > 2 * slide + places.out_of_orderness:
        return [
            Banner(
                text=f"No window has come for {ago}: the newest one ends {short_moment(newest.end)}.",
                tone="bad",
                remedy="Check that records arrive and that `churnstream score`, `join` and `monitor` are running.",
            )
        ]
    return []
