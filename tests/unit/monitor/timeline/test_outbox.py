"""The stream's own alerts wait for the one writer: the newest of each key, in the turn that they were found in."""

import msgspec

from contract.alerts import Alert
from monitor.timeline.outbox import MOST_WAITING, StreamAlerts


def alert(key: str = "lag/scorer/1", state: str = "opened") -> Alert:
    made = Alert(key=key, state="opened", kind="lag", model=None, start=0, end=1, features=[], message="behind")
    return msgspec.convert(msgspec.to_builtins(made) | {"state": state}, Alert)


def begun() -> StreamAlerts:
    found = StreamAlerts()
    found.begin([])
    return found


def test_of_one_key_the_newest_waits() -> None:
    box = begun()
    assert box.put(1, [alert(), alert("mlflow/mlflow/1")])
    box.put(1, [alert(state="closed")])
    assert [(one.key, one.state) for one in box.waiting()] == [
        ("lag/scorer/1", "closed"),
        ("mlflow/mlflow/1", "opened"),
    ]


def test_what_comes_while_it_is_published_still_waits() -> None:
    box = begun()
    box.put(1, [alert()])
    under_way = box.waiting()
    box.put(1, [alert(state="closed")])
    box.published(under_way)
    assert [one.state for one in box.waiting()] == ["closed"]
    box.published(box.waiting())
    assert box.waiting() == []


def test_what_was_found_in_a_turn_that_is_over_is_dropped() -> None:
    box = begun()
    box.put(1, [alert()])
    box.end()
    assert (box.turn, box.waiting(), box.put(1, [alert()])) == (None, [], False)
    box.begin([alert()])
    assert box.turn is not None
    assert (box.turn.number, [one.key for one in box.turn.standing]) == (2, ["lag/scorer/1"])
    assert not box.put(1, [alert()])
    assert box.put(2, [alert()])


def test_no_more_wait_than_may() -> None:
    box = begun()
    box.put(1, [alert(f"lag/{n}/1") for n in range(MOST_WAITING + 10)])
    assert len(box.waiting()) == MOST_WAITING
    box.put(1, [alert("lag/0/1", "closed")])
    assert box.waiting()[0].state == "closed"
