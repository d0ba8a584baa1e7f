"""Each segment's own reference: its rows are found as a stream's are, and none is lost."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.panes import SCORE_BINS
from contract.segments import SegmentTable, read_segments
from monitor.segments.reference import ScoreGroups, segment_codes
from tests.support.segments import SEGMENTS, SMALL, SegmentCustomers

NUMBERS, TEXTS = read_segments(
    {"Age": SegmentTable(bands=(30, 45.5)), "Country": SegmentTable()},
    {"Age": (), "Country": ("France", "Spain")},
    "test",
)


@given(st.lists(st.one_of(st.none(), st.floats(-100, 100), st.sampled_from([30.0, 45.5, float("nan")])), min_size=1))
def test_numbers_get_the_segment_that_the_contract_says(values: list[float | None]) -> None:
    codes = segment_codes(pd.Series(values, dtype=np.float64), NUMBERS)
    assert [NUMBERS.names[code] for code in codes] == [NUMBERS.name_of(value) for value in values]


@given(st.lists(st.one_of(st.none(), st.sampled_from(["France", "Spain", "Chile", "", "missing"])), min_size=1))
def test_texts_get_the_segment_that_the_contract_says(values: list[str | None]) -> None:
    codes = segment_codes(pd.Series(values, dtype=object), TEXTS)
    assert [TEXTS.names[code] for code in codes] == [TEXTS.name_of(value) for value in values]


def test_every_row_is_in_one_segment_of_each_feature() -> None:
    customers = SegmentCustomers.drawn(np.random.default_rng(1), 3_000)
    found = customers.reference()
    for feature in range(len(SEGMENTS)):
        mine = found.features == feature
        assert found.records[mine].sum() == 3_000
        assert found.churners[mine].sum() == customers.label.sum()
    small = found.names.index(SMALL)
    rows = customers.x[:, 0] < 0.05
    assert found.records[small].sum() == rows.sum()
    assert found.brier[small] == pytest.approx(((customers.score - customers.label)[rows] ** 2).mean())


@given(st.lists(st.floats(0, 1), max_size=50))
def test_groups_of_any_scores_hold_every_bin_in_order(scores: list[float]) -> None:
    groups = ScoreGroups.of(np.array(scores))
    assert groups.group_of.shape == (SCORE_BINS,)
    assert set(np.diff(groups.group_of)) <= {0, 1}
    assert len(groups.probability) <= 61
    assert (np.diff(groups.probability) > 0).all()
    assert np.isfinite(groups.log_odds).all()
