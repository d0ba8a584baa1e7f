"""Alerts in words for people, and text from data that stays text."""

import pytest

from contract.alerts import ALERT_KINDS
from monitor.alert_sinks.notices import notice_of, one_line, title_of
from tests.support.alerting.publishing import alert


def test_a_notice_says_what_how_bad_since_when_and_where_to_look() -> None:
    found = notice_of(alert(1, severity="critical"), "bank.", "http://mlflow:5000/#/experiments/1")
    assert found.title == "Critical: churn v3: customers differ from those of training"
    assert found.body.splitlines() == [
        "churn v3: customers differ from those of training; look at the window's report",
        "",
        "Severity: critical",
        "Since: 2025-01-02T00:00:00Z (event time)",
        "Incident: drift/churn/3/champion/1735776000000 (opened)",
        "Stream: bank.",
        "MLflow: http://mlflow:5000/#/experiments/1",
    ]
    assert (found.incident, found.level, found.ends) == (alert(1).key, "failure", False)


@pytest.mark.parametrize(
    ("state", "title", "level", "ends"),
    [
        ("opened", "Warning: ", "warning", False),
        ("raised", "Warning: ", "warning", False),
        ("updated", "Warning, update: ", "warning", False),
        ("closed", "Over: ", "success", True),
        ("retracted", "Taken back: ", "success", True),
    ],
)
def test_each_state_is_told_from_the_others(state: str, title: str, level: str, ends: bool) -> None:
    found = notice_of(alert(state=state))  # type: ignore[arg-type]
    assert found.title.startswith(title)
    assert (found.level, found.ends) == (level, ends)


@pytest.mark.parametrize(("state", "end"), [("closed", "over"), ("retracted", "taken back")])
def test_a_title_that_tells_the_end_itself_does_not_tell_it_twice(state: str, end: str) -> None:
    title = f"churn v3: customers changed, {end}"
    assert notice_of(alert(state=state, title=title)).title == title  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ALERT_KINDS)
def test_an_alert_without_a_title_gets_one(kind: str) -> None:
    for model in (alert().model, None):
        title = title_of(alert(kind=kind, model=model, title=""))
        assert title.startswith("churn v3: " if model else "the stream: ")
        assert len(title) > 20


def test_times_of_the_stream_itself_are_wall_time() -> None:
    assert "(event time)" not in notice_of(alert(kind="lag")).body


def test_text_from_data_cannot_do_anything() -> None:
    evil = "<!channel> @everyone @here a\r\nBcc: x\x1b[31m\u202egnp.exe \ud800 <@U123>"
    line = one_line(evil, 500)
    for harm in ("<!", "<@", "@everyone", "@here", "\r", "\n", "\x1b", "\u202e"):
        assert harm not in line
    line.encode()
    assert one_line("<img src=x>", 100) == "<img src=x>", "text stays as it is; services show it as text"


def test_the_longest_alert_has_a_bound() -> None:
    huge = alert(message="x" * 1_000_000, title="y" * 1_000_000, key="k" * 1_000_000)
    found = notice_of(huge)
    assert len(found.title) < 250
    assert len(found.body) < 4_000
    assert "…" in found.body
