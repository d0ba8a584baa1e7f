import pytest

from training.quality.objections import objections, objections_text, read_objections
from training.table.suspicions import Suspicion


def measured(auc: float, positives: int = 200, negatives: int = 800) -> dict[str, float]:
    return {"roc_auc": auc, "tp": positives - 1.0, "fn": 1.0, "tn": negatives - 1.0, "fp": 1.0}


def against(
    auc: float, low: float, high: float, *suspicions: Suspicion, positives: int = 200, negatives: int = 800
) -> tuple[str, ...]:
    return objections(measured(auc, positives, negatives), {"roc_auc": (low, high)}, suspicions)


def test_nothing_speaks_against_an_honest_model() -> None:
    assert against(0.855, 0.831, 0.878) == ()
    assert against(0.979, 0.97, 0.99, Suspicion("features A and B are equal")) == ()
    assert against(0.6, 0.501, 0.7) == ()


def test_a_model_that_guesses_is_objected_to() -> None:
    (said,) = against(0.52, 0.5, 0.56)
    assert said.startswith("its ROC AUC on held-out rows is 0.520 (95 % interval 0.500 to 0.560), which is no better")


def test_a_model_that_is_wrong_more_often_than_not_is_told_that_churn_follows_other_rules() -> None:
    """Its features do tell who leaves: on the newest rows they tell it the other way round."""
    (said,) = against(0.3, 0.2, 0.4)
    assert "which is no better than guessing, even worse" in said
    assert "may follow other rules" in said
    assert objections_text((said,)) == objections_text(read_objections(objections_text((said,)))), "kept whole"
    assert "even worse" not in against(0.45, 0.4, 0.5)[0]


def test_a_model_that_is_too_good_is_objected_to() -> None:
    (said,) = against(0.98, 0.97, 0.99)
    assert "beyond belief" in said


def test_a_leak_is_objected_to_whatever_the_figures_and_stands_first() -> None:
    leak = Suspicion("feature closed_on alone tells the label", leak=True)
    assert against(0.85, 0.8, 0.9, leak) == (leak.text,)
    assert against(1.0, 1.0, 1.0, Suspicion("something else"), leak)[0] == leak.text


@pytest.mark.parametrize(("positives", "negatives", "who"), [(9, 800, "left"), (800, 9, "stayed")])
def test_a_handful_of_one_label_says_nothing(positives: int, negatives: int, who: str) -> None:
    (said,) = against(0.9, 0.8, 0.97, positives=positives, negatives=negatives)
    assert said.startswith(f"only 9 of the held-out rows are of customers who {who}, too few")
    assert against(0.9, 0.8, 0.97, positives=10, negatives=10) == ()


def test_objections_are_read_as_they_were_kept() -> None:
    found = ("feature 'ü' alone tells the label", "b")
    assert read_objections(objections_text(found)) == found
    assert read_objections(objections_text(())) == ()
    assert read_objections(None) == (), "versions of earlier releases do not say"


def test_what_is_kept_is_bounded() -> None:
    kept = objections_text(["ü" * 10_000] * 1_000)
    assert len(kept) < 5_000
    assert all(each.endswith("…") for each in read_objections(kept))


@pytest.mark.parametrize("text", ["[", "{}", "[1]", "null"])
def test_what_cannot_be_read_speaks_against_the_version(text: str) -> None:
    (said,) = read_objections(text)
    assert "can no longer be read" in said
