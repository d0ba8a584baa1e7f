"""The join's rules at their edges: durations of 2 h out-of-orderness, 10 h lateness, panes of 4 h."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.join.rules import (
    NEVER,
    KeptLabel,
    KeptPrediction,
    TopicProgress,
    comes_too_late,
    forget_before,
    joins,
    resolve,
    time_is_up_before,
    too_late,
)
from tests.support.join.log import HOUR, RULES
from tests.support.messages import START


def kept_prediction(hours: float = 0, **changed: Any) -> KeptPrediction:
    made = KeptPrediction(event_time=START + round(hours * HOUR), customer=1, latest=None, epoch=0)
    return msgspec.structs.replace(made, **changed)


def kept_label(hours: float, value: int = 1, **changed: Any) -> KeptLabel:
    made = KeptLabel(7, 1, START + round(hours * HOUR), value, offset=0, epoch=0)
    return msgspec.structs.replace(made, **changed)


def at(hours: float, epoch: int = 0) -> TopicProgress:
    """A topic whose largest event time is so many hours after START."""
    return TopicProgress(offset=7, latest=START + round(hours * HOUR), epoch=epoch)


def is_refused(hours: float, latest: int) -> bool:
    """Whether a message so many hours after START comes too late, where its topic has reached ``latest``."""
    times = np.array([START + round(hours * HOUR)])
    return bool(too_late(times, np.array([latest]), RULES.lateness, RULES)[0])


def test_progress_follows_offsets_and_the_largest_event_time() -> None:
    progress = TopicProgress()
    assert progress.watermark(RULES) is None
    progress.advance(3, START, RULES)
    progress.advance(5, START - HOUR, RULES)
    progress.advance(6, None, RULES)
    assert (progress.offset, progress.latest, progress.watermark(RULES)) == (7, START, START - 2 * HOUR)
    progress.end(8)
    assert (progress.offset, progress.epoch, progress.ended, progress.latest) == (9, 1, True, START)
    progress.advance(9, None, RULES)
    assert (progress.epoch, progress.ended) == (1, False)


@pytest.mark.parametrize(("behind", "refused"), [(0, False), (12, False), (12.001, True)])
def test_what_is_further_behind_than_out_of_orderness_and_lateness_is_refused(behind: float, refused: bool) -> None:
    assert is_refused(20 - behind, START + 20 * HOUR) is refused


def test_the_first_message_of_a_topic_is_never_late() -> None:
    assert not is_refused(-1_000, NEVER)


@pytest.mark.parametrize(
    ("delay", "joined", "too_late"),
    [
        (-0.001, False, False),
        (0, True, False),
        (10, True, False),
        (10.001, False, True),
        (20, False, True),
        (20.001, False, False),
    ],
)
def test_a_label_joins_comes_too_late_or_is_of_no_concern(delay: float, joined: bool, too_late: bool) -> None:
    assert joins(kept_prediction(), kept_label(delay), RULES) is joined
    assert comes_too_late(kept_prediction(), kept_label(delay), RULES) is too_late


@pytest.mark.parametrize("delay", [5, 15])
def test_another_customer_or_a_prediction_from_after_the_labels_end_is_of_no_concern(delay: float) -> None:
    for made, found in (
        (kept_prediction(), kept_label(delay, customer=2)),
        (kept_prediction(epoch=1), kept_label(delay, epoch=0)),
    ):
        assert not joins(made, found, RULES)
        assert not comes_too_late(made, found, RULES)
    again = kept_label(delay, epoch=1)
    assert joins(kept_prediction(), again, RULES) or comes_too_late(kept_prediction(), again, RULES)


@pytest.mark.parametrize(
    ("labels", "joined"),
    [
        ([], None),
        ([(1, 11)], None),
        ([(1, 2)], (1, 2, 1)),
        ([(1, 2), (1, 3)], (1, 2, 1)),
        ([(0, 2), (1, 3)], (1, 3, 2)),
        ([(0, 2), (1, 3), (1, 4), (0, 5)], (0, 5, 3)),
        # the order of the topic counts, not that of event time
        ([(0, 5), (1, 3)], (1, 3, 2)),
        # one that does not join changes nothing
        ([(0, 2), (1, 11), (0, 3)], (0, 2, 1)),
    ],
    ids=str,
)
def test_the_last_label_that_joins_is_true(labels: list[tuple[int, int]], joined: tuple[int, int, int] | None) -> None:
    found = resolve(kept_prediction(), [kept_label(hours, value) for value, hours in labels], RULES)
    expected = None if joined is None else (joined[0], START + joined[1] * HOUR, joined[2])
    assert found == expected


def test_a_labels_time_is_up_when_no_accepted_prediction_can_join_it() -> None:
    assert time_is_up_before(TopicProgress(), RULES) is None
    before = time_is_up_before(at(20), RULES)
    assert before == START + 8 * HOUR
    # the earliest prediction that is accepted still joins a label whose time is not up
    assert not is_refused(8, START + 20 * HOUR)
    assert joins(kept_prediction(8), kept_label(8), RULES)


def test_a_pane_is_forgotten_when_both_watermarks_have_passed_it_by_three_times_the_lateness() -> None:
    assert forget_before(TopicProgress(), at(100), RULES, False) is None
    assert forget_before(at(100), TopicProgress(), RULES, False) is None
    assert forget_before(at(42), at(100), RULES, False) == START + 10 * HOUR
    assert forget_before(at(100), at(42), RULES, False) == START + 10 * HOUR


def test_labels_that_do_not_come_keep_no_pane_from_being_forgotten() -> None:
    assert forget_before(TopicProgress(), TopicProgress(), RULES, True) is None
    for labels in (TopicProgress(), at(1)):
        assert forget_before(at(42), labels, RULES, True) == START + 10 * HOUR


def test_what_was_forgotten_stays_so_when_labels_come_again() -> None:
    predictions = at(100)
    predictions.forgotten = START + 68 * HOUR
    assert forget_before(predictions, at(42), RULES, False) == START + 68 * HOUR


def test_nothing_accepted_concerns_what_was_forgotten() -> None:
    forgotten = forget_before(at(42), at(42), RULES, False)
    assert forgotten is not None
    last = kept_prediction(event_time=forgotten - 1)
    assert is_refused(9.999, START + 42 * HOUR)
    # the earliest label that is accepted
    earliest = kept_label(30)
    assert not is_refused(30, START + 42 * HOUR)
    assert not joins(last, earliest, RULES)
    assert not comes_too_late(last, earliest, RULES)
    # and the time of the latest label that concerned it is up
    latest = kept_label(0, event_time=last.event_time + 20 * HOUR)
    assert comes_too_late(last, latest, RULES)
    up = time_is_up_before(at(42), RULES)
    assert up is not None
    assert latest.event_time < up


def latest_of(times: list[int], confirmations: int = 6) -> list[int | None]:
    """What has been reached after each of the event times."""
    rules = msgspec.structs.replace(RULES, confirmations=confirmations)
    progress = TopicProgress()
    found = []
    for offset, time in enumerate(times):
        progress.advance(offset, time, rules)
        found.append(progress.latest)
    return found


def test_a_topic_has_reached_what_six_of_its_last_eleven_messages_have() -> None:
    assert latest_of(list(range(8))) == [None] * 5 + [0, 1, 2]
    assert latest_of([9] * 6 + [0] * 20)[-1] == 9, "it never goes back"


@given(st.lists(st.lists(st.integers(0, 10**12), max_size=5), max_size=20))
def test_five_wrong_clocks_among_any_eleven_messages_move_it_no_further_than_the_others_have_gone(
    wrong: list[list[int]],
) -> None:
    good = iter(range(1_000, 10_000))
    times: list[tuple[int, bool]] = [(next(good), True) for _ in range(11)]
    for clocks in wrong:
        times += [(time, False) for time in clocks] + [(next(good), True) for _ in range(11)]
    furthest = 0
    for (time, right), reached in zip(times, latest_of([time for time, _ in times]), strict=True):
        furthest = max(furthest, time) if right else furthest
        assert reached is None or reached <= furthest


def test_a_jump_of_the_whole_stream_is_followed_from_its_sixth_message_on() -> None:
    assert latest_of([0] * 20 + [1_000] * 6)[-2:] == [0, 1_000]
