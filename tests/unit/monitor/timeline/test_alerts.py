import msgspec
import pytest

from contract.windows import Alert, Drift, RelationDrift, Window
from monitor.timeline.alerts import alert_for
from tests.support.windows import drift, final, window

STABLE = drift({"Age": 0.02, "Balance": 0.01})
AGE = drift({"Age": 0.31, "Balance": 0.01}, ("Age",))
BOTH = drift({"Age": 0.25, "Balance": 0.4}, ("Age", "Balance"))
UNJUDGED = Drift(judged=False, drifted=False, share=0.0)


def alerts(*windows: Window) -> list[tuple[str, list[str]]]:
    """State and features of the alerts that a window's states give, one after the other."""
    previous: Alert | None = None
    given = []
    for each in windows:
        alert = alert_for(each, previous)
        if alert is not None:
            given.append((alert.state, alert.features))
            previous = alert
    return given


def test_a_quiet_window_alerts_nobody() -> None:
    assert alerts(window(drift=STABLE), final(drift=STABLE), final(drift=UNJUDGED)) == []


def test_an_alert_is_raised_once_while_the_same_features_drift() -> None:
    closer = drift({"Age": 0.30, "Balance": 0.02}, ("Age",))
    assert alerts(window(drift=AGE), final(drift=AGE), final(drift=closer, revision=1)) == [("raised", ["Age"])]


def test_an_alert_is_updated_when_its_features_change() -> None:
    assert alerts(window(drift=AGE), final(drift=BOTH)) == [("raised", ["Age"]), ("updated", ["Age", "Balance"])]


@pytest.mark.parametrize("over", [STABLE, UNJUDGED])
def test_an_alert_that_no_longer_holds_is_retracted_once(over: Drift) -> None:
    states = (window(drift=AGE), final(drift=over), final(drift=over, revision=1))
    assert alerts(*states) == [("raised", ["Age"]), ("retracted", [])]


def test_a_retracted_alert_can_be_raised_again() -> None:
    states = (window(drift=AGE), window(drift=STABLE, revision=1), final(drift=AGE))
    assert [state for state, _ in alerts(*states)] == ["raised", "retracted", "raised"]


def test_the_key_stays_and_the_message_names_model_window_and_distances() -> None:
    raised = alert_for(window(drift=BOTH), None)
    assert raised is not None
    retracted = alert_for(final(drift=STABLE), raised)
    assert retracted is not None
    assert raised.key == retracted.key == f"drift/{window().key}"
    subject = "churn v3, window 2025-01-01T00:00:00Z to 2025-01-08T00:00:00Z"
    assert raised.message == f"{subject}: drift in Balance (distance 0.400), Age (distance 0.250)"
    assert retracted.message == f"{subject}: no drift any longer; retracted for Age, Balance"


def test_an_alert_of_another_window_is_refused() -> None:
    other = alert_for(window(1, drift=AGE), None)
    with pytest.raises(ValueError, match="not about the window"):
        alert_for(window(0, drift=AGE), other)


def test_an_alert_names_two_columns_whose_relation_has_changed() -> None:
    changed = RelationDrift(
        columns=("Geography", "Balance"),
        kind="correlation",
        then=0.4,
        now=0.02,
        p_value=1e-9,
        p_adjusted=1e-8,
        drifted=True,
    )
    alert = alert_for(window(drift=msgspec.structs.replace(STABLE, drifted=True, relation=changed)), None)
    assert alert is not None
    assert alert.features == ["Balance × Geography"]
    assert alert.message.endswith("drift in Balance × Geography (correlation 0.02, was 0.40)")
    together = msgspec.structs.replace(changed, kind="together", then=0.0, now=0.025)
    alert = alert_for(window(drift=msgspec.structs.replace(AGE, relation=together)), None)
    assert alert is not None
    assert alert.features == ["Age", "Balance × Geography"]
    assert alert.message.endswith("Balance × Geography (2.5% have values that were never together)")
