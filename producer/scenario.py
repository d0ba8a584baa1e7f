"""A scenario: how rows become a stream. Pure: event times, label delays, and drift, each a function of name and row.

The same replay name, rows and scenario give the same stream whatever the chunk size, and every time.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.arrays import Floats
from contract.durations import DAY
from contract.errors import UserError
from contract.rejection import EARLIEST_EVENT_TIME, LATEST_EVENT_TIME
from contract.tables.times import LABEL_TIME
from producer.delays import LabelDelay
from producer.injections import Injection
from producer.randomness import keyed_uniforms, uniforms
from producer.sources import RECORD_KEY, LabelCodes, RowSource
from producer.weekdays import WeeklyVolume

DEFAULT_START = 1_735_689_600_000
"""2025-01-01T00:00:00Z in ms: fixed, so that a replay gives the same stream on any day."""
DEFAULT_PERIOD = 30 * DAY

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Scenario:
    """Rows spread over ``period`` ms of event time from ``start`` (ms since the epoch) on: evenly, or as dense on each
    day of the week as ``volume`` says.

    ``rate`` is records per second of wall time, ``speed`` event time per wall time; None for full speed.
    ``label_share`` of the records get a label, ``label_delay`` after their own event time; ``positive_label_delay`` is
    that of labels of 1, and ``negative_label_share`` that of labels of 0, where they differ. ``drifts`` are applied in
    their order.
    """

    start: int = DEFAULT_START
    period: int = DEFAULT_PERIOD
    rate: float | None = None
    label_delay: LabelDelay = field(default_factory=LabelDelay)
    positive_label_delay: LabelDelay | None = None
    label_share: float = 1.0
    negative_label_share: float | None = None
    drifts: tuple[Injection, ...] = ()
    volume: WeeklyVolume | None = None
    speed: float | None = None

    def __post_init__(self) -> None:
        if self.period <= 0:
            raise UserError("period got 0; give the span of event time to spread the rows over, such as 30d")
        if self.rate is not None and not self.rate > 0:
            raise UserError(f"rate got {self.rate:g}; give records per second, or nothing for full speed")
        if self.speed is not None and not self.speed > 0:
            raise UserError(
                f"speed got {self.speed:g}; give seconds of event time per second, or nothing for full speed"
            )
        if self.rate is not None and self.speed is not None:
            raise UserError("rate and speed both set the pace of the replay; give only one of them")
        for name, share in (("label share", self.label_share), ("label share, negative", self.negative_label_share)):
            if share is not None and not 0 <= share <= 1:
                raise UserError(f"{name} got {share:g}; give a share between 0 and 1")

    def event_times(self, first: int, count: int, rows: int) -> Times:
        """Event times in ms of ``count`` rows from row ``first`` on, of ``rows`` in all; they never decrease."""
        numbers = np.arange(first, first + count, dtype=np.int64)
        if self.volume is None:
            return self.start + numbers * self.period // rows
        return self.volume.event_times(numbers / rows, self.start, self.period)

    def pace(self, rows: int) -> float | None:
        """Event time in ms per second of wall time, for ``rows`` rows in all; None for full speed."""
        if self.speed is not None:
            return self.speed * 1_000
        return None if self.rate is None else self.rate * self.period / rows

    @property
    def longest_label_delay(self) -> int:
        """The longest time in ms from a record to its label."""
        delays = (self.label_delay, self.positive_label_delay or self.label_delay)
        return max(delay.maximum for delay in delays)

    def last_event_time(self, rows: int) -> int:
        """An event time that neither a record nor a label exceeds, in ms."""
        return int(self.event_times(rows - 1, 1, rows)[0]) + self.longest_label_delay

    def apply(self, source: RowSource, chunk: pd.DataFrame, times: Times, name: str, first: int) -> "Staged":
        """A chunk of a source, row ``first`` the first, as it enters the stream.

        Where the source says when labels came, they come then; one without such a time never does.

        Features drift first, then the source says what became of those customers, then ``flip`` drifts turn labels.
        """
        draws = [_drawn(f"{name}/drift/{index}", chunk, first) for index in range(len(self.drifts))]
        for drift, drawn in zip(self.drifts, draws, strict=True):
            chunk = drift.change(chunk, times, drawn)
        labels = source.labels(chunk)
        for drift, drawn in zip(self.drifts, draws, strict=True):
            turned = drift.flipped(chunk, times, drawn) & (labels >= 0)
            labels = np.where(turned, 1 - labels, labels).astype(np.int8)
        negative_share = self.label_share if self.negative_label_share is None else self.negative_label_share
        share = np.where(labels == 1, self.label_share, negative_share)
        known = (labels >= 0) & (_drawn(f"{name}/labelled", chunk, first) < share)
        if LABEL_TIME in chunk:
            label_times = chunk[LABEL_TIME].to_numpy(np.int64)
            known &= (label_times >= EARLIEST_EVENT_TIME) & (label_times <= LATEST_EVENT_TIME)
            return Staged(chunk, times, labels, label_times, known)
        drawn_delay = _drawn(f"{name}/delay", chunk, first)
        delays = self.label_delay.sample(drawn_delay)
        if self.positive_label_delay is not None:
            delays = np.where(labels == 1, self.positive_label_delay.sample(drawn_delay), delays)
        return Staged(chunk, times, labels, times + delays, known)


def _drawn(stream: str, chunk: pd.DataFrame, first: int) -> Floats:
    """A draw for each row: by its key where it has one, else by its number."""
    if RECORD_KEY in chunk:
        return keyed_uniforms(stream, chunk[RECORD_KEY].to_numpy(np.uint64))
    return uniforms(stream, first, len(chunk))


@dataclass(frozen=True)
class Staged:
    """A chunk with its event times (ms), labels, their event times (ms), and whether each ever gets its label."""

    chunk: pd.DataFrame
    times: Times
    labels: LabelCodes
    label_times: Times
    labelled: NDArray[np.bool_]
