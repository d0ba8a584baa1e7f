"""What the store's candidates take for the join's access pattern, without Kafka: the second half of ``join.py``.

Predictions are put in batches of 10,000, each found once by its record's hash and given a label, in random order; one
commit a batch. Each candidate keeps what it must to find a row again. LMDB and RocksDB take part where ``lmdb`` and
``rocksdict`` are installed.
"""

import importlib.util
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from contract.arrays import Unsigned
from monitor.join.columns.chunk import POSITIVE, ROW, NewRows
from monitor.join.columns.table import RowTable
from monitor.join.rules import TopicProgress
from monitor.join.saved_rows import SavedRows
from monitor.join.store import JoinStore, PartitionState

_BATCH = 10_000
_BODY = bytes(range(36))
Work = Callable[[Path, list[Unsigned], list[Unsigned]], None]


def candidates(rows: int) -> None:
    """Print µs and bytes a row of each candidate."""
    random = np.random.default_rng(3)
    keys = random.integers(0, 2**64, rows, np.uint64)
    puts = np.array_split(keys, max(1, rows // _BATCH))
    labels = np.array_split(random.permutation(keys), len(puts))
    print(f"\n{rows:,} predictions put, then found and labelled at random, in batches of {_BATCH:,}\n")
    print(f"{'store':24}{'µs a row':>10}{'of blocks':>11}{'bytes a row':>13}")
    found = {}
    for name, work in (("blocks", _blocks), ("rows of SQLite", _sqlite), ("LMDB", _lmdb), ("RocksDB", _rocksdb)):
        with tempfile.TemporaryDirectory() as folder:
            if name in _NEEDED and importlib.util.find_spec(_NEEDED[name]) is None:
                print(f"{name:24}{'not installed':>21}")
                continue
            began = time.perf_counter()
            work(Path(folder), puts, labels)
            found[name] = (time.perf_counter() - began) / rows * 1e6
            size = sum(file.stat().st_blocks * 512 for file in Path(folder).rglob("*") if file.is_file()) / rows
            print(f"{name:24}{found[name]:>10.2f}{found[name] / found['blocks']:>11.1f}{size:>13.0f}")


_NEEDED = {"LMDB": "lmdb", "RocksDB": "rocksdict"}


def _blocks(folder: Path, puts: list[Unsigned], labels: list[Unsigned]) -> None:
    store = JoinStore(folder / "0.sqlite", "benchmark")
    table, saved = RowTable(), SavedRows(store, ROW)
    for keys in puts:
        zeros = np.zeros(len(keys), np.int64)
        table.append(
            NewRows(keys, keys & np.uint64(0xFFFFFFFF), zeros, np.zeros(len(keys)), zeros, zeros, zeros, zeros),
            TopicProgress(),
        )
        saved.save(table, [])
        store.put_state(PartitionState())
        store.commit()
    for keys in labels:
        numbers = table.find(keys)
        table.rows(numbers)
        states = np.full(len(keys), POSITIVE, np.uint8)
        saved.save(table, list(table.put_labels(numbers, states, np.ones(len(keys), np.int64), None)))
        store.put_state(PartitionState())
        store.commit()
    store.close()


def _sqlite(folder: Path, puts: list[Unsigned], labels: list[Unsigned]) -> None:
    database = sqlite3.connect(folder / "0.sqlite", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("CREATE TABLE predictions (record INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    for keys in puts:
        database.execute("BEGIN")
        database.executemany(
            "INSERT INTO predictions VALUES (?, ?)", ((key, _BODY) for key in keys.view(np.int64).tolist())
        )
        database.execute("COMMIT")
    for keys in labels:
        database.execute("BEGIN")
        for first in range(0, len(keys), 1_000):
            some = keys[first : first + 1_000].view(np.int64).tolist()
            marks = ", ".join("?" * len(some))
            database.execute(f"SELECT * FROM predictions WHERE record IN ({marks})", some).fetchall()
        database.executemany(
            "UPDATE predictions SET body = ? WHERE record = ?", ((_BODY, key) for key in keys.view(np.int64).tolist())
        )
        database.execute("COMMIT")
    database.close()


def _lmdb(folder: Path, puts: list[Unsigned], labels: list[Unsigned]) -> None:
    import lmdb

    with lmdb.open(str(folder), map_size=2**36, sync=False) as environment:
        for keys in puts:
            with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
                cursor.putmulti([(key, _BODY) for key in _texts(keys)])
        for keys in labels:
            with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
                cursor.getmulti(_texts(keys))
                cursor.putmulti([(key, _BODY) for key in _texts(keys)])


def _rocksdb(folder: Path, puts: list[Unsigned], labels: list[Unsigned]) -> None:
    from rocksdict import Options, Rdict, WriteBatch

    database = Rdict(str(folder / "rocks"), Options(raw_mode=True))
    for batches, reads in ((puts, False), (labels, True)):
        for keys in batches:
            found = _texts(keys)
            if reads:
                database.get(found)
            batch = WriteBatch(raw_mode=True)
            for key in found:
                batch.put(key, _BODY)
            database.write(batch)
    database.close()


def _texts(keys: Unsigned) -> list[bytes]:
    joined = keys.astype(">u8").tobytes()
    return [joined[at : at + 8] for at in range(0, len(joined), 8)]
