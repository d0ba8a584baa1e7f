"""How a version's scores and labels went together on rows that it had not learned from; kept with its reference."""

import msgspec
import numpy as np
import pandas as pd

from contract.arrays import Floats, Labels
from contract.panes import SCORE_BINS

_ATTRIBUTE = "churnstream.calibration"


class CalibrationBins(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by score: ``bins`` ascending (those of ``ScoreBin``), and beside each its rows labelled 0 and labelled 1."""

    bins: tuple[int, ...]
    negatives: tuple[int, ...]
    positives: tuple[int, ...]

    @classmethod
    def of(cls, scores: Floats, labels: Labels) -> "CalibrationBins":
        """Count rows of these probabilities of label 1."""
        place = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
        positives = np.bincount(place[labels == 1], minlength=SCORE_BINS)
        negatives = np.bincount(place[labels == 0], minlength=SCORE_BINS)
        kept = np.flatnonzero(positives + negatives)
        return cls(
            bins=tuple(kept.tolist()),
            negatives=tuple(negatives[kept].tolist()),
            positives=tuple(positives[kept].tolist()),
        )


def attach_calibration(frame: pd.DataFrame, calibration: CalibrationBins) -> None:
    """Let a table carry the counts: pandas writes them into its Parquet file, some 25 kB at most."""
    frame.attrs[_ATTRIBUTE] = msgspec.json.encode(calibration).decode()


def attached_calibration(frame: pd.DataFrame) -> CalibrationBins | None:
    """The counts that a table carries; None if it has none, as those of earlier releases, or none that can be used."""
    try:
        found = msgspec.json.decode(str(frame.attrs.get(_ATTRIBUTE, "")), type=CalibrationBins)
    except msgspec.DecodeError:
        return None
    sizes = {len(found.bins), len(found.negatives), len(found.positives)}
    within = all(0 <= index < SCORE_BINS for index in found.bins)
    return found if len(sizes) == 1 and within and min((*found.negatives, *found.positives), default=-1) >= 0 else None
