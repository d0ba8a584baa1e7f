"""What each segment was like when the model was made: its scores, its churners, its loss."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats
from contract.models.bundle import LABEL_COLUMN, SCORE_COLUMN
from contract.panes import SCORE_BINS
from contract.segments import SegmentFeature
from monitor.verdicts.calibration import Calibration

Codes = npt.NDArray[np.int64]
"""The segment of each row, by its number among those of one feature."""
_CUTS = 30
_LEAST_ODDS, _MOST_ODDS = -7.0, 7.0


@dataclass(frozen=True)
class ScoreGroups:
    """Neighbouring score bins in groups, because a segment has too few rows for bins.

    ``group_of``: the group of each score bin, int64 (SCORE_BINS,); ``probability``: the mean score of each group.
    """

    group_of: Codes
    probability: Floats

    @classmethod
    def of(cls, scores: Floats) -> "ScoreGroups":
        """Groups that end at quantiles of these scores and at even steps of log-odds: at most ``2 * _CUTS + 1``."""
        steps = 1 / (1 + np.exp(-np.linspace(_LEAST_ODDS, _MOST_ODDS, _CUTS)))
        quantiles = np.quantile(scores, np.linspace(0, 1, _CUTS)) if len(scores) else np.zeros(0)
        cuts = np.unique(np.concatenate([_bin_of(quantiles), _bin_of(steps), [0]]))
        group_of = np.searchsorted(cuts, np.arange(SCORE_BINS), side="right") - 1
        groups = int(group_of[-1]) + 1
        middle = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
        own = np.bincount(group_of[_bin_of(scores)], weights=scores, minlength=groups)
        rows = np.bincount(group_of[_bin_of(scores)], minlength=groups)
        # where there is no row, the middle of the group
        even = np.bincount(group_of, weights=middle) / np.bincount(group_of)
        probability = np.where(rows > 0, own / np.maximum(rows, 1), even)
        return cls(group_of, np.clip(probability, 0.5 / SCORE_BINS, 1 - 0.5 / SCORE_BINS))

    @property
    def log_odds(self) -> Floats:
        """Of each group's score."""
        return np.asarray(np.log(self.probability / (1 - self.probability)), dtype=np.float64)

    def count(self, bins: Floats) -> Floats:
        """Records of each group, from those of each score bin."""
        counted = np.bincount(self.group_of, weights=bins, minlength=len(self.probability))
        return counted.astype(np.float64)


@dataclass(frozen=True)
class SegmentReference:
    """The reference of all segments of a schema, in its order, with a version's calibration.

    ``records`` and ``churners``: rows of each segment and score group, and those labelled 1, (segments, groups);
    ``brier``: the score of each segment, NaN without rows. ``features``: the number of each segment's feature.
    """

    names: tuple[str, ...]
    protected: tuple[bool, ...]
    features: Codes
    groups: ScoreGroups
    records: Floats
    churners: Floats
    brier: Floats
    calibration: Calibration

    @classmethod
    def of(
        cls, frame: pd.DataFrame, segments: tuple[SegmentFeature, ...], calibration: Calibration
    ) -> "SegmentReference":
        """Of the version's reference sample: the schema's columns, ``score`` and ``label``, one row a customer."""
        scores = frame[SCORE_COLUMN].to_numpy(np.float64)
        labels = frame[LABEL_COLUMN].to_numpy(np.int64)
        groups = ScoreGroups.of(scores)
        group = groups.group_of[_bin_of(scores)]
        width = len(groups.probability)
        records, churners, brier = [], [], []
        for feature in segments:
            size = len(feature.names)
            code = segment_codes(frame[feature.feature], feature)
            cell = code * width + group
            records.append(np.bincount(cell, minlength=size * width).reshape(size, width).astype(np.float64))
            churners.append(np.bincount(cell, weights=labels, minlength=size * width).reshape(size, width))
            rows = records[-1].sum(axis=1)
            loss = np.bincount(code, weights=(scores - labels) ** 2, minlength=size)
            brier.append(np.where(rows > 0, loss / np.maximum(rows, 1), np.nan))
        return cls(
            names=tuple(name for feature in segments for name in feature.names),
            protected=tuple(feature.protected for feature in segments for _ in feature.names),
            features=np.repeat(np.arange(len(segments)), [len(feature.names) for feature in segments]),
            groups=groups,
            records=np.concatenate(records) if records else np.zeros((0, width)),
            churners=np.concatenate(churners) if churners else np.zeros((0, width)),
            brier=np.concatenate(brier) if brier else np.zeros(0),
            calibration=calibration,
        )


def segment_codes(column: "pd.Series[float]", feature: SegmentFeature) -> Codes:
    """The segment of each value of a feature's column, as ``SegmentFeature.name_of`` has it."""
    missing = len(feature.names) - 1
    absent = column.isna().to_numpy(np.bool_)
    if feature.categories:
        found = pd.Index(feature.categories, dtype=object).get_indexer(pd.Index(column.astype(object)))
        codes = np.where(found < 0, len(feature.categories), found)
    else:
        values = column.to_numpy(np.float64, na_value=np.nan)
        codes = np.searchsorted(np.array(feature.bands), values, side="right")
    return np.where(absent, missing, codes).astype(np.int64)


def _bin_of(scores: Floats) -> Codes:
    return np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
