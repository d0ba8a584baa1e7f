"""The rows of predictions in the store: blocks of rows as they were added, and a log of the labels set since.

A chunk is written in blocks while it grows, and in one when it is full or has many. A label is not written into its
row's block, where it would cost the block, but into a log, a blob for each commit. When the log has outgrown a quarter
of the rows, chunks are written anew, some with each commit, and what the log holds from before is dropped: so neither
file nor start grows with the age of the stream.

Bound: the rows (36 to 40 bytes each), a quarter of that or 16 MB, whatever is more, and what comes while chunks are
rewritten.
"""

from collections import Counter, deque
from collections.abc import Sequence

import msgspec
import numpy as np

from monitor.join.columns.chunk import CHUNK_ROWS, Chunk, RowType, Steps, put_labels
from monitor.join.columns.table import LabelChange, RowTable
from monitor.join.rules import TopicProgress
from monitor.join.store import JoinStore
from monitor.join.store_file import DamagedFileError

_MOST_BLOCKS = 64
_SMALLEST_LOG = 16_000_000
_MOST_LOG_BLOBS = 256
_AT_ONCE = 1 / 32
"""Share of the chunks that a commit writes anew while the log is too long."""


class _Origins(msgspec.Struct):
    predictions: TopicProgress
    labels: TopicProgress | None


class _Block(msgspec.Struct, array_like=True):
    count: int
    latest: Steps
    epochs: Steps
    rows: bytes


class _Change(msgspec.Struct, array_like=True):
    serial: int
    rows: bytes
    states: bytes
    delays: bytes


_encode = msgspec.msgpack.encode
_decode_origins = msgspec.msgpack.Decoder(_Origins).decode
_decode_block = msgspec.msgpack.Decoder(_Block).decode
_decode_changes = msgspec.msgpack.Decoder(list[_Change]).decode


class SavedRows:
    """Brings a table of rows into a store, and back."""

    def __init__(self, store: JoinStore, row: RowType) -> None:
        self._store = store
        self._row = row
        self._origins: dict[int, bytes] = {}
        self._blocks: Counter[int] = Counter()
        self._log: dict[int, int] = {}
        self._number = 0
        self._round: deque[int] = deque()
        self._round_before = 0

    def load(self) -> list[Chunk]:
        """The chunks as they were saved.

        Raises:
            DamagedStoreError: something is not as it was written.
        """
        self.__init__(self._store, self._row)  # type: ignore[misc]
        try:
            chunks = self._load_chunks()
            self._load_changes({chunk.serial: chunk for chunk in chunks})
        except (DamagedFileError, msgspec.MsgspecError, ValueError, IndexError, KeyError) as error:
            raise self._store.explained(error) from error
        return chunks

    def save(self, table: RowTable, changes: Sequence[LabelChange]) -> None:
        """Write what was added and set since the last time."""
        chunks = list(table.chunks)
        for chunk in chunks:
            if chunk.count > chunk.saved:
                self._save_rows(chunk)
            origins = _encode(_Origins(chunk.origin, chunk.label_origin))
            if self._origins.get(chunk.serial) != origins:
                self._origins[chunk.serial] = origins
                self._store.put("chunks", chunk.serial, origins)
        if changes:
            self._save_changes(changes)
        self._shorten({chunk.serial: chunk for chunk in chunks})

    def forget(self, serial: int) -> None:
        """Drop a chunk; what the log says of it is dropped in its time."""
        self._origins.pop(serial, None)
        self._blocks.pop(serial, None)
        self._store.drop("chunks", serial, serial + 1)
        self._drop_blocks(serial)

    def _save_rows(self, chunk: Chunk) -> None:
        first = chunk.saved
        if chunk.is_full or self._blocks[chunk.serial] >= _MOST_BLOCKS:
            self._rewrite(chunk)
            return
        self._put_block(chunk, first)
        self._blocks[chunk.serial] += 1

    def _rewrite(self, chunk: Chunk) -> None:
        self._drop_blocks(chunk.serial)
        self._put_block(chunk, 0)
        self._blocks[chunk.serial] = 1

    def _put_block(self, chunk: Chunk, first: int) -> None:
        end = chunk.count
        block = _Block(
            end - first,
            chunk.latest.part(first, end),
            chunk.epochs.part(first, end),
            chunk.rows[first:end].tobytes(),
        )
        self._store.put("blocks", chunk.serial * CHUNK_ROWS + first, _encode(block))
        chunk.saved = end

    def _drop_blocks(self, serial: int) -> None:
        self._store.drop("blocks", serial * CHUNK_ROWS, (serial + 1) * CHUNK_ROWS)

    def _save_changes(self, changes: Sequence[LabelChange]) -> None:
        body = _encode(
            [
                _Change(change.serial, change.rows.tobytes(), change.states.tobytes(), change.delays.tobytes())
                for change in changes
            ]
        )
        self._store.put("changes", self._number, body)
        self._log[self._number] = len(body)
        self._number += 1
        if len(self._log) > _MOST_LOG_BLOBS:
            self._join_log()

    def _join_log(self) -> None:
        """Many small blobs become one."""
        found: list[_Change] = []
        for _, body in self._store.blobs("changes"):
            found += _decode_changes(body)
        last = self._number - 1
        body = _encode(found)
        self._store.drop("changes", 0, last)
        self._store.put("changes", last, body)
        self._log = {last: len(body)}
        # one blob holds what is from before the round and what is not
        self._round.clear()

    def _shorten(self, chunks: dict[int, Chunk]) -> None:
        limit = max(_SMALLEST_LOG, sum(chunk.count for chunk in chunks.values()) * self._row.itemsize // 4)
        if not self._round:
            if sum(self._log.values()) <= limit:
                return
            self._round.extend(chunks)
            self._round_before = self._number
        for _ in range(max(1, int(len(chunks) * _AT_ONCE))):
            if not self._round:
                break
            chunk = chunks.get(self._round.popleft())
            if chunk is not None:
                self._rewrite(chunk)
        if not self._round:
            self._store.drop("changes", 0, self._round_before)
            self._log = {number: size for number, size in self._log.items() if number >= self._round_before}

    def _load_chunks(self) -> list[Chunk]:
        chunks = []
        for serial, body in self._store.blobs("chunks"):
            origins = _decode_origins(body)
            chunk = Chunk(serial, origins.predictions, origins.labels, row=self._row)
            self._origins[serial] = body
            for first, found in self._store.blobs("blocks", serial * CHUNK_ROWS, (serial + 1) * CHUNK_ROWS):
                block = _decode_block(found)
                if first != serial * CHUNK_ROWS + chunk.count or len(block.rows) != block.count * self._row.itemsize:
                    raise DamagedFileError("rows are missing")
                chunk.restore(np.frombuffer(block.rows, self._row), block.latest, block.epochs)
                self._blocks[serial] += 1
            chunks.append(chunk)
        return chunks

    def _load_changes(self, chunks: dict[int, Chunk]) -> None:
        for number, body in self._store.blobs("changes"):
            self._log[number] = len(body)
            self._number = number + 1
            for change in _decode_changes(body):
                chunk = chunks.get(change.serial)
                if chunk is not None:
                    put_labels(
                        chunk.rows,
                        np.frombuffer(change.rows, np.uint16),
                        np.frombuffer(change.states, np.uint8),
                        np.frombuffer(change.delays, np.int64),
                    )
