"""How far a request's own event time may be from the stream's, where requests keep to it."""

import numpy as np
import pytest

from contract.rejection import RejectionError
from contract.settings import load_settings
from monitor.join.rules import JoinRules, TopicProgress, too_late
from scorer.serving.request_time import TimeBounds
from scorer.testing import StandingTime
from tests.support.messages import DAY, START, customer
from tests.support.service.alone import service

NEWEST = START + 100 * DAY
NOW = START + 700 * DAY
HOUR = DAY // 24
SETTINGS = load_settings(out_of_orderness=HOUR, label_lateness=60 * DAY)
BOUNDS = TimeBounds(SETTINGS)


def takes_record(event_time: int, bounds: TimeBounds = BOUNDS, newest: int | None = NEWEST) -> bool:
    try:
        bounds.check_record(event_time, NOW, newest)
    except RejectionError:
        return False
    return True


def takes_label(event_time: int, newest: int | None = NEWEST) -> bool:
    try:
        BOUNDS.check_label(event_time, NOW, newest)
    except RejectionError:
        return False
    return True


def test_a_record_may_be_a_day_ahead_of_the_newest_and_as_far_behind_as_a_label_may_come() -> None:
    ahead, behind = NEWEST + DAY, NEWEST - 60 * DAY - HOUR
    assert [takes_record(time) for time in (behind - 1, behind, NEWEST, ahead, ahead + 1)] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_label_may_be_as_far_ahead_as_one_of_the_newest_record_may_come() -> None:
    reach = 60 * DAY + HOUR
    times = (NEWEST - reach - 1, NEWEST - reach, NEWEST + reach, NEWEST + reach + 1)
    assert [takes_label(time) for time in times] == [False, True, True, False]


def test_where_requests_have_wall_time_any_plausible_time_will_do() -> None:
    for time in (START - 900 * DAY, NOW + DAY):
        assert takes_record(time, newest=None)
        assert takes_label(time, newest=None)
    assert not takes_record(NOW + DAY + 1, newest=None)
    assert not takes_label(NOW + DAY + 1, newest=None)


def test_wall_time_still_bounds_what_the_stream_would_allow() -> None:
    assert not takes_record(NOW + DAY + 1, newest=NOW + DAY)


@pytest.mark.parametrize("lateness", [0, HOUR, DAY, 60 * DAY])
@pytest.mark.parametrize("out_of_orderness", [0, HOUR, 2 * DAY])
def test_no_record_or_label_that_is_taken_makes_the_newest_too_late(lateness: int, out_of_orderness: int) -> None:
    bounds = TimeBounds(load_settings(label_lateness=lateness, out_of_orderness=out_of_orderness))
    rules = JoinRules(DAY, out_of_orderness, lateness, confirmations=1)
    furthest = {"record": 0, "label": 0}
    for kind, check in (("record", bounds.check_record), ("label", bounds.check_label)):
        for time in range(NEWEST, NEWEST + 70 * DAY, HOUR):
            try:
                check(time, NOW, NEWEST)
            except RejectionError:
                break
            furthest[kind] = time
    predictions, labels = TopicProgress(), TopicProgress()
    predictions.advance(0, furthest["record"], rules)
    labels.advance(0, furthest["label"], rules)
    newest = np.array([NEWEST])
    assert not too_late(newest, np.array([predictions.latest]), lateness, rules).any()
    assert not too_late(newest, np.array([labels.latest]), lateness, rules).any()


def test_a_request_with_this_year_s_time_beside_last_year_s_stream_is_refused_with_both_times() -> None:
    today = START + 90_000
    times = StandingTime(START - 300 * DAY)
    with service(times=times) as running:
        answer = running.client.post(
            "/predict", json=[customer(0, event_time=times.newest), customer(1, event_time=today)]
        )
        assert answer.status_code == 400
        (fault,) = answer.json()["errors"]
        assert (fault["field"], fault["reason"], fault["found"]) == (
            "[1].event_time",
            "implausible-event-time",
            "number",
        )
        for told in (str(today), "2025-01-01T00:01:30Z", str(times.newest), "2024-03-07T00:00:00Z", "leave it out"):
            assert told in fault["remedy"]
        assert running.sink.predictions == []
        label = {"record_id": "r", "label": 1, "event_time": today}
        refused = running.client.post("/labels", json=label)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "event_time")
        assert running.client.post("/labels", json=label | {"event_time": times.newest + 5 * DAY}).status_code == 202
        assert running.predict({"features": customer(2)["features"]})["event_time"] == times.newest
        # nothing of an explanation goes to the stream
        assert running.client.post("/explain", json=customer(1, event_time=today)).json()["errors"] == []
