"""Which windows are judged, and against what."""

from typing import Any

import msgspec
import numpy as np
import pytest

from contract.windows import Estimated, Window
from monitor.budget import levels
from monitor.verdicts.judging import Verdicts, is_mature
from monitor.window_sums import WindowSums
from tests.support.messages import DAY
from tests.support.scores import Truth, flipped, held_out_bins, times, window_of
from tests.support.windows import drift, final, nowcast, window

LEVELS = levels(0.5, DAY)
FLIPPED = flipped(0.3)


def judged(one: Window, *, known: bool = True, truth: Truth = FLIPPED) -> Window:
    rng = np.random.default_rng(2)
    stored = held_out_bins(rng, 5_000) if known else None
    histogram = window_of(rng, 2_000, truth)
    return Verdicts(lambda _model: stored, LEVELS, 200)(one, WindowSums(histogram, histogram))


def test_a_final_window_is_judged_against_the_held_out_rows() -> None:
    found = judged(final())
    assert found.relation is not None
    assert found.relation.changed
    assert found.worsening is not None
    assert found.worsening.worse
    assert found.estimated != final().estimated


def test_a_version_that_stores_nothing_has_its_own_probabilities_and_no_performance_to_compare_with() -> None:
    found = judged(final(), known=False)
    assert found.relation is not None
    assert found.relation.changed
    assert found.worsening is None
    assert found.estimated == final().estimated


@pytest.mark.parametrize(
    ("changed", "mature"),
    [
        ({"status": "final", "labelled": 1_700}, True),
        ({"status": "final", "labelled": 1_500}, False),
        ({}, False),
        ({"nowcast": (0.995, 0.999)}, True),
        ({"nowcast": (0.9, 1.0)}, False),
    ],
)
def test_labels_are_judged_when_none_of_either_class_is_to_come(changed: dict[str, Any], mature: bool) -> None:
    if "nowcast" in changed:
        negative, positive = changed["nowcast"]
        told = msgspec.structs.replace(nowcast(), coverage_negative=negative, coverage_positive=positive, silent=())
        changed = {"nowcast": told}
    one = window(**changed)
    assert is_mature(one) == mature
    assert (judged(one).relation is not None) == mature


def test_where_inputs_drifted_labels_may_differ_a_little_more() -> None:
    drifted = drift({"Age": 0.3}, ("Age",))
    plain, told = (judged(one, truth=times(1.3)).relation for one in (final(), final(drift=drifted)))
    assert plain is not None
    assert told is not None
    assert told.p_value > plain.p_value
    assert max(told.evidence) < max(plain.evidence)


def test_a_window_without_records_can_be_judged() -> None:
    nothing = final(records=0, labelled=0, estimated=Estimated(records=0, tn=0, fp=0, fn=0, tp=0))
    none = np.zeros((3, 1_000), dtype=np.int64)
    verdicts = Verdicts(lambda _model: held_out_bins(np.random.default_rng(1), 500), LEVELS, 200)
    assert verdicts(nothing, WindowSums(none, none)) == nothing


@pytest.mark.parametrize(("a_month", "slide"), [(0.5, DAY), (0.5, DAY // 24), (2.0, 7 * DAY), (100.0, 30 * DAY)])
def test_levels_add_up_to_what_can_be_borne(a_month: float, slide: int) -> None:
    found = levels(a_month, slide)
    windows = 30 * DAY / slide
    assert windows * (found.relation + found.performance + 1 / found.detector) <= a_month * (1 + 1e-9)
    assert 0 < found.relation <= 0.05
    assert found.detector >= 20
