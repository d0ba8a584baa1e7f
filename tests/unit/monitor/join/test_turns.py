"""Messages of two topics are taken by event time, all of them, and none waits for a wrong clock."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from monitor.join.incoming import Incoming
from monitor.join.turns import Turns
from tests.support.join.log import RULES, PartitionLog, label, prediction

# RULES: panes of 4 h, one message confirms a time


def test_labels_wait_for_predictions_of_their_time_and_predictions_lead_by_a_slide() -> None:
    turns = Turns(RULES, 100)
    log = PartitionLog()
    turns.labels.add([log.labels.append(label(number, number)) for number in range(10)])
    turns.predictions.add([log.predictions.append(prediction(number, number)) for number in range(5)])
    predictions, labels = turns.take()
    assert (len(predictions), len(labels)) == (5, 5)
    turns.predictions.add([log.predictions.append(prediction(number, number)) for number in range(5, 20)])
    predictions, labels = turns.take()
    assert (len(predictions), len(labels)) == (9, 5)
    assert turns.take() == ([], [])
    turns.labels.at_end = True
    assert len(turns.take()[0]) == 6


def test_a_topic_that_has_no_more_holds_nobody() -> None:
    turns = Turns(RULES, 100)
    log = PartitionLog()
    turns.labels.add([log.labels.append(label(1, 500))])
    assert turns.take() == ([], [])
    turns.predictions.at_end = True
    assert len(turns.take()[1]) == 1


def test_one_wrong_clock_holds_no_label() -> None:
    turns = Turns(msgspec.structs.replace(RULES, confirmations=6), 100)
    log = PartitionLog()
    times = [1.0] * 20
    times[10] = 9_000.0
    turns.predictions.add([log.predictions.append(prediction(number, 1)) for number in range(20)])
    turns.labels.add([log.labels.append(label(number, time)) for number, time in enumerate(times)])
    assert [len(part) for part in turns.take()] == [20, 20]


def test_what_is_held_is_bounded_because_a_full_topic_is_not_read() -> None:
    turns = Turns(RULES, 10)
    log = PartitionLog()
    turns.labels.add([log.labels.append(label(number, 50)) for number in range(21)])
    assert turns.is_full(turns.labels, paused=False)
    turns.predictions.at_end = True
    while turns.is_full(turns.labels, paused=True):
        assert len(turns.take()[1]) == 20, "what the other topic does not take"
    assert len(turns.labels.messages) <= 10


def test_a_topic_is_full_of_few_large_messages_as_it_is_of_many() -> None:
    turns = Turns(RULES, 1_000, 100_000)
    log = PartitionLog()
    padding = b" " * 30_000
    large = [log.labels.append(label(number, number)) for number in range(4)]
    turns.labels.add([message._replace(value=(message.value or b"") + padding) for message in large[:3]])
    assert not turns.is_full(turns.labels, paused=False)
    turns.labels.add([large[3]._replace(value=padding)])
    assert turns.is_full(turns.labels, paused=False)
    assert turns.is_full(turns.labels, paused=True)
    turns.predictions.at_end = True
    assert len(turns.take()[1]) == 4
    assert not turns.is_full(turns.labels, paused=True)
    assert turns.labels.bytes == 0


_messages = st.lists(st.tuples(st.booleans(), st.one_of(st.none(), st.integers(0, 30))), max_size=60)


@given(_messages, st.integers(1, 5), st.integers(1, 7))
def test_every_message_is_taken_once_in_order_whatever_comes(
    sent: list[tuple[bool, int | None]], most: int, cut: int
) -> None:
    turns = Turns(RULES, most)
    log = PartitionLog()
    taken: tuple[list[Incoming], list[Incoming]] = ([], [])
    for at in range(0, len(sent), cut):
        for is_label, time in sent[at : at + cut]:
            if is_label:
                turns.labels.add([log.labels.append_bad() if time is None else log.labels.append(label(1, time))])
            else:
                bad = time is None
                turns.predictions.add(
                    [log.predictions.append_bad() if bad else log.predictions.append(prediction(1, time or 0))]
                )
        both = turns.take()
        assert sum(map(len, both)) <= 2 * most
        for part, found in zip(taken, both, strict=True):
            part += found
    turns.predictions.at_end = turns.labels.at_end = True
    while turns.holds:
        for part, found in zip(taken, turns.take(), strict=True):
            part += found
    assert taken == (log.predictions.messages, log.labels.messages)
