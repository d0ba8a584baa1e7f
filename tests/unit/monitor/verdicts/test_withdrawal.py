"""Estimates are withdrawn soon after the relation has changed, not before, and come back after clean windows."""

import msgspec
import numpy as np
import pytest

from contract.windows import Estimate, Relation
from monitor.verdicts.relation import judge_relation
from monitor.verdicts.withdrawal import AT_ONCE, TWICE, Withdrawal, withdrawn_since
from tests.support.messages import DAY
from tests.support.scores import Truth, calibrated, flipped, reference_of, times, window_of
from tests.support.sizes import size
from tests.support.windows import final


def relation(p_value: float, *, changed: bool | None = None, evidence: tuple[float, ...] = ()) -> Relation:
    changed = p_value < 0.005 if changed is None else changed
    none = Estimate(0.0, 0.0, 0.0)
    return Relation(
        labelled=1_000,
        observed=200,
        expected=none,
        level=none,
        slope=None,
        p_value=p_value,
        changed=changed,
        evidence=evidence,
    )


def since(p_values: list[float], *, length: int = 1, slide: int = 1) -> int | None:
    course = Withdrawal()
    for number, p_value in enumerate(p_values):
        course = course.after(number * slide, number * slide + length, relation(p_value))
    return course.since


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        ([], None),
        ([0.5, 0.004, 0.004, 0.004], None),
        ([0.5, AT_ONCE, 0.004], 1),
        ([0.5, TWICE, 0.5], None),
        ([0.5, TWICE, TWICE], 1),
        # with a window between them they are two chances, not one change
        ([TWICE, 0.5, TWICE], None),
        ([AT_ONCE, 0.5], 0),
        ([AT_ONCE, 0.5, 0.5], None),
        # what is not changed is not yet clean
        ([AT_ONCE, 0.5, 0.1, 0.5], 0),
        ([AT_ONCE, 0.5, 0.5, AT_ONCE], 3),
    ],
)
def test_two_sure_windows_or_a_very_sure_one_withdraw_and_two_clean_ones_end_it(
    p_values: list[float], expected: int | None
) -> None:
    assert since(p_values) == expected


def test_windows_that_overlap_say_the_same_twice_and_count_once() -> None:
    assert since([TWICE] * 3, length=3) is None
    assert since([TWICE] * 4, length=3) == 0
    assert since([TWICE, 0.5, 0.5, TWICE], length=3) == 0


def test_a_very_sure_window_counts_only_if_the_change_is_large_enough() -> None:
    assert Withdrawal().after(0, 1, relation(AT_ONCE / 10, changed=False)).since is None


def test_a_window_that_was_not_judged_says_nothing() -> None:
    found = Withdrawal().after(0, 1, relation(AT_ONCE))
    assert found.after(1, 2, None) == found


def test_small_evidence_adds_up() -> None:
    course, days = Withdrawal(), 0
    while course.since is None and days < 60:
        course = course.after(days, days + 1, relation(0.02, changed=False, evidence=(1.0,) * 6))
        days += 1
    # 1e6 is the exponential of 13.8
    assert 13 <= days <= 15
    assert course.since == days - 1


def test_of_a_history_only_what_stands_at_its_end_counts() -> None:
    windows = [
        msgspec.structs.replace(final(), start=day * DAY, end=(day + 1) * DAY, relation=relation(p_value))
        for day, p_value in enumerate([0.5, AT_ONCE, 0.5, 0.5])
    ]
    assert withdrawn_since(windows[:3]) == DAY
    assert withdrawn_since(windows) is None


def first_withdrawn(
    rng: np.random.Generator, truth: Truth, *, records: int, reference: int, windows: int
) -> int | None:
    """How many windows it took."""
    calibration = reference_of(rng, reference)
    course = Withdrawal()
    for number in range(windows):
        histogram = window_of(rng, records, truth)
        found = judge_relation(histogram, histogram, calibration, alpha=0.005, min_records=200, inputs_drifted=False)
        course = course.after(number, number + 1, found)
        if course.since is not None:
            return number + 1
    return None


@pytest.mark.parametrize("truth", [flipped(0.3), flipped(0.15)])
def test_after_a_flip_it_takes_two_windows_at_most(truth: Truth) -> None:
    rng = np.random.default_rng(71)
    runs = size(ci=60, full=1_000)
    found = [first_withdrawn(rng, truth, records=1_000, reference=10_000, windows=2) for _ in range(runs)]
    assert None not in found


def test_a_smaller_change_is_found_at_last() -> None:
    rng = np.random.default_rng(72)
    found = [
        first_withdrawn(rng, times(1.3), records=200, reference=10_000, windows=40)
        for _ in range(size(ci=20, full=200))
    ]
    assert None not in found


@pytest.mark.parametrize(("records", "reference"), [(200, 10_000), (1_000, 10_000), (1_000, 1_500), (5_000, 1_500)])
def test_where_nothing_has_changed_it_never_happens_in_a_thousand_windows(records: int, reference: int) -> None:
    rng = np.random.default_rng(73)
    # each model has a calibration of its own, off by chance
    for _ in range(size(ci=3, full=50)):
        assert first_withdrawn(rng, calibrated, records=records, reference=reference, windows=200) is None
