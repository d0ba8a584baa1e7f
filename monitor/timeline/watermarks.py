"""Where a stream stands in event time: how far predictions have come, and up to when no label is to come any more.

A partition that is idle, or has ended, holds nobody back: what it sends later revises what has been said.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from contract.panes import JoinProgress


class Watermarks(NamedTuple):
    """In ms of event time; None: not known yet.

    ``closing``: no prediction earlier than this is expected from a partition that counts. ``settled``: nor a label.
    ``labels``: labels have been read up to there, as far as that is known: the ages of what has none are told from it.
    ``ended``: all partitions have ended.
    """

    closing: int | None
    settled: int | None
    labels: int | None
    ended: bool

    @classmethod
    def of(cls, progress: Mapping[int, JoinProgress], partitions: int) -> "Watermarks":
        """Those of a stream of ``partitions`` partitions, from the newest progress of each.

        None is known while a partition has not reported, or one that counts has seen nothing yet. If no partition
        counts, nobody is left to wait for, and it is the largest watermark seen.
        """
        if len(progress) < partitions:
            return cls(None, None, None, False)
        everyone = list(progress.values())
        awaited = [one for one in everyone if not one.idle and not one.ended]
        if awaited:
            closing = _least(one.watermark for one in awaited)
            settled = _least(map(_settled, awaited))
        else:
            closing = max((one.watermark for one in everyone if one.watermark is not None), default=None)
            settled = max((time for time in map(_settled, everyone) if time is not None), default=None)
        return cls(closing, settled, _labels(closing, awaited), all(one.ended for one in everyone))


def reached(watermark: int | None, time: int) -> bool:
    """Whether a watermark is known and has come to ``time``."""
    return watermark is not None and watermark >= time


def _settled(one: JoinProgress) -> int | None:
    if one.labels_idle or one.label_watermark is None or one.watermark is None:
        return one.watermark
    return min(one.watermark, one.label_watermark)


def _labels(closing: int | None, awaited: Iterable[JoinProgress]) -> int | None:
    if closing is None:
        return None
    known = [one.label_watermark for one in awaited if one.label_watermark is not None and not one.labels_idle]
    return min([closing, *known])


def _least(watermarks: Iterable[int | None]) -> int | None:
    """The least, or None if one is not known or there is none."""
    known: list[int] = []
    for watermark in watermarks:
        if watermark is None:
            return None
        known.append(watermark)
    return min(known, default=None)
