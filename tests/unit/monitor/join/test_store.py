"""The join's store: what lasts, what a crash leaves, and which files are made anew."""

import shutil
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from contract.panes import FEATURE_UNIT, Expected, NumericSummary, Summary
from monitor.join.pane_limits import PaneLimits
from monitor.join.rules import KeptLabel, KeptPrediction, TopicProgress
from monitor.join.store import Counters, JoinStore, KeptPane, PaneId, PartitionState
from monitor.panes import record_hash
from tests.support.join.log import CHALLENGER, CHAMPION, HOUR
from tests.support.messages import START

PANE = PaneId(START, CHAMPION)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "0.sqlite"


@pytest.fixture
def store(path: Path) -> JoinStore:
    return JoinStore(path, "stream")


def kept(number: int, **changed: Any) -> KeptPrediction:
    made = KeptPrediction(
        record_id=f"r{number}",
        customer_id=f"c{number}",
        event_time=START + number,
        probability=0.25,
        predicted=0,
        threshold=0.5,
        model=CHAMPION,
        features=("FR", None, 3.5),
        offset=number,
        latest=None,
        epoch=0,
    )
    return msgspec.structs.replace(made, **changed)


def kept_label(number: int, offset: int, **changed: Any) -> KeptLabel:
    made = KeptLabel(f"r{number}", f"c{number}", START + number, 1, offset, None, 0, b"\xff raw")
    return msgspec.structs.replace(made, **changed)


def fill(store: JoinStore) -> PartitionState:
    """Put one of everything."""
    state = PartitionState(TopicProgress(5, START, 1, True, START - HOUR), TopicProgress(7), Counters(1, 2, 3, 4))
    store.put_predictions([(PANE, kept(1, label=1, label_time=START, revision=2))])
    store.put_labels([kept_label(1, 3)])
    store.put_panes([(PANE, KeptPane(0.5, Summary(records=1), dirty=False))])
    store.put_state(state)
    return state


def content(store: JoinStore) -> tuple[object, ...]:
    return store.state(), store.panes(), store.find(["r1"])


def test_a_new_store_is_empty(store: JoinStore) -> None:
    assert store.state() == PartitionState()
    assert store.panes() == {}
    assert store.oldest_prediction() is None
    assert store.oldest_label() is None


def test_what_is_committed_lasts(path: Path, store: JoinStore) -> None:
    state = fill(store)
    store.commit()
    before = content(store)
    store.close()
    found = JoinStore(path, "stream")
    assert content(found) == before
    assert found.state() == state
    assert found.panes() == {PANE: KeptPane(0.5, Summary(records=1), dirty=False)}


def test_sums_of_any_size_last(path: Path, store: JoinStore) -> None:
    largest = NumericSummary(count=10**6, total=-round(3.4e38 * FEATURE_UNIT) * 10**6, minimum=-3.4e38, maximum=5e-324)
    summary = Summary(records=1, numeric={"Balance": largest}, expected_positive=Expected(2**70, 2**70, 2**70))
    store.put_panes([(PANE, KeptPane(0.5, summary, dirty=False))])
    store.commit()
    store.close()
    assert JoinStore(path, "stream").panes() == {PANE: KeptPane(0.5, summary, dirty=False)}


def test_what_is_not_committed_does_not(path: Path, store: JoinStore) -> None:
    fill(store)
    assert store.find(["r1"]).predictions
    store.close()
    assert content(JoinStore(path, "stream"))[:2] == (PartitionState(), {})
    again = JoinStore(path, "stream")
    fill(again)
    again.rollback()
    assert content(again)[:2] == (PartitionState(), {})


def test_what_a_crash_leaves_is_the_last_commit(path: Path, store: JoinStore, tmp_path: Path) -> None:
    fill(store)
    store.commit()
    before = content(store)
    store.put_state(PartitionState())
    store.forget(PANE)
    # the files as they are at this moment, the write-ahead log among them
    shutil.copytree(path.parent, tmp_path / "after-crash")
    assert content(JoinStore(tmp_path / "after-crash" / path.name, "stream")) == before


def test_a_store_of_another_stream_is_made_anew(path: Path, store: JoinStore) -> None:
    fill(store)
    store.commit()
    store.close()
    other = JoinStore(path, "another stream")
    assert content(other)[:2] == (PartitionState(), {})
    other.close()
    assert content(JoinStore(path, "stream"))[:2] == (PartitionState(), {})


@pytest.mark.parametrize("damage", ["emptied", "overwritten", "cut off", "first page lost"])
def test_a_damaged_store_is_made_anew(path: Path, store: JoinStore, damage: str) -> None:
    fill(store)
    store.commit()
    store.close()
    whole = path.read_bytes()
    path.write_bytes(
        {
            "emptied": b"",
            "overwritten": b"no database, just text " * 500,
            "cut off": whole[:5_000],
            "first page lost": bytes(4_096) + whole[4_096:],
        }[damage]
    )
    found = JoinStore(path, "stream")
    assert content(found)[:2] == (PartitionState(), {})
    state = fill(found)
    found.commit()
    found.close()
    assert JoinStore(path, "stream").state() == state


def test_reset_forgets_everything(path: Path, store: JoinStore) -> None:
    fill(store)
    store.commit()
    store.reset()
    assert content(store)[:2] == (PartitionState(), {})
    store.close()
    assert content(JoinStore(path, "stream"))[:2] == (PartitionState(), {})


def test_labels_are_found_in_order_of_offset(store: JoinStore) -> None:
    store.put_labels([kept_label(1, offset) for offset in (9, 2, 30)])
    store.put_labels([kept_label(2, 5)])
    assert [label.offset for label in store.find(["r1"]).labels["r1"]] == [2, 9, 30]
    assert set(store.find(["r1", "r3"]).labels) == {"r1"}
    (label,) = store.find(["r2"]).labels["r2"]
    assert label == kept_label(2, 5)


def test_any_number_of_records_is_found(store: JoinStore) -> None:
    store.put_predictions((PANE, kept(number)) for number in range(2_500))
    store.put_labels(kept_label(number, number) for number in range(2_500))
    wanted = [f"r{number}" for number in range(-10, 2_600)]
    found = store.find(wanted)
    assert len(found.predictions) == len(found.labels) == 2_500
    assert store.find([]).predictions == {}


def test_both_roles_of_a_record_are_kept_and_a_change_replaces(store: JoinStore) -> None:
    challenger = kept(1, model=CHALLENGER)
    store.put_predictions([(PANE, kept(1)), (PaneId(START, CHALLENGER), challenger)])
    store.put_predictions([(PANE, kept(1, label=0, revision=1))])
    found = store.find(["r1"]).predictions["r1"]
    assert sorted((made.model.role, made.revision) for made in found) == [("challenger", 0), ("champion", 1)]


def test_unjoined_labels_whose_time_is_up(store: JoinStore) -> None:
    store.put_labels(
        [
            kept_label(1, 0, event_time=100, epoch=1),
            kept_label(2, 1, event_time=200, epoch=1),
            kept_label(3, 2, event_time=300, epoch=0),
            kept_label(4, 3, event_time=100, epoch=0, joined=True),
        ]
    )
    assert [label.offset for label in store.unjoined_labels(200, 0)] == [0]
    assert [label.offset for label in store.unjoined_labels(201, 0)] == [0, 1]
    assert [label.offset for label in store.unjoined_labels(None, 1)] == [2]
    assert store.unjoined_labels(None, 0) == []
    store.drop_labels([kept_label(3, 2)])
    assert store.unjoined_labels(None, 1) == []


def test_a_forgotten_pane_takes_its_predictions_and_their_labels_along(store: JoinStore) -> None:
    later = PaneId(START + 4 * HOUR, CHAMPION)
    store.put_predictions([(PANE, kept(1)), (PANE, kept(2)), (later, kept(3))])
    store.put_labels([kept_label(1, 0, joined=True), kept_label(2, 1), kept_label(3, 2, joined=True)])
    store.put_panes([(PANE, KeptPane(0.5, Summary())), (later, KeptPane(0.5, Summary()))])
    store.forget(PANE)
    found = store.find(["r1", "r2", "r3"])
    assert set(found.predictions) == {"r3"}
    # that of r2 waits: it may be another customer's
    assert set(found.labels) == {"r2", "r3"}
    assert set(store.panes()) == {later}


def test_the_sample_is_the_smallest_hashes_of_its_pane(store: JoinStore) -> None:
    numbers = list(range(200))
    Random(7).shuffle(numbers)
    store.put_predictions((PANE, kept(number, label=number % 2)) for number in numbers)
    store.put_predictions([(PaneId(START, CHALLENGER), kept(1_000, model=CHALLENGER))])
    sample = store.sample(PANE, PaneLimits(20, 10**6, 0, 1))
    assert [row.hash for row in sample] == sorted(record_hash(f"r{number}") for number in numbers)[:20]
    assert all(row.label == int(row.record_id[1:]) % 2 for row in sample)
    assert sample[0].features == ("FR", None, 3.5)
    assert len(store.sample(PANE, PaneLimits(1_000, 10**6, 0, 1))) == 200


def test_the_oldest_are_those_of_the_smallest_offset(store: JoinStore) -> None:
    store.put_predictions((PANE, kept(number, offset=100 - number)) for number in range(1, 4))
    store.put_labels(kept_label(number, 50 - number) for number in range(1, 4))
    prediction, label = store.oldest_prediction(), store.oldest_label()
    assert prediction is not None
    assert label is not None
    assert (prediction.record_id, prediction.offset) == ("r3", 97)
    assert (label.record_id, label.offset) == ("r3", 47)
