"""What a window says of its segments, and what it does not."""

from typing import Any

import msgspec
import numpy as np
import pytest

from contract.messages import ModelRef
from contract.panes import SegmentSums
from contract.windows import SegmentMetrics, Window
from monitor.budget import levels
from monitor.segments.judging import SegmentVerdicts
from monitor.segments.reference import SegmentReference
from monitor.verdicts.intervals import wilson
from monitor.window_sums import WindowSums
from tests.support.messages import DAY
from tests.support.segments import SEGMENTS, SMALL, SegmentCustomers, SegmentTruth, as_scored, in_small

LEVEL = levels(0.5, DAY).segments


def judged(
    reference: SegmentReference | None, customers: SegmentCustomers, sums: WindowSums | None = None, **changed: Any
) -> Window:
    verdicts = SegmentVerdicts(SEGMENTS, lambda _: reference, LEVEL, 200)
    return verdicts(customers.window(**changed), customers.sums() if sums is None else sums)


def named(window: Window) -> dict[str, SegmentMetrics]:
    return {one.name: one for one in window.segments}


@pytest.fixture(scope="module")
def reference() -> SegmentReference:
    return SegmentCustomers.drawn(np.random.default_rng(1), 10_000).reference()


def test_a_segment_that_alone_flips_is_the_only_one_named(reference: SegmentReference) -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(2), 5_000, in_small(lambda score: 1 - score))
    window = judged(reference, customers)
    first = window.segments[0]
    assert [one.name for one in window.segments if one.changed] == [SMALL]
    assert first.name == SMALL
    assert first.expected is not None
    assert first.excess_loss is not None
    assert first.observed > first.expected.high > first.expected.value > first.expected.low
    assert first.excess_loss == max(one.excess_loss or 0.0 for one in window.segments)
    assert first.p_value is not None
    assert first.p_adjusted is not None
    assert first.q_value is not None
    assert first.p_value <= first.q_value <= first.p_adjusted < LEVEL


def test_labels_against_scores_are_found_although_as_many_churn() -> None:
    """A segment of scores around a half: turned about, they expect as many churners as before."""

    def halves(x: np.ndarray, score: np.ndarray) -> np.ndarray:
        return np.where(x[:, 0] < 0.05, 1 - score, score)

    def centred(customers: SegmentCustomers, truth: SegmentTruth, seed: int) -> SegmentCustomers:
        rng = np.random.default_rng(seed)
        small = customers.x[:, 0] < 0.05
        score = np.where(small, rng.beta(1.0, 1.0, len(small)), customers.score)
        return SegmentCustomers(customers.x, score, rng.random(len(small)) < truth(customers.x, score))

    reference = centred(SegmentCustomers.drawn(np.random.default_rng(3), 10_000), as_scored, 4).reference()
    window = judged(reference, centred(SegmentCustomers.drawn(np.random.default_rng(5), 5_000), halves, 6))
    found = named(window)[SMALL]
    assert found.changed
    assert found.expected is not None
    assert found.expected.low < found.observed < found.expected.high


@pytest.mark.parametrize(
    "truth", [lambda _x, score: 0.3 + 0.4 * score, lambda _x, score: score / 1.5], ids=["flip", "fewer"]
)
def test_a_change_of_all_is_no_change_of_a_segment(reference: SegmentReference, truth: SegmentTruth) -> None:
    for seed in range(10):
        window = judged(reference, SegmentCustomers.drawn(np.random.default_rng(seed), 20_000, truth))
        assert not any(one.changed for one in window.segments)


def test_of_two_segments_only_the_one_that_changed_is_named(reference: SegmentReference) -> None:
    """Each of the two differs from the other, but one of them is as it was in training."""
    more = SegmentCustomers.drawn(
        np.random.default_rng(7), 20_000, lambda x, score: np.where(x[:, 3] < 0.5, np.minimum(1.6 * score, 1), score)
    )
    window = judged(reference, more)
    changed = [one.name for one in window.segments if one.changed]
    assert changed == ["X3: below 0.5"]
    assert window.segments[0].protected


def test_a_segment_that_was_off_from_the_start_has_not_changed() -> None:
    off = in_small(lambda score: 0.4 * score)
    reference = SegmentCustomers.drawn(np.random.default_rng(8), 20_000, off).reference()
    window = judged(reference, SegmentCustomers.drawn(np.random.default_rng(9), 20_000, off))
    found = named(window)[SMALL]
    assert found.judged
    assert not found.changed
    assert found.expected is not None
    assert found.expected.low < found.observed < found.expected.high


def test_too_few_records_or_churners_are_not_judged_and_their_metrics_stand_there(reference: SegmentReference) -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(10), 3_000, in_small(lambda score: 1 - score))
    found = named(judged(reference, customers))[SMALL]
    assert found.labelled < 200
    assert not found.judged
    assert not found.changed
    assert found.p_value is None
    assert found.f1 is not None
    assert found.f1.low < found.f1.value < found.f1.high


def test_repeated_customers_count_once(reference: SegmentReference) -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(11), 5_000, in_small(lambda score: 1.6 * score))
    once = named(judged(reference, customers))[SMALL]
    again = named(judged(reference, customers.repeated(7), design_effect=7.0))[SMALL]
    assert again.records == 7 * once.records
    assert again.p_value == pytest.approx(once.p_value, rel=1e-4)
    assert once.f1 is not None
    assert again.f1 is not None
    assert (again.f1.value, again.f1.low) == pytest.approx((once.f1.value, once.f1.low))


def test_shares_have_wilsons_intervals(reference: SegmentReference) -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(12), 2_000)
    sums = customers.sums()
    found = named(judged(reference, customers, sums))[SMALL]
    mine = sums.segments[SMALL]
    assert found.selection_rate is not None
    assert found.recall is not None
    assert found.selection_rate.value == mine.predicted / mine.records
    assert (found.recall.low, found.recall.high) == wilson(mine.tp, mine.tp + mine.fn)


@pytest.mark.parametrize("changed", [{"status": "provisional"}, {"labelled": 100}])
def test_labels_that_are_not_all_there_say_nothing_of_segments(
    reference: SegmentReference, changed: dict[str, Any]
) -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(13), 5_000, in_small(lambda score: 1 - score))
    window = msgspec.structs.replace(customers.window(), **changed)
    found = SegmentVerdicts(SEGMENTS, lambda _: reference, LEVEL, 200)(window, customers.sums()).segments
    assert not any(one.judged for one in found)
    assert all(one.f1 is None and one.selection_rate is not None for one in found)


def test_without_a_reference_or_segments_nothing_is_judged(reference: SegmentReference) -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(14), 1_000)
    assert not any(one.judged for one in judged(None, customers).segments)
    none = WindowSums(customers.sums().histogram, customers.sums().histogram)
    assert judged(reference, customers, none).segments == ()


def test_a_segment_whose_labels_are_missing_is_not_judged(reference: SegmentReference) -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(19), 10_000, in_small(lambda score: 1 - score))
    sums = customers.sums()
    assert named(judged(reference, customers, sums))[SMALL].changed
    whole = msgspec.structs.asdict(sums.segments[SMALL])
    kept = ("records", "predicted", "probability")
    fewer = SegmentSums(**{name: value if name in kept else value // 2 for name, value in whole.items()})
    assert fewer.labelled > 200
    missing = WindowSums(sums.histogram, sums.newest, {**sums.segments, SMALL: fewer})
    assert not named(judged(reference, customers, missing))[SMALL].judged


def test_a_feature_that_some_panes_know_nothing_of_is_not_judged(reference: SegmentReference) -> None:
    """So it is in the week after an upgrade, or after the schema's segments were changed."""
    customers = SegmentCustomers.drawn(np.random.default_rng(20), 10_000, in_small(lambda score: 1 - score))
    sums = customers.sums()
    others = {name: one for name, one in sums.segments.items() if name != "X0: 0.5 and above"}
    found = named(judged(reference, customers, WindowSums(sums.histogram, sums.newest, others)))
    assert not any(one.judged for name, one in found.items() if name.startswith("X0"))
    assert found["X1: below 0.25"].judged
    assert found[SMALL].records == sums.segments[SMALL].records


@pytest.mark.parametrize("rows", [0, 90])
def test_a_segment_that_training_hardly_had_is_not_judged(rows: int) -> None:
    known = SegmentCustomers.drawn(np.random.default_rng(15), 10_000)
    small = known.x[:, 0] < 0.05
    kept = ~small | (np.cumsum(small) <= rows)
    without = SegmentCustomers(known.x[kept], known.score[kept], known.label[kept]).reference()
    flipped = in_small(lambda score: 1 - score)
    window = judged(without, SegmentCustomers.drawn(np.random.default_rng(16), 10_000, flipped))
    assert not named(window)[SMALL].judged
    assert not any(one.changed for one in window.segments)


def test_the_reference_of_a_model_is_made_once(reference: SegmentReference) -> None:
    asked: list[ModelRef] = []

    def references(model: ModelRef) -> SegmentReference:
        asked.append(model)
        return reference

    verdicts = SegmentVerdicts(SEGMENTS, references, LEVEL, 200)
    customers = SegmentCustomers.drawn(np.random.default_rng(17), 500)
    for _ in range(3):
        verdicts(customers.window(), customers.sums())
    assert len(asked) == 1


def test_impossible_sums_give_finite_verdicts(reference: SegmentReference) -> None:
    """Sums can come from another release, or from a version with another threshold."""
    customers = SegmentCustomers.drawn(np.random.default_rng(18), 6_000)
    sums = customers.sums()
    records = sums.segments[SMALL].records
    odd = SegmentSums(records, records, 0, 0, 100, 0, records - 100, 0, 0, 900_000_000_000)
    window = judged(reference, customers, WindowSums(sums.histogram, sums.newest, {**sums.segments, SMALL: odd}))
    assert named(window)[SMALL].judged
    for one in window.segments:
        ends = [one.p_value, one.excess_loss, *(msgspec.structs.astuple(one.expected) if one.expected else ())]
        assert np.isfinite([end for end in ends if end is not None]).all()
