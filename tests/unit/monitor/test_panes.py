"""Summaries: equal to a group-by over the records, whatever the order in which records, labels and panes come."""

import math
from collections import Counter
from itertools import pairwise
from random import Random
from typing import NamedTuple

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, confusion_matrix, log_loss

from contract.panes import FEATURE_UNIT, UNIT, NumericSummary, SampleRow, ScoreBin, Summary
from contract.schema import parse_schema
from monitor import panes
from tests.support import one_by_one

HOUR = 3_600_000
SCHEMA = parse_schema(
    {
        "name": "test",
        "id": "Id",
        "on_violation": "score",
        "label": {"column": "y"},
        "features": {
            "Country": {"kind": "categorical", "categories": ["FR", "DE"], "missing": True},
            "Age": {"kind": "numeric", "min": 18, "max": 100, "missing": True},
            "Products": {"kind": "ordinal", "min": 1, "max": 4},
            "Active": {"kind": "flag"},
        },
    }
)


class Case(NamedTuple):
    record_id: str
    probability: float
    predicted: int
    features: tuple[float | str | None, ...]
    label: int | None
    delay: int

    @property
    def label_arguments(self) -> tuple[float, int, int, int]:
        assert self.label is not None
        return self.probability, self.predicted, self.label, self.delay


_features = st.tuples(
    st.sampled_from(["FR", "DE", "XX", None]),
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(18, 100)),
    st.integers(0, 6),
    st.integers(0, 1),
)
_cases = st.lists(
    st.builds(
        Case,
        st.text(min_size=1, max_size=8),
        st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])),
        st.integers(0, 1),
        _features,
        st.sampled_from([0, 1, None]),
        st.integers(0, 60 * 24 * HOUR),
    ),
    max_size=30,
    unique_by=lambda case: case.record_id,
)


def _summary(cases: list[Case], sample_size: int = 1_000) -> Summary:
    summary = one_by_one.empty()
    for case in cases:
        one_by_one.add_prediction(summary, SCHEMA, case.probability, case.predicted, case.features)
        if case.label is not None:
            one_by_one.add_label(summary, *case.label_arguments)
    rows = [
        SampleRow(
            panes.record_hash(case.record_id),
            case.record_id,
            case.probability,
            case.predicted,
            case.label,
            case.features,
        )
        for case in cases
    ]
    summary.sample = sorted(rows, key=lambda row: (row.hash, row.record_id))[:sample_size]
    return summary


def test_record_hash_is_stable_and_has_53_bits() -> None:
    assert panes.record_hash("bank/0/replay") == 8929018451699688
    hashes = [panes.record_hash(str(number)) for number in range(2_000)]
    assert len(set(hashes)) == 2_000
    assert 2**52 < max(hashes) < 2**53
    assert 0.45 < sum(hashes) / len(hashes) / 2**53 < 0.55


def test_record_hash_takes_what_json_can_say() -> None:
    assert 0 <= panes.record_hash("\ud800") < 2**53


@given(st.integers(-(10**15), 10**15), st.integers(1, 10**10))
def test_a_record_lies_in_its_pane(event_time: int, slide: int) -> None:
    start = one_by_one.pane_start(event_time, slide)
    assert start <= event_time < start + slide
    assert start % slide == 0


@given(_cases)
def test_a_summary_is_a_group_by(cases: list[Case]) -> None:
    summary = _summary(cases)
    frame = pd.DataFrame(cases)
    labelled = [case for case in cases if case.label is not None]
    y = [case.label for case in labelled]
    predicted = [case.predicted for case in labelled]
    p = [case.probability for case in labelled]

    assert (summary.records, summary.labelled) == (len(cases), len(labelled))
    if labelled:
        matrix = confusion_matrix(y, predicted, labels=[0, 1]).ravel().tolist()
        assert [summary.tn, summary.fp, summary.fn, summary.tp] == matrix
        assert summary.squared_error / UNIT / len(y) == pytest.approx(brier_score_loss(y, p), abs=1e-9)
        clipped = [min(max(value, 1e-15), 1 - 1e-15) for value in p]
        assert summary.log_loss / UNIT / len(y) == pytest.approx(log_loss(y, clipped, labels=[0, 1]), abs=1e-8)
    for expected, side in ((summary.expected_negative, 0), (summary.expected_positive, 1)):
        chosen = [case.probability for case in cases if case.predicted == side]
        assert expected.records == len(chosen)
        assert expected.probability / UNIT == pytest.approx(sum(chosen), abs=1e-7)
        assert expected.probability_squared / UNIT == pytest.approx(sum(value**2 for value in chosen), abs=1e-7)
    bins = Counter(min(math.floor(case.probability * 1_000), 999) for case in cases)
    assert {index: counted.records for index, counted in summary.scores.items()} == bins
    assert sum(counted.positives for counted in summary.scores.values()) == sum(case.label == 1 for case in cases)
    assert sum(counted.negatives for counted in summary.scores.values()) == sum(case.label == 0 for case in cases)
    assert summary.delay_hours == Counter(case.delay // HOUR for case in labelled)
    if cases:
        countries = frame["features"].map(lambda values: values[0])
        country = summary.categorical["Country"]
        assert {**country.counts, **country.unlisted} == countries.dropna().value_counts().to_dict()
        assert set(country.unlisted) <= {"XX"}
        assert summary.categorical["Country"].missing == int(countries.isna().sum())
        assert summary.categorical["Country"].violations == int((countries == "XX").sum())
        ages = frame["features"].map(lambda values: values[1]).astype(float)
        age = summary.numeric["Age"]
        assert (age.count, age.missing) == (int(ages.notna().sum()), int(ages.isna().sum()))
        assert age.violations == int(((ages < 18) | (ages > 100)).sum())
        assert age.total / FEATURE_UNIT == pytest.approx(ages.sum(), abs=1e-4)
        assert age.minimum == (None if ages.isna().all() else ages.min())
        assert age.maximum == (None if ages.isna().all() else ages.max())
        products = frame["features"].map(lambda values: values[2])
        assert one_by_one.violations(summary).get("Products", 0) == int(((products < 1) | (products > 4)).sum())


@given(_cases, st.randoms(use_true_random=False))
def test_order_of_predictions_and_labels_makes_no_difference(cases: list[Case], random: Random) -> None:
    shuffled = list(cases)
    random.shuffle(shuffled)
    late = one_by_one.empty()
    for case in shuffled:
        one_by_one.add_prediction(late, SCHEMA, case.probability, case.predicted, case.features)
    random.shuffle(shuffled)
    for case in shuffled:
        if case.label is not None:
            one_by_one.add_label(late, *case.label_arguments)
    assert msgspec.structs.replace(_summary(cases), sample=[]) == late


@given(_cases)
def test_removing_a_label_undoes_adding_it(cases: list[Case]) -> None:
    summary = _summary(cases)
    before = msgspec.json.encode(summary)
    for case in cases:
        for label in (0, 1):
            one_by_one.add_label(summary, case.probability, case.predicted, label, case.delay + HOUR)
    for case in reversed(cases):
        for label in (0, 1):
            one_by_one.remove_label(summary, case.probability, case.predicted, label, case.delay + HOUR)
    assert msgspec.json.encode(summary) == before


@given(_cases, st.lists(st.integers(0, 30), max_size=4), st.integers(0, 12), st.randoms(use_true_random=False))
def test_merging_parts_in_any_order_and_grouping_gives_the_whole(
    cases: list[Case], cuts: list[int], sample_size: int, random: Random
) -> None:
    edges = [0, *sorted(cuts), len(cases)]
    parts = [_summary(cases[low:high], sample_size) for low, high in pairwise(edges)]
    whole = msgspec.json.encode(one_by_one.merge([_summary(cases)], sample_size))
    random.shuffle(parts)
    middle = len(parts) // 2
    flat = one_by_one.merge(parts, sample_size)
    nested = one_by_one.merge(
        [
            one_by_one.merge(parts[middle:], sample_size),
            one_by_one.empty(),
            one_by_one.merge(parts[:middle], sample_size),
        ],
        sample_size,
    )
    # compared as bytes, so that the order of keys counts too
    assert msgspec.json.encode(flat) == whole
    assert msgspec.json.encode(nested) == whole


def test_merge_leaves_its_arguments_alone() -> None:
    part = _summary([Case("a", 0.3, 0, ("FR", 40.0, 1, 1), 1, HOUR)])
    before = msgspec.json.encode(part)
    merged = one_by_one.merge([part, part], 10)
    merged.scores[300].records += 1
    merged.numeric["Age"].count += 1
    merged.categorical["Country"].counts["FR"] += 1
    assert msgspec.json.encode(part) == before


def test_the_sample_is_the_smallest_hashes_of_all_parts() -> None:
    cases = [Case(f"r{number}", 0.5, 1, ("FR", 40.0, 1, 1), None, 0) for number in range(200)]
    merged = one_by_one.merge([_summary(cases[:150], 20), _summary(cases[150:], 20)], 20)
    expected = sorted(panes.record_hash(case.record_id) for case in cases)[:20]
    assert [row.hash for row in merged.sample] == expected


def test_sums_outgrow_64_bits_and_survive_json() -> None:
    summary = Summary(numeric={"Balance": NumericSummary(count=1, total=2**80)}, scores={7: ScoreBin(1, 0, 1)})
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


@given(st.lists(st.integers(0, 100), max_size=12))
def test_median_delay(hours: list[int]) -> None:
    summary = one_by_one.empty()
    for delay in hours:
        one_by_one.add_prediction(summary, SCHEMA, 0.5, 1, ("FR", 40.0, 1, 1))
        one_by_one.add_label(summary, 0.5, 1, 1, delay * HOUR + HOUR - 1)
    assert one_by_one.median_delay_hours(summary) == (pd.Series(hours).median() if hours else None)


def test_missing_counts_name_only_features_that_miss_values() -> None:
    summary = one_by_one.empty()
    one_by_one.add_prediction(summary, SCHEMA, 0.5, 1, (None, None, 2, 1))
    one_by_one.add_prediction(summary, SCHEMA, 0.5, 1, ("FR", None, 2, 1))
    assert one_by_one.missing(summary) == {"Age": 2, "Country": 1}
    assert one_by_one.violations(summary) == {}


def test_delays_of_positive_labels_and_silence_are_counted_apart_and_merge() -> None:
    parts = []
    for label, hours, inferred in ((1, 2, False), (0, 2, False), (0, 30, True)):
        summary = one_by_one.empty()
        one_by_one.add_prediction(summary, SCHEMA, 0.5, 0, (None,) * len(SCHEMA.features))
        one_by_one.add_label(summary, 0.5, 0, label, hours * HOUR, inferred)
        parts.append(summary)
    merged = one_by_one.merge(parts, 0)
    assert (merged.delay_hours, merged.delay_hours_positive, merged.inferred) == ({2: 2, 30: 1}, {2: 1}, 1)
    one_by_one.remove_label(parts[2], 0.5, 0, 0, 30 * HOUR, True)
    assert (parts[2].labelled, parts[2].inferred, parts[2].delay_hours) == (0, 0, {})
