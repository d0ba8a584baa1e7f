"""The join's store: what lasts, what a crash leaves, and which files are made anew."""

import shutil
from pathlib import Path

import pytest

from contract.messages import encode
from contract.panes import FEATURE_UNIT, Expected, NumericSummary, Pane, Summary
from monitor.join.columns.codes import Code
from monitor.join.open_panes import PaneId
from monitor.join.rules import KeptLabel, TopicProgress
from monitor.join.store import Counters, DamagedStoreError, JoinStore, PartitionState, Unpublished
from tests.support.join.log import CHAMPION, HOUR
from tests.support.messages import START

PANE = PaneId(START, CHAMPION)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "0.sqlite"


@pytest.fixture
def store(path: Path) -> JoinStore:
    return JoinStore(path, "stream")


def kept_label(record: int, offset: int) -> KeptLabel:
    return KeptLabel(record, 2, START, 1, offset, 0, "c", b"\xff raw", TopicProgress(offset))


def sums(summary: Summary) -> bytes:
    pane = Pane(partition=0, start=START, slide=4 * HOUR, model=CHAMPION, threshold=0.5, summary=summary)
    return encode(pane)


def fill(store: JoinStore) -> PartitionState:
    """Put one of everything."""
    state = PartitionState(
        TopicProgress(5, START, 1, True, START - HOUR),
        TopicProgress(7),
        Counters(1, 2, 3, 4, 5, 6),
        "topic",
        [Code(CHAMPION, 0.5, 1)],
        Unpublished([PANE], []),
    )
    store.put("chunks", 0, b"chunk")
    store.put("blocks", 0, b"rows")
    store.put("changes", 0, b"labels")
    store.put("ids", 0, b"ids")
    store.put_waiting([kept_label(1, 3)], [])
    store.put_histories([(1, [kept_label(1, 4)])])
    store.put_pane(PANE, "sums", sums(Summary(records=1)))
    store.put_pane(PANE, "sample", b"sample")
    store.put_state(state)
    return state


def content(store: JoinStore) -> tuple[object, ...]:
    blobs = [store.blobs(table) for table in ("chunks", "blocks", "changes", "ids")]
    panes = [(pane, store.pane(pane[0], "sums"), store.pane(pane[0], "sample")) for pane in store.panes()]
    return store.state(), blobs, store.waiting(), store.histories(), panes


EMPTY = (PartitionState(), [[], [], [], []], [], {}, [])


def test_a_new_store_is_empty(store: JoinStore) -> None:
    assert content(store) == EMPTY


def test_what_is_committed_lasts(path: Path, store: JoinStore) -> None:
    state = fill(store)
    store.commit()
    before = content(store)
    store.close()
    found = JoinStore(path, "stream")
    assert content(found) == before
    assert found.state() == state
    assert found.panes() == [(PANE, 0.5, 1)]


def test_sums_of_any_size_last(path: Path, store: JoinStore) -> None:
    largest = NumericSummary(count=10**6, total=-round(3.4e38 * FEATURE_UNIT) * 10**6, minimum=-3.4e38, maximum=5e-324)
    summary = Summary(records=1, numeric={"Balance": largest}, expected_positive=Expected(2**70, 2**70, 2**70))
    store.put_pane(PANE, "sums", sums(summary))
    store.commit()
    store.close()
    assert JoinStore(path, "stream").pane(PANE, "sums") == sums(summary)


def test_what_is_not_committed_does_not(path: Path, store: JoinStore) -> None:
    fill(store)
    assert content(store) != EMPTY
    store.close()
    assert content(JoinStore(path, "stream")) == EMPTY
    again = JoinStore(path, "stream")
    fill(again)
    again.rollback()
    assert content(again) == EMPTY


def test_what_a_crash_leaves_is_the_last_commit(path: Path, store: JoinStore, tmp_path: Path) -> None:
    fill(store)
    store.commit()
    before = content(store)
    store.put_state(PartitionState())
    store.forget_pane(PANE)
    # the files as they are at this moment, the write-ahead log among them
    shutil.copytree(path.parent, tmp_path / "after-crash")
    assert content(JoinStore(tmp_path / "after-crash" / path.name, "stream")) == before


def test_a_store_of_another_stream_is_made_anew(path: Path, store: JoinStore) -> None:
    fill(store)
    store.commit()
    store.close()
    other = JoinStore(path, "another stream")
    assert content(other) == EMPTY
    other.close()
    assert content(JoinStore(path, "stream")) == EMPTY


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
    assert content(found) == EMPTY
    state = fill(found)
    found.commit()
    found.close()
    assert JoinStore(path, "stream").state() == state


def test_reset_forgets_everything(path: Path, store: JoinStore) -> None:
    fill(store)
    store.commit()
    store.reset()
    assert content(store) == EMPTY
    store.close()
    assert content(JoinStore(path, "stream")) == EMPTY


def test_blobs_of_a_range_are_found_and_dropped_in_order(store: JoinStore) -> None:
    for number in (30, 2, 9):
        store.put("blocks", number, bytes([number]))
    assert store.blobs("blocks", 3, 31) == [(9, b"\x09"), (30, b"\x1e")]
    store.drop("blocks", 0, 10)
    assert store.blobs("blocks") == [(30, b"\x1e")]
    with pytest.raises(DamagedStoreError, match="a row of blocks is gone"):
        store.get("blocks", 9)


def test_waiting_labels_are_found_in_order_of_offset(store: JoinStore) -> None:
    store.put_waiting([kept_label(1, offset) for offset in (9, 2, 30)], [])
    store.put_waiting([], [2])
    assert store.waiting() == [kept_label(1, 9), kept_label(1, 30)]


@pytest.mark.parametrize("record", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_history_is_kept_for_any_hash(store: JoinStore, record: int) -> None:
    history = [kept_label(record, 1), kept_label(record, 2)]
    store.put_histories([(record, history)])
    assert store.histories() == {record: history}
    store.put_histories([(record, None)])
    assert store.histories() == {}
