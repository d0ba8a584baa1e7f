"""The page: whatever stands in a table or a registry is text on it, and nothing is loaded from elsewhere."""

import re
from dataclasses import replace as changed

import msgspec
import pytest

from training.review.facts import (
    FACTS_FORMAT,
    LONGEST_NOTE,
    MOST_NOTES,
    CalibrationFacts,
    CandidateFacts,
    CostFacts,
    CostRow,
    DataFacts,
    Explained,
    FeatureFacts,
    Gap,
    GroupFacts,
    LeftOut,
    ModelFacts,
    PeriodFacts,
    RateFacts,
    ReviewFacts,
    SegmentFacts,
    SideFacts,
    Tenth,
    noted,
)
from training.review.page import review_page
from training.review.standing import RegistryFacts

MARKUP = "</td><script>alert(1)</script>\u202e$\\frac{1}$ & \"'"
RATE = RateFacts(0.25, 0.2, 0.31, 400)
SIDE = SideFacts(400, 390, 0.25)
FACTS = ReviewFacts(
    model=ModelFacts("churn", "XGBoost", "plain", {MARKUP: MARKUP}, MARKUP, 0.3, "It is so."),
    divided=MARKUP,
    label=MARKUP,
    data=DataFacts(
        1_000,
        SIDE,
        SIDE,
        (LeftOut(MARKUP, MARKUP, 3),),
        2,
        (MARKUP,),
        (
            FeatureFacts(MARKUP, "categorical", 0.1, None, ((MARKUP, 0.5),), 0.1),
            FeatureFacts("Age", "numeric", 0.0, (1.0, 2.0, 3.0), (), None),
        ),
        7,
    ),
    candidates=(CandidateFacts(MARKUP, {"f1": (0.5, 0.4, 0.6)}, True),),
    candidates_left=3,
    metrics=dict.fromkeys(("roc_auc", "f1", "precision", "recall", "brier"), (0.8, 0.7, 0.9)),
    counts={"tn": 1, "fp": 2, "fn": 3, "tp": 4},
    calibration=CalibrationFacts(
        "none", {"none": 0.1}, 0.2, RATE, (1.0, 0.9, 1.1), None, (Tenth(40, 0.5, RATE, 2.0, 0.4),)
    ),
    costs=CostFacts((CostRow(5, 1, 0.2, 300, 120, RATE, RATE, 0.21),), (0.0, 1.0), ((1.0, 2.0),)),
    segments=(
        SegmentFacts(
            MARKUP,
            True,
            (GroupFacts(MARKUP, 5, 1), GroupFacts("other", 400, 100, RATE, 0.2, RATE, RATE, None, None)),
            (Gap("called", MARKUP, "other", (0.1, -0.00001, 0.2)),),
            0.5,
        ),
    ),
    segments_from="They come from there.",
    periods=(PeriodFacts(1_700_000_000_000, 1_700_000_000_000, 400, RATE, 0.2, RATE, 0.1, RATE, None),),
    periods_note="One period.",
    explained=(Explained(MARKUP, (0.1, -0.0), (), (MARKUP,), (0.5,), (0.4,), (0.6,)),),
    explained_note="Note.",
    notes=(MARKUP,),
    lineage={MARKUP: MARKUP},
    libraries={"numpy": "2"},
)
REGISTERED = RegistryFacts(MARKUP, 3, "2026-11-28 08:00 UTC", ("champion",), MARKUP, (MARKUP,), {MARKUP: MARKUP})


@pytest.fixture(scope="module")
def page() -> str:
    return review_page(FACTS, REGISTERED, {"roc": b"\x89PNG", "costs": b"\x89PNG"})


def test_what_is_markup_in_a_table_or_a_tag_is_text(page: str) -> None:
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 20
    assert page.count("<td") == page.count("</td>")


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(page: str) -> None:
    assert not re.search(r"https?:|//|<script|@import|url\(|<iframe|<object|srcset", page.replace("29 CFR", ""))
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
    assert page.count("<img") == 2


def test_small_groups_and_what_is_none_are_said(page: str) -> None:
    assert "too few" in page
    assert "2023-11-14 to 2023-11-14" in page
    assert "−0.0" not in page
    assert "10.0 points (0.0 to 20.0)" in page
    assert "7 more features are not listed" in page
    assert "look closer below 80 %" in page


def test_a_version_without_an_alias_or_objections_says_nothing_of_them() -> None:
    quiet = changed(REGISTERED, aliases=(), forced="", objections=())
    page = review_page(msgspec.structs.replace(FACTS, notes=()), quiet, {})
    assert "It had no alias" in page
    assert "Look at this first" not in page
    assert "<img" not in page


def test_facts_come_back_from_json_and_older_ones_lack_nothing_that_has_a_default() -> None:
    again = msgspec.json.decode(msgspec.json.encode(FACTS), type=ReviewFacts)
    assert again == FACTS
    assert again.format == FACTS_FORMAT


def test_notes_are_bounded() -> None:
    found = noted(tuple("x" * 5_000 for _ in range(500)))
    assert len(found) == MOST_NOTES
    assert all(len(note) == LONGEST_NOTE for note in found)
