"""A scenario: how rows become a stream. Pure: event times, label delays, and drift, each a function of name and row.

The same replay name, rows and scenario give the same stream whatever the chunk size, and every time.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.durations import DAY
from contract.errors import UserError
from producer.delays import LabelDelay
from producer.injections import Injection
from producer.randomness import uniforms
from producer.sources import LabelCodes, RowSource
from producer.weekdays import WeeklyVolume

DEFAULT_START = 1_735_689_600_000
"""2025-01-01T00:00:00Z in ms: fixed, so that a replay gives the same stream on any day."""
DEFAULT_PERIOD = 30 * DAY

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Scenario:
    """Rows spread over ``period`` ms of event time from ``start`` (ms since the epoch) on: evenly, or as dense on each
    day of the week as ``volume`` says.

    ``rate`` is records per second of wall time, None for full speed. ``label_share`` of the records get a label,
    ``label_delay`` after their own event time; ``positive_label_delay`` is that of labels of 1, and
    ``negative_label_share`` that of labels of 0, where they differ. ``drifts`` are applied in their order.
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

    def __post_init__(self) -> None:
        if self.period <= 0:
            raise UserError("period got 0; give the event time that the rows are spread over, such as 30d")
        if self.rate is not None and not self.rate > 0:
            raise UserError(f"rate got {self.rate:g}; give records per second, or nothing for full speed")
        for name, share in (("label share", self.label_share), ("label share, negative", self.negative_label_share)):
            if share is not None and not 0 <= share <= 1:
                raise UserError(f"{name} got {share:g}; give a share between 0 and 1")

    def event_times(self, first: int, count: int, rows: int) -> Times:
        """Event times in ms of ``count`` rows from row ``first`` on, of ``rows`` in all; they never decrease."""
        numbers = np.arange(first, first + count, dtype=np.int64)
        if self.volume is None:
            return self.start + numbers * self.period // rows
        return self.volume.event_times(numbers / rows, self.start, self.period)

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

        Features drift first, then the source says what became of those customers, then ``flip`` drifts turn labels.
        """
        draws = [uniforms(f"{name}/drift/{index}", first, len(chunk)) for index in range(len(self.drifts))]
        for drift, drawn in zip(self.drifts, draws, strict=True):
            chunk = drift.change(chunk, times, drawn)
        labels = source.labels(chunk)
        for drift, drawn in zip(self.drifts, draws, strict=True):
            labels = np.where(drift.flipped(chunk, times, drawn), 1 - labels, labels).astype(np.int8)
        drawn_delay = uniforms(f"{name}/delay", first, len(chunk))
        delays = self.label_delay.sample(drawn_delay)
        if self.positive_label_delay is not None:
            delays = np.where(labels == 1, self.positive_label_delay.sample(drawn_delay), delays)
        negative_share = self.label_share if self.negative_label_share is None else self.negative_label_share
        share = np.where(labels == 1, self.label_share, negative_share)
        known = uniforms(f"{name}/labelled", first, len(chunk)) < share
        return Staged(chunk, times, labels, times + delays, known)


@dataclass(frozen=True)
class Staged:
    """A chunk with its event times (ms), labels, their event times (ms), and whether each ever gets its label."""

    chunk: pd.DataFrame
    times: Times
    labels: LabelCodes
    label_times: Times
    labelled: NDArray[np.bool_]
