"""The alert on segments: one incident a model, whose segments may change, the surest named first."""

import msgspec
import pytest

from contract.windows import Estimate, SegmentMetrics, Window
from monitor.verdicts.alerts import due_alerts
from monitor.verdicts.incidents import Detectors, History
from tests.support.windows import MODEL, drift, feature_drift, final

GERMANY, FEMALE, OLD = "Geography: Germany", "Gender: Female", "Age: 60 and above"


def segment(name: str, changed: bool, observed: int = 88, protected: bool = False) -> SegmentMetrics:
    return SegmentMetrics(
        name=name,
        records=250,
        labelled=250,
        judged=True,
        changed=changed,
        observed=observed,
        expected=Estimate(52.0, 38.0, 66.0),
        p_value=1e-7 if changed else 0.4,
        p_adjusted=3e-6 if changed else 1.0,
        protected=protected,
    )


def showing(day: int, *segments: SegmentMetrics) -> Window:
    return final(day, drift=drift({"Age": 0.3, "score": 0.02}, ("Age",)), segments=segments)


def told(*windows: Window) -> list[tuple[str, list[str], str, str, str]]:
    history, published = History(Detectors(300.0)), {}
    said = []
    for window in windows:
        history.put(window)
        for alert in due_alerts(MODEL, history, published.values()):
            published[alert.key] = alert
            if alert.kind == "segment":
                said.append((alert.state, alert.segments, alert.severity, alert.title, alert.message))
    return said


def test_the_sentence_says_which_segment_by_how_much_and_how_sure() -> None:
    [(state, segments, severity, title, message)] = told(showing(0, segment(GERMANY, True), segment(FEMALE, False)))
    assert (state, segments, severity) == ("opened", [GERMANY], "warning")
    assert title == "churn v3: Geography: Germany changed apart from the other customers since 1 Jan 2025"
    assert "churn v3: Geography: Germany changed apart from the other customers since 2025-01-01" in message
    assert "88 of 250 labelled customers churned, but 52 (38 to 66) were expected from what this segment" in message
    assert "in any of 2 segments, p = 3e-06" in message
    assert "protected" not in message


def test_a_protected_group_is_called_so_and_is_critical() -> None:
    [(_, _, severity, _, message)] = told(showing(0, segment(FEMALE, True, protected=True)))
    assert severity == "critical"
    assert "Gender: Female (protected group)" in message


def test_other_segments_update_the_one_incident() -> None:
    said = told(
        showing(0, segment(GERMANY, True), segment(FEMALE, False)),
        showing(1, segment(GERMANY, True), segment(FEMALE, False)),
        showing(2, segment(FEMALE, True), segment(GERMANY, True)),
        *(showing(day, segment(FEMALE, False), segment(GERMANY, False)) for day in range(3, 12)),
    )
    assert [(state, segments) for state, segments, *_ in said] == [
        ("opened", [GERMANY]),
        ("updated", [FEMALE, GERMANY]),
        ("closed", [FEMALE, GERMANY]),
    ]


def test_many_segments_are_counted_and_not_all_told() -> None:
    names = [GERMANY, FEMALE, OLD, "Tenure: below 2", "Balance: below 1"]
    [(_, segments, _, title, message)] = told(showing(0, *(segment(name, True) for name in names)))
    assert segments == names
    assert title == "churn v3: Geography: Germany and 4 more changed apart from the other customers since 1 Jan 2025"
    assert "; 2 more" in message
    assert names[4] not in message


def test_as_many_churners_with_other_scores_are_told_so() -> None:
    [(*_, message)] = told(showing(0, segment(GERMANY, True, observed=50)))
    assert "not those that the scores say" in message


def test_the_columns_that_move_the_scores_are_told_the_most_first() -> None:
    """Whatever else is alerted on: how far customers differ, and what that does to their scores, are two things."""
    moved = {"Age": 0.24, "Geography": -0.31, "Tenure": 0.01}
    features = {name: msgspec.structs.replace(feature_drift(0.2, True), attribution=by) for name, by in moved.items()}
    drifted = msgspec.structs.replace(drift({"Age": 0.2}, ("Age",)), features=features)
    history = History(Detectors(300.0))
    history.put(final(0, drift=drifted, segments=(segment(GERMANY, True),)))
    alerts = due_alerts(MODEL, history, [])
    assert [alert.kind for alert in alerts] == ["drift", "segment"]
    for alert in alerts:
        assert "what moves the scores, in mean log-odds: Geography (-0.31), Age (+0.24);" in alert.message


@pytest.mark.parametrize("segments", [(), (segment(GERMANY, False),)])
def test_without_a_changed_segment_there_is_no_alert(segments: tuple[SegmentMetrics, ...]) -> None:
    assert told(showing(0, *segments)) == []
