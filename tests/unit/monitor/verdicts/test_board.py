"""Alerts of several models, and what a monitor says that takes over."""

import msgspec

from contract.alert_rules import AlertRules, KindRule
from contract.alerts import Alert
from contract.messages import ModelRef
from contract.windows import Window
from monitor.verdicts.board import AlertBoard
from monitor.verdicts.incidents import Detectors
from tests.support.windows import drift, final

STABLE = drift({"Age": 0.02})
AGE = drift({"Age": 0.31}, ("Age",))
OTHER = ModelRef("churn", 4)


def board(windows: list[Window], alerts: list[Alert]) -> AlertBoard:
    found = AlertBoard(Detectors(300.0), alerts)
    for one in windows:
        found.restore(one)
    return found


def test_each_model_has_incidents_of_its_own() -> None:
    found = board([], [])
    [first] = found.after(final(0, drift=AGE))
    [second] = found.after(final(0, drift=AGE, model=OTHER))
    assert (first.model, second.model) == (final().model, OTHER)
    assert first.key != second.key
    assert found.after(final(1, drift=AGE)) == []


def test_a_challenger_has_a_verdict_and_no_alerts() -> None:
    challenger = ModelRef("churn", 4, "challenger")
    found = board([final(day, drift=AGE, model=challenger) for day in range(3)], [])
    assert found.unsaid() == []
    assert found.after(final(3, drift=AGE, model=challenger)) == []
    [verdict] = found.verdicts_due(challenger)
    assert (verdict.model, verdict.state) == (challenger, "customers_changed")


def test_a_monitor_that_takes_over_says_what_is_unsaid_and_nothing_else() -> None:
    windows = [final(day, drift=AGE if day < 3 else STABLE) for day in range(25)]
    first = board([], [])
    said = [alert for one in windows for alert in first.after(one)]
    assert [alert.state for alert in said] == ["opened", "closed"]
    newest = list({alert.key: alert for alert in said}.values())
    assert board(windows[::-1], newest).unsaid() == []
    # the last window was committed without its alert, as by a release that knew of no such alert
    assert [alert.state for alert in board(windows, said[:1]).unsaid()] == ["closed"]
    assert board(windows[:8], said[:1]).after(windows[8]) == []


def test_alerts_that_are_lost_are_said_again() -> None:
    windows = [final(day, drift=AGE) for day in range(3)]
    [alert] = board(windows, []).unsaid()
    assert alert.state == "opened"
    assert board(windows, [msgspec.structs.replace(alert, state="updated")]).unsaid() == []


def test_what_is_over_is_forgotten_and_what_stands_is_not() -> None:
    windows = [final(day, drift=AGE if day < 3 else STABLE) for day in range(25)]
    first = board([], [])
    opened, closed = (alert for one in windows for alert in first.after(one))
    first.forget(final().model, closed.end)
    assert first.after(final(25, drift=AGE))[0].key != closed.key
    standing = board([], [opened])
    standing.forget(final().model, opened.end)
    assert standing.after(final(20, drift=STABLE)) == []
    assert [one.state for day in range(21, 40) for one in standing.after(final(day, drift=STABLE))] == ["closed"]


def test_a_kind_that_the_rules_switch_off_is_not_published() -> None:
    off = AlertBoard(Detectors(300.0), rules=AlertRules(kinds={"drift": KindRule(enabled=False)}))
    assert [alert for day in range(5) for alert in off.after(final(day, drift=AGE))] == []


def test_what_stands_of_a_kind_that_is_switched_off_is_closed_and_opened_again_when_it_is_switched_on() -> None:
    windows = [final(day, drift=AGE) for day in range(3)]
    [opened] = board(windows, []).unsaid()
    off = AlertBoard(Detectors(300.0), [opened], AlertRules(kinds={"drift": KindRule(enabled=False)}))
    for one in windows:
        off.restore(one)
    [closed] = off.unsaid()
    assert (closed.key, closed.state) == (opened.key, "closed")
    assert "switch off kinds.drift" in closed.message
    assert off.after(final(3, drift=AGE)) == []
    [again] = board(windows, [closed]).unsaid()
    assert (again.key, again.state) == (opened.key, "opened")


def test_a_severity_of_the_rules_takes_the_place_of_what_is_found_and_is_no_news() -> None:
    rules = AlertRules(kinds={"drift": KindRule(severity="critical")})
    found = AlertBoard(Detectors(300.0), rules=rules)
    said = [alert for day in range(10) for alert in found.after(final(day, drift=AGE))]
    assert [(alert.state, alert.severity) for alert in said] == [("opened", "critical")]
    taken_over = AlertBoard(Detectors(300.0), said, rules)
    for day in range(10):
        taken_over.restore(final(day, drift=AGE))
    assert taken_over.unsaid() == []
