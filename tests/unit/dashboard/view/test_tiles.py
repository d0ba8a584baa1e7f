"""Tiles: the newest windows beside training."""

import msgspec

from contract.windows import Estimate, Outlook, Relation, Worsening
from dashboard.view.model import Tile
from dashboard.view.selected import Selected
from tests.support.dashboard.told import ToldStream, incident, trained
from tests.support.messages import START
from tests.support.windows import drift, final, performance, window

RELATION = Relation(
    labelled=2_000,
    observed=400,
    expected=Estimate(390.0, 360.0, 420.0),
    level=Estimate(0.0, -0.1, 0.1),
    slope=None,
    p_value=0.5,
    changed=False,
)


def worsening(worse: bool) -> Worsening:
    return Worsening(reference=0.107, excess=Estimate(0.04, 0.03, 0.05), p_value=1e-6, worse=worse)


def tiles(told: ToldStream, selected: Selected | None = None) -> dict[str, Tile]:
    return {tile.name: tile for tile in told.page(selected).tiles}


def test_realised_is_of_the_newest_window_that_labels_can_judge() -> None:
    told = ToldStream(
        trained(),
        final(0, relation=RELATION, performance=performance(0.6)),
        window(1, labelled=3, performance=performance(0.1, 3)),
    )
    tile = tiles(told)["F1, realised"]
    assert (tile.now, tile.then) == ("0.600", "0.740 (0.710–0.770)")
    assert tile.detail.startswith("Final, v3, window 1 Jan – 8 Jan 2025, 2,000 labels of 2,000 records.")


def test_a_metric_below_trainings_is_noticed_only_where_intervals_do_not_meet() -> None:
    for high, tone in ((0.705, "notice"), (0.715, "good")):
        measured = performance(0.69)
        measured.intervals["f1"] = (0.67, high)
        told = ToldStream(trained(), final(relation=RELATION, performance=measured))
        assert tiles(told)["F1, realised"].tone == tone


def test_brier_is_judged_as_the_monitor_judges_it() -> None:
    for worse, tone, sign in ((True, "bad", "✖"), (False, "good", "✓")):
        tile = tiles(ToldStream(trained(), final(worsening=worsening(worse))))["Brier score"]
        assert (tile.tone, tile.sign, tile.now, tile.then) == (tone, sign, "0.100", "0.107 (0.100–0.114)")
    assert tiles(ToldStream(final(worsening=worsening(False))))["Brier score"].then == "0.107"
    assert tiles(ToldStream(final()))["Brier score"].tone == "unknown"


def test_the_estimate_says_whether_labels_have_borne_it_out() -> None:
    for f1, word in ((0.7, "inside"), (0.8, "outside")):
        told = ToldStream(final(0, relation=RELATION, performance=performance(f1)), window(1))
        tile = tiles(told)["F1, estimated"]
        assert tile.now == "0.700 (0.660–0.740)"
        assert f"{word} the estimate's interval" in tile.detail


def test_an_estimate_that_is_worse_than_training_is_no_good_sign() -> None:
    """Also where labels have borne out what was estimated of windows before."""
    first = final(0, relation=RELATION, performance=performance(0.7))
    low = msgspec.structs.replace(first.estimated, f1=Estimate(0.6, 0.58, 0.7))
    tile = tiles(ToldStream(trained(), first, window(1, estimated=low)))["F1, estimated"]
    assert (tile.tone, "Lower than in training." in tile.detail) == ("notice", True)
    outlook = Outlook(basis="estimate", reference=0.107, excess=Estimate(0.04, 0.03, 0.05), p_value=1e-6, worse=True)
    brier = msgspec.structs.replace(first.estimated, brier=Estimate(0.15, 0.14, 0.16))
    told = ToldStream(first, window(1, estimated=brier, outlook=outlook))
    tile = tiles(told, Selected(metric="brier"))["Brier score, estimated"]
    assert (tile.tone, "Higher than in training." in tile.detail) == ("notice", True)


def test_a_withdrawn_estimate_is_not_shown() -> None:
    tile = tiles(ToldStream(final(untrusted_since=START)))["F1, estimated"]
    assert (tile.now, tile.tone, "since 1 Jan 2025" in tile.detail) == ("withdrawn", "notice", True)


def test_coverage_is_of_the_newest_final_window_and_tells_of_the_newest() -> None:
    tile = tiles(ToldStream(final(0), window(1, labelled=100)))["Labels in"]
    assert (tile.now, tile.tone) == ("100 %", "good")
    assert "median delay 36 hours" in tile.detail
    assert "The newest window has 5 %" in tile.detail


def test_missing_labels_that_an_alert_tells_of_give_the_tone() -> None:
    told = ToldStream(final(), incident("coverage", severity="critical"))
    assert tiles(told)["Labels in"].tone == "bad"


def test_drifted_columns_of_how_many() -> None:
    changed = drift({"Age": 0.3, "Balance": 0.2, "Tenure": 0.01, "score": 0.1}, ("Age", "Balance", "score"))
    tile = tiles(ToldStream(final(drift=changed)))["Drifted columns"]
    assert (tile.now, tile.then, tile.tone) == ("2 of 3 columns, and the score", "0", "notice")
    assert tile.detail.startswith("Age, Balance. Window 1 Jan")
    calm = tiles(ToldStream(final()))["Drifted columns"]
    assert (calm.now, calm.tone) == ("0 of 1 column", "good")


def test_dead_letters_of_the_newest_window() -> None:
    tile = tiles(ToldStream(final(dead_letters={"out-of-range/Age": 15, "not-json": 5})))["Dead letters"]
    assert (tile.now, tile.tone) == ("20 (1 %)", "notice")
    assert "out-of-range/Age: 15; not-json: 5" in tile.detail


def test_another_metric_can_be_chosen() -> None:
    names = list(tiles(ToldStream(final()), Selected(metric="roc_auc")))
    assert names[:3] == ["ROC AUC, realised", "Brier score", "ROC AUC, estimated"]
    assert list(tiles(ToldStream(final()), Selected(metric="brier")))[:2] == ["Brier score", "F1, realised"]


def test_a_stream_without_windows_has_no_tiles() -> None:
    assert ToldStream().page().tiles == ()
