import math
from collections.abc import Callable

import msgspec
import pytest
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, _validate_metric_name

from contract.windows import Drift, Estimate, Estimated, Performance, Relation, SegmentMetrics, Worsening
from monitor.mlflow_sink.metric_names import MOST_CHARACTERS, drift_name, missing_name, segment_name, violations_name
from monitor.mlflow_sink.points import values_by_run
from tests.support.windows import cumulative, drift, final, nowcast, performance, window

METRICS = {"f1", "accuracy", "precision", "recall", "roc_auc", "brier", "tn", "fp", "fn", "tp"}


def test_a_provisional_window_concerns_provisional_estimated_and_inputs() -> None:
    values = values_by_run(window())
    assert list(values) == ["provisional", "estimated", "inputs"]
    assert set(values["provisional"]) == {f"performance/{name}" for name in METRICS}
    assert values["estimated"] == {
        "performance/tn": 1400.5,
        "performance/fp": 200.5,
        "performance/fn": 100.5,
        "performance/tp": 298.5,
        "performance/accuracy": 0.84,
        "performance/f1": 0.7,
        "performance/f1_low": 0.66,
        "performance/f1_high": 0.74,
    }
    assert values["inputs"] == {
        "labels/coverage": 0.5,
        "labels/delay_p50": 36.0,
        "stream/records": 2000.0,
        "stream/rate": 2000 / (7 * 24),
        "drift/share": 0.0,
        "drift/Age": 0.02,
        "drift/score": 0.03,
    }


def test_customers_stand_beside_their_records() -> None:
    values = values_by_run(window(customers=400, design_effect=5.5))["inputs"]
    assert (values["stream/customers"], values["stream/design_effect"]) == (400.0, 5.5)


def test_verdicts_on_labels_stand_with_the_inputs_and_the_interval_of_f1_beside_it() -> None:
    relation = Relation(
        labelled=1_000,
        observed=300,
        expected=Estimate(200.0, 180.0, 220.0),
        level=Estimate(0.8, 0.6, 1.0),
        slope=Estimate(-0.4, -0.5, -0.3),
        p_value=1e-9,
        changed=True,
    )
    worsening = Worsening(reference=0.1, excess=Estimate(0.05, 0.03, 0.07), p_value=1e-6, worse=True)
    measured = msgspec.structs.replace(performance(), intervals={"f1": (0.7, 0.8), "recall": (0.6, 0.9)})
    values = values_by_run(final(relation=relation, worsening=worsening, performance=measured))
    judged = {name: value for name, value in values["inputs"].items() if name.startswith("relation/")}
    assert judged == {
        "relation/observed_per_expected": 1.5,
        "relation/slope": -0.4,
        "relation/p_value": 1e-9,
        "relation/changed": 1.0,
        "relation/brier_excess": 0.05,
    }
    assert set(values["realised"]) == {f"performance/{name}" for name in (*METRICS, "f1_low", "f1_high")}


def test_a_final_window_concerns_realised() -> None:
    values = values_by_run(final())
    assert list(values) == ["realised", "estimated", "inputs"]
    assert set(values["realised"]) == {f"performance/{name}" for name in METRICS}


def test_cumulative_metrics_concern_realised_alone() -> None:
    values = values_by_run(cumulative(f1=0.8))
    assert list(values) == ["realised"]
    assert set(values["realised"]) == {f"cumulative/{name}" for name in METRICS}
    assert values["realised"]["cumulative/f1"] == 0.8


def test_a_nowcast_has_the_names_of_the_realised_metrics_and_its_coverage_stands_with_the_inputs() -> None:
    values = values_by_run(window(nowcast=nowcast(0.72)))
    assert list(values) == ["provisional", "nowcast", "estimated", "inputs"]
    assert set(values["nowcast"]) == set(values["estimated"])
    assert values["nowcast"]["performance/f1"] == 0.72
    assert values["nowcast"]["performance/f1_low"] == 0.72 - 0.03
    assert values["nowcast"]["performance/f1_high"] == 0.72 + 0.03
    labels = {name: value for name, value in values["inputs"].items() if name.startswith("labels/")}
    assert labels == {
        "labels/coverage": 0.5,
        "labels/delay_p50": 36.0,
        "labels/coverage_negative": 0.4,
        "labels/coverage_positive": 0.9,
    }


def test_the_coverage_of_a_class_of_which_nothing_is_expected_is_absent() -> None:
    values = values_by_run(window(nowcast=nowcast(coverage_negative=None)))["inputs"]
    assert "labels/coverage_negative" not in values
    assert values["labels/coverage_positive"] == 0.9


def test_an_undefined_metric_is_absent_and_the_counts_that_explain_it_are_there() -> None:
    one_class = msgspec.structs.replace(performance(), f1=None, roc_auc=math.nan, brier=math.inf)
    values = values_by_run(window(performance=one_class))["provisional"]
    assert set(values) == {f"performance/{name}" for name in METRICS - {"f1", "roc_auc", "brier"}}


def test_no_label_and_no_record_give_no_performance_at_all() -> None:
    nothing = Performance(labelled=0, tn=0, fp=0, fn=0, tp=0)
    empty = Estimated(records=0, tn=0, fp=0, fn=0, tp=0)
    values = values_by_run(window(records=0, labelled=0, performance=nothing, estimated=empty, delay_p50_hours=None))
    assert values["provisional"] == {}
    assert values["estimated"] == {}
    assert values["inputs"]["stream/records"] == 0.0
    assert "labels/delay_p50" not in values["inputs"]


def test_drift_share_of_a_window_that_was_not_judged_is_absent() -> None:
    values = values_by_run(window(drift=Drift(judged=False, drifted=False, share=0.0)))["inputs"]
    assert not [name for name in values if name.startswith("drift/")]


def test_missing_values_and_violations_are_there_only_where_there_are_any() -> None:
    values = values_by_run(window(missing={"Age": 3, "Balance": 0}, violations={"Tenure": 2, "Age": 0}))["inputs"]
    assert {name: value for name, value in values.items() if name.startswith("data/")} == {
        "data/missing_Age": 3.0,
        "data/violations_Tenure": 2.0,
    }


@pytest.mark.parametrize("name", ["share", "Share", "SHARE"])
def test_a_feature_called_share_leaves_the_share_of_drifted_features_alone(name: str) -> None:
    half = msgspec.structs.replace(drift({name: 0.061, "Age": 0.3, "score": 0.0}, ("Age",)), share=0.5)
    values = values_by_run(window(drift=half))["inputs"]
    assert values["drift/share"] == 0.5
    assert values[f"drift/feature/{name}"] == 0.061
    assert values["drift/Age"] == 0.3


def test_judged_segments_have_a_few_values_beside_the_metrics_of_all() -> None:
    germany = SegmentMetrics(
        name="Geography: Germany",
        records=500,
        labelled=480,
        judged=True,
        observed=150,
        expected=Estimate(100.0, 80.0, 120.0),
        f1=Estimate(0.6, 0.5, 0.7),
    )
    spain = msgspec.structs.replace(germany, name="Geography: Spain", f1=None, expected=Estimate(0.0, 0.0, 0.0))
    small = msgspec.structs.replace(germany, name="Geography: other", judged=False)
    for message, run in (
        (final(segments=(germany, spain, small)), "realised"),
        (window(segments=(germany,)), "provisional"),
    ):
        found = {name: value for name, value in values_by_run(message)[run].items() if name.startswith("segments/")}
        assert found == {
            "segments/Geography/Germany/records": 500.0,
            "segments/Geography/Germany/f1": 0.6,
            "segments/Geography/Germany/observed_per_expected": 1.5,
        } | ({"segments/Geography/Spain/records": 500.0} if run == "realised" else {})


def test_names_of_segments_fit_mlflow_and_stay_apart() -> None:
    parts = [
        "Germany",
        "a/b",
        "a_b",
        "a: b",
        "",
        ".",
        "..",
        "../x",
        "A" * 300,
        "A" * 300 + "b",
        "\u5e74",
        "<b>",
        " ",
        "\n",
    ]
    segments = [f"{feature}: {part}" for feature in ("Geography", "A: B", "x/y") for part in parts]
    names = [segment_name(segment, value) for segment in segments for value in ("f1", "records")]
    assert len(set(names)) == len(names)
    for name in names:
        _validate_metric_name(name)
        assert len(name) <= MOST_CHARACTERS
        assert name.startswith("segments/")


@pytest.mark.parametrize("group", [drift_name, missing_name, violations_name])
def test_names_of_features_fit_mlflow_and_stay_apart(group: Callable[[str], str]) -> None:
    long = "A" * 300
    features = [
        long,
        f"{long}b",
        f"{long}c",
        "e\u0301",
        "e\u0300",
        "\u5e74",
        "Age",
        "a\u00b7b",
        "share",
        "feature",
        "missing_Age",
    ]
    names = [group(feature) for feature in features]
    assert len(set(names)) == len(features)
    for name in names:
        _validate_metric_name(name)
        assert len(name) <= MOST_CHARACTERS == MAX_ENTITY_KEY_LENGTH


def test_no_name_of_one_group_is_one_of_another() -> None:
    features = [
        "share",
        "feature",
        "missing_share",
        "violations_share",
        "drift",
        "score",
        "coverage",
        "records",
        "rate",
    ]
    made = [group(each) for group in (drift_name, missing_name, violations_name) for each in features]
    ours = ["drift/share", "labels/coverage", "labels/delay_p50", "stream/records", "stream/rate"]
    assert len({*made, *ours}) == len(made) + len(ours)


def test_dead_letters_are_logged_by_reason_and_field_where_there_are_any() -> None:
    refused = {"not-json": 2, "out-of-range/Age": 40, "unknown-field/a b": 1}
    values = values_by_run(window(dead_letters=refused))["inputs"]
    assert {name: value for name, value in values.items() if name.startswith("data/dead_letters")} == {
        "data/dead_letters": 43.0,
        "data/dead_letters_not-json": 2.0,
        "data/dead_letters_out-of-range_Age": 40.0,
        "data/dead_letters_unknown-field_a b": 1.0,
    }
    assert not any("dead_letters" in name for name in values_by_run(window())["inputs"])
