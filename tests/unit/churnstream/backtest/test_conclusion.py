"""Whether a model has drifted, in one sentence."""

from typing import get_args

import pytest

from churnstream.backtest.conclusion import conclusion
from churnstream.live.watch import Snapshot
from contract.alerts import Alert, AlertState, ModelVerdict, VerdictState
from contract.durations import DAY
from contract.messages import ModelRef

MODEL = ModelRef("club", 1)
START = 19_500 * DAY


def snapshot(state: VerdictState, *alerts: Alert, remedy: str = "") -> Snapshot:
    verdict = ModelVerdict(
        model=MODEL,
        state=state,
        since=START,
        until=START + 90 * DAY,
        title="TITLE since 23 May 2023",
        message="club v1: because of this, since 2023-05-23T00:00:00Z",
        remedy=remedy,
    )
    return Snapshot(verdicts={verdict.key: verdict}, alerts={alert.key: alert for alert in alerts})


def alert(state: AlertState) -> Alert:
    return Alert(
        key="club/1/drift",
        state=state,
        kind="drift",
        model=MODEL,
        start=START,
        end=START + 30 * DAY,
        features=["visits"],
        message="visits drifted",
        title="club v1: customers changed in May, over",
    )


@pytest.mark.parametrize("state", get_args(VerdictState))
def test_every_verdict_is_an_answer(state: VerdictState) -> None:
    said = conclusion(snapshot(state))
    assert said.startswith("Did club v1 drift? ")
    assert said.endswith(". TITLE since 23 May 2023: because of this, since 23 May 2023")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("state", "answer"), [("healthy", "No, it has held up"), ("worse", "Yes: it has become worse")]
)
def test_the_answer_is_that_of_the_verdict(state: VerdictState, answer: str) -> None:
    assert f"drift? {answer}" in conclusion(snapshot(state))


def test_what_went_by_is_said_of_a_model_that_is_healthy_again() -> None:
    said = conclusion(snapshot("healthy", alert("closed")))
    assert "No, it has held up, after a past incident (customers changed in May, over). TITLE" in said


@pytest.mark.parametrize("state", ["retracted", "opened"])
def test_what_was_taken_back_or_goes_on_did_not_go_by(state: AlertState) -> None:
    assert "past incident" not in conclusion(snapshot("healthy", alert(state)))


def test_what_to_do_has_a_line_of_its_own() -> None:
    said = conclusion(snapshot("worse", remedy="train on newer customers")).splitlines()
    assert said[1:] == ["What to do: Train on newer customers."]


def test_without_a_verdict_there_is_no_answer() -> None:
    assert conclusion(Snapshot()) == "Did the model drift? Not known: no window has been measured"
