"""How a comparison is kept and said."""

import pytest

from training.registered.tries import FRESH_FROM
from training.registered.verdict import Names, PairJudged, judged_text, read_judged, verdict_of

NAMES = Names("churn v4", "churn v3", "@champion")
BETTER = PairJudged(3, 1, 1_500, 0.004, 0.001, 0.007, 0.95)
EQUAL = PairJudged(3, 2, 1_500, -0.0001, -0.004, 0.0038, 1 - 0.05 / 3)


def test_what_is_kept_is_read_back_and_what_others_wrote_is_not() -> None:
    assert read_judged(judged_text(EQUAL)) == EQUAL
    for text in ("", "{}", "[1]", '{"champion": "three"}', "\x00"):
        assert read_judged(text) is None


def test_the_first_comparison_is_said_as_ever() -> None:
    assert verdict_of(BETTER, NAMES, force=False).reason == (
        "churn v4 takes @champion from churn v3: on 1,500 held-out rows its Brier score is 0.00400 lower (95 % "
        "interval of the gain 0.00100 to 0.00700)"
    )
    assert not verdict_of(BETTER, NAMES, force=True).forced, "it needs no force"


def test_a_later_one_says_what_it_has_to_show() -> None:
    verdict = verdict_of(EQUAL, NAMES, force=False)
    assert not verdict.promoted
    assert verdict.reason.endswith(
        "its Brier score is 0.00010 higher (98.33 % interval of the gain -0.00400 to 0.00380, as needed for "
        "comparison 2 on them)"
    )
    assert verdict_of(EQUAL, NAMES, force=True).forced


@pytest.mark.parametrize(("number", "due"), [(FRESH_FROM - 1, False), (FRESH_FROM, True)])
def test_other_rows_are_advised_when_they_are_due(number: int, due: bool) -> None:
    found = PairJudged(3, number, 1_500, 0.0, -0.001, 0.001, 0.99)
    assert ("--split-seed" in verdict_of(found, NAMES, force=False).reason) == due


def test_a_model_that_was_made_twice_is_the_same() -> None:
    again = PairJudged(3, 1, 1_500, 0.0, 0.0, 0.0, 0.95)
    verdict = verdict_of(again, NAMES, force=False)
    assert not verdict.promoted
    assert "its Brier score is the same" in verdict.reason
