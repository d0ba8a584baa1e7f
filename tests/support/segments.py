"""Customers in segments whose relation of scores and labels is known, as references and windows."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats
from contract.models.bundle import LABEL_COLUMN, SCORE_COLUMN
from contract.models.calibration import CalibrationBins
from contract.panes import UNIT, SegmentSums
from contract.segments import SegmentFeature, SegmentTable, read_segments
from contract.windows import Window
from monitor.segments.reference import SegmentReference, segment_codes
from monitor.verdicts.calibration import Calibration, Labelled
from monitor.window_sums import WindowSums
from tests.support.scores import histogram_of
from tests.support.windows import final

FEATURES = 8
BANDS = (
    *((0.05, 0.2, 0.5), (0.25, 0.5, 0.75), (0.1, 0.4), (0.5,)),
    *((0.2, 0.4, 0.6, 0.8), (0.3, 0.6), (0.05, 0.5, 0.95), (0.6,)),
)
SEGMENTS: tuple[SegmentFeature, ...] = read_segments(
    {f"X{i}": SegmentTable(bands=bands, protected=i == 3) for i, bands in enumerate(BANDS)},
    {f"X{i}": () for i in range(FEATURES)},
    "test",
)
"""30 segments that can have records, two of 5 % of them: ``X0: below 0.05`` and ``X6: 0.95 and above``."""
SMALL, OTHER_SMALL = "X0: below 0.05", "X6: 0.95 and above"
THRESHOLD = 0.3

SegmentTruth = Callable[[Floats, Floats], Floats]
"""The chance of label 1, from the features (rows, FEATURES) and the scores."""


def as_scored(_x: Floats, score: Floats) -> Floats:
    return score


def in_small(change: Callable[[Floats], Floats]) -> SegmentTruth:
    """Scores in ``SMALL`` mean something else, all others what they did."""
    return lambda x, score: np.where(x[:, 0] < 0.05, np.clip(change(score), 0, 1), score)


class SegmentCustomers(NamedTuple):
    """Features (rows, FEATURES), scores and labels."""

    x: Floats
    score: Floats
    label: npt.NDArray[np.bool_]

    @classmethod
    def drawn(cls, rng: np.random.Generator, rows: int, truth: SegmentTruth = as_scored) -> "SegmentCustomers":
        """Scores with about the bank's churn rate (0.2), and higher ones where X3 is high."""
        x = rng.random((rows, FEATURES))
        score = 1 / (1 + np.exp(2.0 - 1.5 * (x[:, 3] - 0.5) - 1.2 * rng.normal(size=rows)))
        return cls(x, score, rng.random(rows) < truth(x, score))

    def repeated(self, times: int) -> "SegmentCustomers":
        """Each row so many times."""
        rows = np.repeat(np.arange(len(self.score)), times)
        return SegmentCustomers(self.x[rows], self.score[rows], self.label[rows])

    def frame(self) -> pd.DataFrame:
        """As a reference sample has them."""
        columns = {f"X{i}": self.x[:, i] for i in range(FEATURES)}
        return pd.DataFrame({**columns, SCORE_COLUMN: self.score, LABEL_COLUMN: self.label.astype(np.int64)})

    def reference(self) -> SegmentReference:
        stored = CalibrationBins.of(self.score, self.label.astype(np.int64))
        return SegmentReference.of(self.frame(), SEGMENTS, Calibration.fitted(Labelled.of_bins(stored)))

    def sums(self) -> WindowSums:
        """As a window has them, all labelled."""
        histogram = histogram_of(self.score, self.label)
        return WindowSums(histogram, histogram, sums_by_segment(self.frame(), SEGMENTS, THRESHOLD))

    def window(self, **changed: Any) -> Window:
        return final(records=len(self.score), labelled=len(self.score), threshold=THRESHOLD, **changed)


def sums_by_segment(
    frame: pd.DataFrame, segments: tuple[SegmentFeature, ...], threshold: float
) -> Mapping[str, SegmentSums]:
    """The sums of each segment that has rows; all are labelled."""
    found = {}
    for feature in segments:
        codes = segment_codes(frame[feature.feature], feature)
        for code, name in enumerate(feature.names):
            rows = frame[codes == code]
            if len(rows):
                found[name] = _sums(rows[SCORE_COLUMN].to_numpy(), rows[LABEL_COLUMN].to_numpy() == 1, threshold)
    return found


def _sums(score: Floats, label: npt.NDArray[np.bool_], threshold: float) -> SegmentSums:
    said = score >= threshold
    fixed = [round(float(part.sum()) * UNIT) for part in (score, score, score**2, (score - label) ** 2)]
    counts = [int(part.sum()) for part in (~said & ~label, said & ~label, ~said & label, said & label)]
    return SegmentSums(len(score), int(said.sum()), fixed[0], *counts, *fixed[1:])
