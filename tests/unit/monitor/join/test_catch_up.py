"""From absorbed to published offsets: silent before, and nothing from behind before both topics are there."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from monitor.join.catch_up import CatchUp, Split
from monitor.join.incoming import EndOfStream, Incoming


def messages(*offsets: int) -> list[Incoming]:
    return [Incoming(offset, None, None, EndOfStream()) for offset in offsets]


def offsets(split: Split) -> tuple[list[int], ...]:
    return tuple([message.offset for message in part] for part in split)


def test_a_worker_that_lost_nothing_publishes_at_once() -> None:
    catch_up = CatchUp((5, 7), (5, 7))
    assert catch_up.done
    assert offsets(catch_up.split(messages(5, 6), messages(7))) == ([], [], [5, 6], [7])


def test_what_was_published_is_absorbed_in_silence() -> None:
    catch_up = CatchUp((0, 0), (2, 1))
    assert offsets(catch_up.split(messages(0, 1), messages(0))) == ([0, 1], [0], [], [])
    assert catch_up.done
    assert offsets(catch_up.split(messages(2), messages(1))) == ([], [], [2], [1])


def test_one_topic_waits_for_the_other() -> None:
    catch_up = CatchUp((0, 0), (2, 2))
    assert offsets(catch_up.split(messages(0, 1, 2, 3), messages(0))) == ([0, 1], [0], [], [])
    assert not catch_up.done
    assert offsets(catch_up.split(messages(4), [])) == ([], [], [], [])
    assert offsets(catch_up.split([], messages(1, 2))) == ([], [1], [2, 3, 4], [2])
    assert catch_up.done


def test_a_topic_with_nothing_to_catch_up_on_waits_as_well() -> None:
    catch_up = CatchUp((0, 3), (2, 3))
    assert offsets(catch_up.split([], messages(3, 4))) == ([], [], [], [])
    assert offsets(catch_up.split(messages(0), [])) == ([0], [], [], [])
    assert offsets(catch_up.split(messages(1), messages(5))) == ([1], [], [], [3, 4, 5])


def test_a_message_from_behind_tells_that_the_log_has_lost_the_rest() -> None:
    catch_up = CatchUp((0, 0), (10, 0))
    assert offsets(catch_up.split(messages(3, 12), [])) == ([3], [], [12], [])
    assert catch_up.done


_offsets = st.lists(st.integers(0, 30), unique=True, max_size=15).map(sorted)


@given(
    st.tuples(_offsets, _offsets),
    st.tuples(st.integers(0, 30), st.integers(0, 30)),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30),
)
def test_every_message_comes_once_in_order_and_in_its_own_part(
    topics: tuple[list[int], list[int]], published: tuple[int, int], cuts: list[tuple[int, int]]
) -> None:
    # the last message before the published offset is still there, and there is one behind it
    logs = [
        sorted({*topic, 99} | ({offset - 1} if offset else set()))
        for topic, offset in zip(topics, published, strict=True)
    ]
    absorbed = min(logs[0][0], published[0]), min(logs[1][0], published[1])
    catch_up = CatchUp(absorbed, published)
    silent: tuple[list[int], list[int]] = ([], [])
    loud: tuple[list[int], list[int]] = ([], [])
    left = [list(log) for log in logs]
    for cut in [*cuts, (99, 99)]:
        batch: list[Sequence[Incoming]] = []
        for topic, most in enumerate(cut):
            batch.append(messages(*left[topic][:most]))
            del left[topic][:most]
        split = offsets(catch_up.split(batch[0], batch[1]))
        for topic in (0, 1):
            silent[topic].extend(split[topic])
            loud[topic].extend(split[topic + 2])
        assert catch_up.done or loud == ([], [])
    assert catch_up.done
    for topic in (0, 1):
        assert silent[topic] == [offset for offset in logs[topic] if offset < published[topic]]
        assert loud[topic] == [offset for offset in logs[topic] if offset >= published[topic]]
