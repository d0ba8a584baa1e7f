"""Incidents of the stream itself: one key from opening to end, through restarts, whatever the clock says."""

from collections.abc import Sequence

import msgspec

from contract.alert_rules import AlertRules, KindRule, StreamRules
from contract.alerts import Alert
from monitor.watch.course import MOST_STANDING, StreamIncidents
from monitor.watch.findings import StreamFinding

RULES = AlertRules(stream=StreamRules(clean_seconds=60.0))
WALL = 1_800_000_000_000
HOUR, DAY = 3_600.0, 86_400.0
WRONG = StreamFinding("lag", "scorer", True, "the scorer is behind", "5 messages wait", lasts=10.0)
GONE = WRONG._replace(title="no scorer is running", severity="critical")
WELL = StreamFinding("lag", "scorer", False)


def incidents(standing: Sequence[Alert] = (), rules: AlertRules = RULES, now: float = 0.0) -> StreamIncidents:
    return StreamIncidents(rules, standing, now)


def test_it_is_opened_once_and_closed_when_all_has_been_well_for_long_enough() -> None:
    course = incidents()
    (opened,) = course.after([WRONG], 100.0, WALL)
    assert (opened.state, opened.kind, opened.model, opened.start) == ("opened", "lag", None, WALL - 10_000)
    assert opened.message == "the scorer is behind since 2027-01-15T07:59:50Z: 5 messages wait"
    assert course.after([WRONG], 102.0, WALL + 2_000) == []
    assert course.after([WELL], 104.0, WALL + 4_000) == []
    assert course.after([WELL], 163.0, WALL + 63_000) == []
    (closed,) = course.after([WELL], 164.0, WALL + 64_000)
    assert (closed.key, closed.state, closed.start, closed.end) == (opened.key, "closed", opened.start, WALL + 2_000)
    assert "no longer seen" in closed.message
    assert course.after([WELL], 166.0, WALL + 66_000) == []


def test_what_comes_back_before_it_was_closed_goes_on() -> None:
    course = incidents()
    course.after([WRONG], 0.0, WALL)
    assert course.after([WELL], 10.0, WALL) == []
    assert course.after([WRONG], 20.0, WALL) == []
    assert course.after([WELL], 75.0, WALL) == []
    assert course.after([WELL], 134.0, WALL) == []
    assert [one.state for one in course.after([WELL], 135.0, WALL)] == ["closed"]


def test_what_nobody_can_tell_ends_nothing() -> None:
    course = incidents()
    course.after([WRONG], 0.0, WALL)
    for now in range(1, 1_000, 100):
        assert course.after([], float(now), WALL) == []
    assert course.standing == {("lag", "scorer")}


def test_news_is_told_once_a_day() -> None:
    course = incidents()
    course.after([WRONG], 0.0, WALL)
    assert course.after([GONE], 10.0, WALL) == []
    (updated,) = course.after([GONE], DAY, WALL + 86_400_000)
    assert (updated.state, updated.severity, updated.title) == ("updated", "critical", "no scorer is running")
    assert course.after([WRONG], DAY + 10, WALL) == []
    assert course.after([GONE], 3 * DAY, WALL) == []


def test_a_restart_takes_up_what_stands_under_its_key() -> None:
    (opened,) = incidents().after([WRONG], 0.0, WALL)
    course = incidents([msgspec.json.decode(msgspec.json.encode(opened), type=Alert)])
    assert course.after([WRONG], 5.0, WALL + 5_000) == []
    course.after([WELL], 6.0, WALL + 6_000)
    (closed,) = course.after([WELL], 66.0, WALL + 66_000)
    assert (closed.key, closed.state) == (opened.key, "closed")


def test_a_subject_with_slashes_is_taken_up() -> None:
    refused = StreamFinding("dead_letters", "customers/out-of-range/Age", True, "records are refused", "…")
    (opened,) = incidents().after([refused], 0.0, WALL)
    assert incidents([opened]).standing == {("dead_letters", "customers/out-of-range/Age")}


def test_a_clock_that_is_set_an_hour_back_or_forward_changes_no_state() -> None:
    for step in (-3_600_000, 3_600_000):
        course = incidents()
        (opened,) = course.after([WRONG], 0.0, WALL)
        assert course.after([WRONG], 2.0, WALL + step) == []
        assert course.after([WELL], 4.0, WALL + step) == []
        (closed,) = course.after([WELL], 64.0, WALL + step)
        assert closed.state == "closed"
        assert closed.start <= closed.end <= (closed.at or 0)
        assert closed.key == opened.key


def test_the_rules_switch_a_kind_off_and_say_how_severe_it_is() -> None:
    critical = AlertRules(kinds={"lag": KindRule(severity="critical")})
    (opened,) = incidents(rules=critical).after([WRONG], 0.0, WALL)
    assert opened.severity == "critical"
    off = AlertRules(kinds={"lag": KindRule(enabled=False)})
    course = incidents([opened], off)
    (closed,) = course.switched_off(WALL + 1)
    assert (closed.key, closed.state) == (opened.key, "closed")
    assert "the alert rules switch off kinds.lag" in closed.message
    assert course.after([WRONG], 0.0, WALL) == []


def test_no_more_stand_at_once_than_may() -> None:
    course = incidents()
    found = [WRONG._replace(subject=f"{n}") for n in range(MOST_STANDING + 20)]
    assert len(course.after(found, 0.0, WALL)) == MOST_STANDING
