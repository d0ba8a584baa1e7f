"""Sums that are added and taken away say what merged summaries do, exactly, and packing loses nothing."""

from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.panes import SCORE_BINS, UNIT, SegmentSums, Summary
from contract.schema import parse_schema
from monitor.panes import HOUR
from monitor.timeline.metrics import histogram_auc
from monitor.timeline.segments import LARGEST_SUM, MOST_NAMES, WIDTH
from monitor.timeline.sums import Sums, SumsLayout, pack_summary, packed_totals, score_bins
from tests.support import one_by_one

SCHEMA = parse_schema(
    {
        "name": "t",
        "id": "Id",
        "label": {"column": "y"},
        "segments": {"Country": {}, "Age": {"bands": [50]}},
        "features": {
            "Country": {
                "kind": "categorical",
                "categories": ["a", "b"],
                "missing": True,
                "on_violation": "score",
            },
            "Age": {"kind": "numeric", "min": 0, "max": 50, "missing": True, "on_violation": "score"},
        },
    }
)
LATENESS, TOLERANCE = 48 * HOUR, 2 * HOUR

_cases = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 0.1004, 0.5, 0.999, 1.0]),
        st.sampled_from([0, 1, None]),
        st.integers(-TOLERANCE, LATENESS),
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from([30.0, 70.0, None]),
    ),
    max_size=12,
)


def summary(cases: list[tuple[float, int | None, int, str | None, float | None]]) -> Summary:
    made = one_by_one.empty()
    for probability, label, delay, country, age in cases:
        predicted = int(probability >= 0.3)
        one_by_one.add_prediction(made, SCHEMA, probability, predicted, (country, age))
        segments = one_by_one.segments_of(SCHEMA, (country, age))
        if label is not None:
            one_by_one.add_label(made, probability, predicted, label, delay, segments=segments)
    return made


@given(st.lists(_cases, max_size=4), st.randoms(use_true_random=False))
def test_sums_are_those_of_the_merged_summary_in_whatever_order(parts: list[object], random: Random) -> None:
    summaries = [summary(cases) for cases in parts]  # type: ignore[arg-type]
    merged = one_by_one.merge(summaries, 0)
    layout = SumsLayout(LATENESS, TOLERANCE)
    packed = [pack_summary(one, layout) for one in summaries]
    random.shuffle(packed)
    sums = Sums(layout)
    for one in packed:
        sums.add(one)
    assert (sums.records, sums.labelled, sums.inferred) == (merged.records, merged.labelled, merged.inferred)
    assert sums.confusion == (merged.tn, merged.fp, merged.fn, merged.tp)
    assert (sums.squared_error, sums.log_loss) == (merged.squared_error, merged.log_loss)
    assert sums.expected_negative == merged.expected_negative
    assert sums.expected_positive == merged.expected_positive
    assert (sums.missing(), sums.violations()) == (one_by_one.missing(merged), one_by_one.violations(merged))
    assert sums.median_delay_hours() == one_by_one.median_delay_hours(merged)
    plain = sums.summary()
    assert plain.scores == merged.scores
    assert {hour: labels for hour, labels in merged.delay_hours.items() if labels} == plain.delay_hours
    assert pack_summary(plain, layout) == pack_summary(merged_without_features(merged), layout)
    assert sums.segments() == merged.segments
    assert list(sums.segments()) == sorted(merged.segments)
    again = Sums(layout)
    again.add(sums.packed())
    assert again.segments() == merged.segments
    assert again.packed() == sums.packed()
    unsegmented = Sums(layout, segmented=False)
    unsegmented.add(sums.packed())
    assert (unsegmented.totals, unsegmented.counts.tolist()) == (sums.totals, sums.counts.tolist())
    assert unsegmented.segments() == {}
    assert (again.totals, again.counts.tolist()) == (sums.totals, sums.counts.tolist())
    assert score_bins(sums.packed()).tolist() == sums.histogram.tolist()
    for one in packed:
        sums.add(one, -1)
    assert not any(sums.totals)
    assert not sums.counts.any()
    assert sums.segments() == {}


def merged_without_features(merged: Summary) -> Summary:
    bare = one_by_one.merge([merged], 0)
    bare.numeric, bare.categorical, bare.segments = {}, {}, {}
    return bare


def test_equal_summaries_are_packed_alike_whatever_the_order_of_their_dictionaries() -> None:
    cases = [(0.1, 1, HOUR, "c", 70.0), (0.9, 0, 30 * HOUR, None, None)]
    layout = SumsLayout(LATENESS, TOLERANCE)
    assert pack_summary(summary(cases), layout) == pack_summary(summary(cases[::-1]), layout)


def test_sums_of_any_size_stay_exact() -> None:
    layout = SumsLayout(LATENESS, TOLERANCE)
    large = Summary(records=2**40, labelled=2**40, tn=2**40, squared_error=2**40 * 10**6, log_loss=2**63 + 1)
    sums = Sums(layout)
    for _ in range(1_000):
        sums.add(pack_summary(large, layout))
    assert sums.log_loss == 1_000 * (2**63 + 1)
    for _ in range(1_000):
        sums.add(pack_summary(large, layout), -1)
    assert not any(sums.totals)


_large = st.integers(0, LARGEST_SUM // 4)
_segments = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.integers(0, 300) | _large, min_size=WIDTH, max_size=WIDTH).map(lambda row: SegmentSums(*row)),
)


@given(st.lists(_segments, max_size=7))
def test_segments_of_any_size_that_a_pane_may_have_are_added_and_taken_away_exactly(
    parts: list[dict[str, SegmentSums]],
) -> None:
    layout = SumsLayout(LATENESS, TOLERANCE)
    packed = [pack_summary(Summary(segments=part), layout) for part in parts]
    sums = Sums(layout)
    for one in packed:
        sums.add(one)
    for part, one in zip(parts[1:], packed[1:], strict=True):
        sums.add(one, -1)
        sums.add(pack_summary(Summary(segments=dict(reversed(part.items()))), layout))
    total = {name: [0] * WIDTH for part in parts for name in part}
    for part in parts:
        for name, one_segment in part.items():
            total[name] = [a + b for a, b in zip(total[name], msgspec.structs.astuple(one_segment), strict=True)]
    assert sums.segments() == {name: SegmentSums(*row) for name, row in sorted(total.items()) if any(row)}


def test_segments_beyond_a_thousand_names_are_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    layout = SumsLayout(LATENESS, TOLERANCE)
    sums = Sums(layout)
    for first in range(0, MOST_NAMES + 200, 50):
        part = {f"Age: {number:06}": SegmentSums(records=number + 1) for number in range(first, first + 50)}
        sums.add(pack_summary(Summary(records=50, segments=part), layout))
    assert sums.records == MOST_NAMES + 200
    assert list(sums.segments().values()) == [SegmentSums(records=number + 1) for number in range(MOST_NAMES)]
    assert len(caplog.messages) == 1
    assert f"'Age: {MOST_NAMES:06}' and further ones" in caplog.messages[0]
    sums.add(pack_summary(Summary(segments={"Age: 000000": SegmentSums(records=1)}), layout), -1)
    assert "Age: 000000" not in sums.segments()


def test_delays_beyond_the_lateness_count_in_the_last_hour() -> None:
    made = Summary(records=3, labelled=3, tp=3, delay_hours={-9: 1, 10: 1, 99: 1, 98: 1}, delay_hours_positive={99: 1})
    sums = Sums(SumsLayout(LATENESS, TOLERANCE))
    sums.add(pack_summary(made, SumsLayout(LATENESS, TOLERANCE)))
    assert sums.delay_hours() == ({-2: 1, 10: 1, 48: 1}, {48: 1})


def test_a_pane_of_fifty_records_takes_less_than_a_kilobyte() -> None:
    random = Random(1)
    made = one_by_one.empty()
    for _ in range(50):
        probability = random.betavariate(0.6, 2.1)
        one_by_one.add_prediction(made, SCHEMA, probability, 0, (None, 99.0))
        one_by_one.add_label(made, probability, 0, int(random.random() < probability), random.randrange(LATENESS))
    packed = pack_summary(made, SumsLayout(LATENESS, TOLERANCE))
    assert len(packed) < 1_000
    made.segments = {
        f"Age: {number}": SegmentSums(4, 2, 3 * UNIT, 2, 1, 1, 0, 2 * UNIT, UNIT, UNIT) for number in range(12)
    }
    assert len(pack_summary(made, SumsLayout(LATENESS, TOLERANCE))) < 1_000 + 12 * 32, "32 bytes a segment"
    assert packed_totals(packed)[:2] == (50, 50)


@pytest.mark.parametrize("place", [0, SCORE_BINS - 1])
def test_the_first_and_the_last_bin_count(place: int) -> None:
    made = one_by_one.empty()
    one_by_one.add_prediction(made, SCHEMA, float(place > 0), 1, ("a", 1.0))
    sums = Sums.of(made)
    assert sums.histogram[0].nonzero()[0].tolist() == [place]
    assert histogram_auc(sums.histogram) is None
    assert sums.expected_positive.probability == UNIT * (place > 0)
