"""Silence is longer than a stream has ever been quiet."""

from contract.alert_rules import StreamRules
from monitor.watch.findings import StreamFinding
from monitor.watch.quiet import LEAST_SECONDS, QuietTopic

HOUR, DAY = 3_600.0, 86_400.0


def quiet(rules: StreamRules | None = None, pause: float = 0.0) -> QuietTopic:
    remedy = "check what sends records"
    return QuietTopic("predictions", "predictions", remedy, "critical", rules or StreamRules(), pause)


def states(topic: QuietTopic, now: float, *, ended: bool = False) -> list[bool]:
    return [one.wrong for one in topic.findings(now, ended)]


def test_an_hour_at_least_without_anything_is_silence() -> None:
    topic = quiet()
    topic.look(0.0, 5)
    topic.look(10.0, 9)
    assert states(topic, 10.0) == [False]
    assert states(topic, 10.0 + LEAST_SECONDS) == [False]
    (found,) = topic.findings(11.0 + LEAST_SECONDS, False)
    assert (found.wrong, found.severity, found.title) == (True, "critical", "no predictions")
    assert "for 60 minutes" in found.message
    topic.look(12.0 + LEAST_SECONDS, 10)
    assert states(topic, 12.0 + LEAST_SECONDS) == [False]


def test_a_stream_that_pauses_at_night_is_not_silent_at_night() -> None:
    topic = quiet()
    now, at = 0.0, 0
    for _day in range(7):
        for hour in range(24):
            if 8 <= hour < 18:
                at += 100
            topic.look(now, at)
            assert True not in states(topic, now) or _day == 0
            now += HOUR
    assert topic.limit >= 5 * 14 * HOUR


def test_the_pauses_of_the_week_before_the_start_count() -> None:
    topic = quiet(pause=10 * HOUR)
    topic.look(0.0, 5)
    assert states(topic, 49 * HOUR) == []
    assert states(topic, 51 * HOUR) == [True]


def test_pauses_are_forgotten_after_a_week() -> None:
    topic = quiet(pause=10 * HOUR)
    for hour in range(8 * 24):
        topic.look(hour * HOUR, hour)
    assert topic.limit == 5 * HOUR


def test_a_stream_that_never_began_or_has_ended_is_not_silent() -> None:
    topic = quiet()
    topic.look(0.0, 0)
    assert states(topic, 100 * DAY) == []
    spoken = quiet()
    spoken.look(0.0, 5)
    assert states(spoken, DAY) == [True]
    assert states(spoken, DAY, ended=True) == [False]


def test_what_comes_and_is_not_scored_is_no_silence() -> None:
    topic = quiet()
    for minute in range(600):
        topic.look(minute * 60.0, 5, others=minute)
        assert True not in states(topic, minute * 60.0)


def test_after_a_restart_nothing_is_known_before_something_comes() -> None:
    topic = quiet()
    topic.look(0.0, 5)
    assert list(topic.findings(10.0, False)) == []
    topic.look(20.0, 6)
    assert list(topic.findings(20.0, False)) == [StreamFinding("silence", "predictions", False)]


def test_the_rules_say_how_long() -> None:
    topic = quiet(StreamRules(silence_seconds=30.0), pause=10 * HOUR)
    topic.look(0.0, 5)
    assert states(topic, 31.0) == [True]
