"""All that is said of a window besides its sums: relation, performance, and the estimate as held-out rows know it."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import msgspec

from contract.messages import ModelRef
from contract.models.calibration import CalibrationBins
from contract.windows import Window
from monitor.budget import Levels
from monitor.verdicts.calibration import Calibration, Labelled
from monitor.verdicts.estimate import recalibrated
from monitor.verdicts.outlook import judge_outlook
from monitor.verdicts.relation import judge_relation
from monitor.verdicts.worsening import judge_worsening
from monitor.window_sums import WindowSums

LEAST_COVERAGE = 0.8
"""Share of a final window's predictions that have their label, below which labels are not judged."""
LEAST_COVERAGE_SO_FAR = 0.99
"""Share of the labels of either class that have come, from which on a provisional window's are judged."""
_MOST_MODELS = 100


class Verdicts:
    """Judges windows of any model.

    Args:
        stored: what a model's version stores of held-out rows; None: nothing.
        levels: of the tests.
        min_records: labels below which nothing is judged.
    """

    def __init__(self, stored: Callable[[ModelRef], CalibrationBins | None], levels: Levels, min_records: int) -> None:
        self._known = lru_cache(maxsize=_MOST_MODELS)(lambda model: _OfVersion.of(stored(model)))
        self._levels = levels
        self._min_records = min_records

    def __call__(self, window: Window, sums: WindowSums) -> Window:
        """The window with its verdicts."""
        known = self._known(window.model)
        stored, calibration = known.stored, known.calibration
        estimated = (
            window.estimated
            if stored is None
            else recalibrated(window.estimated, sums.histogram[0], known.of_estimates, effect=window.design_effect)
        )
        if not is_mature(window):
            window = msgspec.structs.replace(window, estimated=estimated)
            if stored is None:
                return window
            outlook = judge_outlook(window, stored, alpha=self._levels.outlook, min_records=self._min_records)
            return msgspec.structs.replace(window, outlook=outlook)
        relation = judge_relation(
            sums.histogram,
            sums.newest,
            calibration,
            alpha=self._levels.relation,
            min_records=self._min_records,
            inputs_drifted=window.drift.drifted,
            effect=window.design_effect,
            recurrence=sums.recurrence,
        )
        worsening = (
            None
            if stored is None
            else judge_worsening(
                sums.histogram,
                sums.newest,
                stored,
                alpha=self._levels.performance,
                min_records=self._min_records,
                effect=window.design_effect,
                recurrence=sums.recurrence,
            )
        )
        return msgspec.structs.replace(window, estimated=estimated, relation=relation, worsening=worsening)


class _OfVersion(NamedTuple):
    """What is known of a model: what its version stores, the calibration that follows, and that of its estimates."""

    stored: CalibrationBins | None
    calibration: Calibration
    of_estimates: Calibration

    @classmethod
    def of(cls, stored: CalibrationBins | None) -> "_OfVersion":
        calibration = Calibration.unknown() if stored is None else Calibration.fitted(Labelled.of_bins(stored))
        return cls(stored, calibration, calibration.for_estimates())


def is_mature(window: Window) -> bool:
    """Whether a window's labels can stand for all: late ones may be of one class more than of the other."""
    if window.status == "final":
        return window.coverage >= LEAST_COVERAGE
    nowcast = window.nowcast
    return (
        nowcast is not None
        and not nowcast.silent
        and min(nowcast.coverage_negative or 0.0, nowcast.coverage_positive or 0.0) >= LEAST_COVERAGE_SO_FAR
    )
