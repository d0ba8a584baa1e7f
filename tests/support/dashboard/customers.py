"""A bank's customers day by day, as a model scored them, with labels that come late; and what the model was like."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from contract.arrays import Floats, Labels, Mask
from contract.messages import ModelRef
from contract.models.bundle import LABEL_COLUMN, SCORE_COLUMN
from contract.models.calibration import CalibrationBins
from contract.models.confusion import Confusion
from contract.panes import SCORE_BINS, UNIT, Expected, ScoreBin, SegmentSums, Summary
from contract.versions import TrainedCell, TrainedColumn, TrainedVersion
from contract.windows import Estimate
from monitor.inputs.cells import ReferenceColumn, numbers
from monitor.inputs.rule import InputReference
from monitor.segments.reference import SegmentReference, segment_codes
from monitor.timeline.metrics import performance
from monitor.timeline.sums import Sums
from monitor.verdicts.calibration import Calibration, Labelled
from tests.support.messages import DAY, START
from tests.support.scores import Truth, calibrated
from tests.support.tables.bank_inputs import SCHEMA, bank, with_score

THRESHOLD = 0.35
DELAY = "delay"
"""Column with the time from record to label in days; infinite where none comes."""
HELD_OUT_ROWS = 4_000
_LATEST = 9.9
_LOST = 0.05
_STEEPNESS, _LEVEL = 2.0, 2.6
"""Of the log-odds of the table's own score, so that the model is about as good as one of the public bank table."""


@dataclass(frozen=True)
class KnownVersion:
    """What the monitor has of a version: its reference, that of segments, and how scores went with labels."""

    inputs: InputReference
    segments: SegmentReference
    bins: CalibrationBins
    frame: pd.DataFrame


def customers(
    rng: np.random.Generator,
    rows: int,
    *,
    older: float = 0.0,
    active: float = 0.0,
    truth: Truth = calibrated,
    noise: float = 0.0,
) -> pd.DataFrame:
    """Scored and labelled customers. ``older``: years added to their ages, and with them some balance; ``active``: the
    share of those who are not active that become so, by which fewer churn.

    ``truth`` is the chance to churn at each score, ``noise`` the spread of what a weaker model adds to its log-odds.
    """
    frame = bank(rng, rows)
    if older:
        frame["Age"] = (frame["Age"] + older).clip(18, 92)
        frame["Balance"] = frame["Balance"] * (1 + older / 25)
    if active:
        frame["IsActiveMember"] = np.maximum(frame["IsActiveMember"], (rng.random(rows) < active).astype(float))
    plain = with_score(frame)[SCORE_COLUMN].to_numpy(np.float64)
    frame[SCORE_COLUMN] = 1 / (1 + np.exp(-(_STEEPNESS * np.log(plain / (1 - plain)) + _LEVEL)))
    chance = truth(frame[SCORE_COLUMN].to_numpy(np.float64))
    frame[LABEL_COLUMN] = (rng.random(rows) < chance).astype(np.int64)
    if noise:
        scores = frame[SCORE_COLUMN].to_numpy(np.float64)
        odds = np.log(scores / (1 - scores)) + rng.normal(0, noise, rows)
        frame[SCORE_COLUMN] = 1 / (1 + np.exp(-odds))
    delay = np.minimum(rng.exponential(4.0, rows), _LATEST)
    frame[DELAY] = np.where(rng.random(rows) < _LOST, np.inf, delay)
    return frame


@lru_cache(maxsize=4)
def known_version(noise: float = 0.0) -> KnownVersion:
    """A version that learned from customers of the same kind."""
    frame = customers(np.random.default_rng(2_024), HELD_OUT_ROWS, noise=noise)
    scores, labels = frame[SCORE_COLUMN].to_numpy(np.float64), frame[LABEL_COLUMN].to_numpy(np.int64)
    bins = CalibrationBins.of(scores, labels)
    calibration = Calibration.fitted(Labelled.of_bins(bins))
    return KnownVersion(
        InputReference.of(frame, SCHEMA), SegmentReference.of(frame, SCHEMA.segments, calibration), bins, frame
    )


def summary_of(frame: pd.DataFrame, known: Mask) -> Summary:
    """The sums of these predictions, of which those that are ``known`` have their label."""
    scores, labels = frame[SCORE_COLUMN].to_numpy(np.float64), frame[LABEL_COLUMN].to_numpy(np.int64)
    labelled, predicted = known, scores >= THRESHOLD
    place = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    bins = [
        np.bincount(place[chosen], minlength=SCORE_BINS)
        for chosen in (np.ones_like(labelled), labelled & (labels == 0), labelled & (labels == 1))
    ]
    delays = frame[DELAY].to_numpy(np.float64)
    delay_hours = (np.where(np.isfinite(delays), delays, 0.0) * 24).astype(np.int64)
    hours, positive = delay_hours[labelled], delay_hours[labelled & (labels == 1)]
    error = np.where(labels == 1, 1 - scores, scores)
    segments: dict[str, SegmentSums] = {}
    for feature in SCHEMA.segments:
        code = segment_codes(frame[feature.feature], feature)
        for number, name in enumerate(feature.names):
            inside = code == number
            if inside.any():
                segments[name] = _segment(scores, labels, predicted, labelled, inside)
    return Summary(
        records=len(frame),
        labelled=int(labelled.sum()),
        **_confusion(labels, predicted, labelled),
        squared_error=_units(error[labelled] ** 2),
        log_loss=_units(-np.log(1 - error[labelled])),
        expected_negative=_expected(scores[~predicted]),
        expected_positive=_expected(scores[predicted]),
        scores={
            int(one): ScoreBin(int(bins[0][one]), int(bins[1][one]), int(bins[2][one]))
            for one in np.flatnonzero(bins[0])
        },
        delay_hours={int(hour): int(count) for hour, count in zip(*np.unique(hours, return_counts=True), strict=True)},
        delay_hours_positive={
            int(hour): int(count) for hour, count in zip(*np.unique(positive, return_counts=True), strict=True)
        },
        segments=segments,
    )


def trained_version(model: ModelRef, noise: float = 0.0) -> TrainedVersion:
    """What the topic ``versions`` says of it."""
    known = known_version(noise)
    found = performance(Sums.of(summary_of(known.frame, np.ones(len(known.frame), dtype=np.bool_))))
    metrics = {name: getattr(found, name) for name in ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")}
    columns = {}
    for name, column in known.inputs.columns.items():
        mean, median = centre(known.frame, name)
        columns[name] = TrainedColumn(
            mean=mean,
            median=median,
            cells=tuple(_cells(column)),
            counts=tuple(int(count) for count in column.counts),
        )
    return TrainedVersion(
        name=model.name,
        version=model.version,
        created=START - 20 * DAY + model.version * DAY,
        threshold=THRESHOLD,
        rows=len(known.frame),
        held_out={
            name: Estimate(value, *found.intervals[name]) for name, value in metrics.items() if value is not None
        },
        reference_rows=len(known.frame),
        columns=columns,
        experiment="1",
        runs={"realised": "0123456789abcdef0123456789abcdef", "inputs": "123456789abcdef0123456789abcdef0"},
    )


def centre(frame: pd.DataFrame, name: str) -> tuple[float | None, float | None]:
    """Mean and median of a column; None where it has no numbers."""
    if name in ("Geography", "Gender"):
        return None, None
    values = numbers(frame[name])
    return float(np.nanmean(values)), float(np.nanmedian(values))


def _cells(column: ReferenceColumn) -> list[TrainedCell]:
    if not column.continuous:
        values = list(column._values)
        if values and isinstance(values[0], str):
            return [TrainedCell(category=value) for value in values]
        return [TrainedCell(low=float(value), high=float(value)) for value in values]
    cells: dict[int, TrainedCell] = {}
    cuts, cell_of = [float(cut) for cut in column._cuts], column._cell_of
    for place, (low, high) in enumerate(pairwise(cuts), 1):
        cells[int(cell_of[2 * place])] = TrainedCell(low=low, high=high)
    for place, cut in enumerate(cuts):
        cells.setdefault(int(cell_of[2 * place + 1]), TrainedCell(low=cut, high=cut))
    return [cells[number] for number in range(column.seen)]


def _units(values: Floats) -> int:
    return round(float(values.sum()) * UNIT)


def _expected(scores: Floats) -> Expected:
    return Expected(len(scores), _units(scores), _units(scores**2))


def _confusion(labels: Labels, predicted: Mask, chosen: Mask) -> dict[str, Any]:
    counts = {
        name: int((chosen & (labels == truth) & (predicted == answer)).sum())
        for name, truth, answer in (("tn", 0, False), ("fp", 0, True), ("fn", 1, False), ("tp", 1, True))
    }
    return Confusion(**counts)._asdict()


def _segment(scores: Floats, labels: Labels, predicted: Mask, labelled: Mask, inside: Mask) -> SegmentSums:
    known = inside & labelled
    return SegmentSums(
        records=int(inside.sum()),
        predicted=int((inside & predicted).sum()),
        probability=_units(scores[inside]),
        **_confusion(labels, predicted, known),
        expected=_units(scores[known]),
        expected_squared=_units(scores[known] ** 2),
        squared_error=_units((scores[known] - labels[known]) ** 2),
    )
