"""Silence that counts as 0: records whose time is up without a label (``JoinRules.horizon``).

Their outcomes need the ids of record and customer, which no row holds. So where a horizon is set these are kept in the
store, a block for each batch, until the time of all its records is up. Bound: 32 bytes in memory for each record whose
time is not up, in buckets by event time, so that those whose is are found without looking at the others; and eight
blocks of ids that were read last.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from contract.arrays import Integers
from contract.messages import Prediction
from monitor.join.columns.chunk import INFERRED, UNLABELLED
from monitor.join.columns.hashing import in_groups
from monitor.join.effects import Decided, Effects, outcomes_of
from monitor.join.kept import KeptRecords, Rows
from monitor.join.rules import JoinRules
from monitor.join.store import JoinStore, PartitionState

_ENTRY = np.dtype([("time", "<i8"), ("key", "<u8"), ("block", "<i8"), ("place", "<i8")])
_BUCKETS = 128
"""Buckets in a horizon."""
_BLOCKS_IN_MEMORY = 8
_Entries = npt.NDArray[np.void]


class _Ids(msgspec.Struct, array_like=True):
    """The ids of a batch's records, and the keys of their rows."""

    keys: bytes
    times: bytes
    record_ids: list[str]
    customer_ids: list[str]


_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(_Ids).decode


class Silence:
    """Finds the rows of a partition whose silence counts; does nothing where there is no horizon."""

    def __init__(self, kept: KeptRecords, state: PartitionState, rules: JoinRules, store: JoinStore) -> None:
        self._kept = kept
        self._state = state
        self._horizon = rules.horizon
        self._rules = rules
        self._store = store
        self._width = max(1, (rules.horizon or 1) // _BUCKETS)
        self._buckets: dict[int, list[_Entries]] = {}
        self._left: dict[int, int] = {}
        self._unsaved: dict[int, bytes] = {}
        self._finished: list[int] = []
        self._recent: OrderedDict[int, _Ids] = OrderedDict()
        self._number = 0
        self._ends = min(state.predictions.epoch, state.labels.epoch)
        if rules.horizon is not None:
            self._load()

    def add(
        self, rows: Integers, times: Integers, record_ids: Sequence[str], predictions: Sequence[Prediction]
    ) -> None:
        """Wait for the labels of new rows."""
        if self._horizon is None or not len(rows):
            return
        keys = self._kept.table.rows(rows)["key"]
        customer_ids = [made.customer_id for made in predictions]
        block = _Ids(keys.tobytes(), times.astype(np.int64).tobytes(), list(record_ids), customer_ids)
        self._unsaved[self._number] = _encode(block)
        self._remember(self._number, block)
        self._enter(self._number, times, keys, np.arange(len(rows)))
        self._number += 1

    def infer(self, effects: Effects) -> None:
        """Let silence count for the records whose time is up."""
        due = self._due()
        if not len(due):
            return
        for block, left in zip(*(part.tolist() for part in np.unique(due["block"], return_counts=True)), strict=True):
            self._left[block] -= left
        kept = self._kept
        numbers = kept.table.find(due["key"].copy())
        there = numbers >= 0
        due, numbers = due[there], numbers[there]
        silent = kept.table.rows(numbers)["state"] == UNLABELLED
        due, numbers = due[silent], numbers[silent]
        if len(numbers):
            self._put(due, numbers, effects)
        for number in [number for number, left in self._left.items() if not left]:
            del self._left[number]
            self._recent.pop(number, None)
            if self._unsaved.pop(number, None) is None:
                self._finished.append(number)

    def save(self) -> None:
        """Write what is new to the store."""
        for number, body in self._unsaved.items():
            self._store.put("ids", number, body)
        for number in self._finished:
            self._store.drop("ids", number, number + 1)
        self._unsaved.clear()
        self._finished.clear()

    def _put(self, due: _Entries, numbers: Integers, effects: Effects) -> None:
        kept, horizon = self._kept, self._rules.horizon or 0
        said = Rows.of(kept.table.rows(numbers))
        zeros, delays = np.zeros(len(numbers), np.int64), np.full(len(numbers), horizon)
        slots = kept.panes.slots(said.times, said.codes, kept.codes)
        decisions = kept.codes.decisions(said.codes)
        kept.panes.sums.add_labels(slots, said.probabilities, decisions, said.segments, zeros, delays, inferred=True)
        states = np.full(len(numbers), INFERRED, np.uint8)
        kept.changes.extend(kept.table.put_labels(numbers, states, delays, None))
        self._state.counters.inferred += len(numbers)
        record_ids, customer_ids = self._ids(due)
        keys = [customer_id.encode() for customer_id in customer_ids]
        decided = Decided(
            record_ids, customer_ids, keys, said.times, said.times + horizon, zeros, 0, said.probabilities, said.codes
        )
        effects.outcomes += outcomes_of(decided, kept.codes, inferred=True)

    def _due(self) -> _Entries:
        if self._horizon is None:
            return np.zeros(0, _ENTRY)
        found = []
        watermark = self._state.predictions.watermark(self._rules)
        if watermark is not None:
            before = watermark - self._horizon
            for bucket in [bucket for bucket in self._buckets if bucket * self._width < before]:
                entries = np.concatenate(self._buckets.pop(bucket))
                up = entries["time"] < before
                found.append(entries[up])
                if not up.all():
                    self._buckets[bucket] = [entries[~up]]
        ends = min(self._state.predictions.epoch, self._state.labels.epoch)
        if ends > self._ends:
            self._ends = ends
            found += self._ended(ends)
        return np.concatenate(found) if found else np.zeros(0, _ENTRY)

    def _ended(self, ends: int) -> list[_Entries]:
        """Records before the end of both topics."""
        found = []
        for bucket in list(self._buckets):
            entries = np.concatenate(self._buckets.pop(bucket))
            numbers = self._kept.table.find(entries["key"].copy())
            over = numbers < 0
            over[~over] = self._kept.table.epochs(numbers[~over]) < ends
            found.append(entries[over])
            if not over.all():
                self._buckets[bucket] = [entries[~over]]
        return found

    def _enter(self, number: int, times: Integers, keys: npt.NDArray[np.uint64], places: Integers) -> None:
        entries = np.empty(len(times), _ENTRY)
        entries["time"], entries["key"], entries["block"], entries["place"] = times, keys, number, places
        self._left[number] = len(times)
        buckets = times // self._width
        order, bounds = in_groups(buckets)
        for first, end in bounds:
            chosen = order[first:end]
            self._buckets.setdefault(int(buckets[chosen[0]]), []).append(entries[chosen])

    def _ids(self, due: _Entries) -> tuple[list[str], list[str]]:
        record_ids, customer_ids = [""] * len(due), [""] * len(due)
        order, bounds = in_groups(due["block"].copy())
        for first, end in bounds:
            chosen = order[first:end].tolist()
            block = self._block(int(due["block"][chosen[0]]))
            for at, place in zip(chosen, due["place"][chosen].tolist(), strict=True):
                record_ids[at], customer_ids[at] = block.record_ids[place], block.customer_ids[place]
        return record_ids, customer_ids

    def _block(self, number: int) -> _Ids:
        found = self._recent.get(number)
        if found is None:
            body = self._unsaved.get(number)
            found = _decode(self._store.get("ids", number) if body is None else body)
            self._remember(number, found)
        return found

    def _remember(self, number: int, block: _Ids) -> None:
        self._recent[number] = block
        if len(self._recent) > _BLOCKS_IN_MEMORY:
            self._recent.popitem(last=False)

    def _load(self) -> None:
        table = self._kept.table
        for number, body in self._store.blobs("ids"):
            block = _decode(body)
            keys, times = np.frombuffer(block.keys, np.uint64), np.frombuffer(block.times, np.int64)
            numbers = table.find(keys)
            waits = numbers >= 0
            waits[waits] = table.rows(numbers[waits])["state"] == UNLABELLED
            self._number = number + 1
            places = np.flatnonzero(waits)
            if len(places):
                self._enter(number, times[places], keys[places], places)
            else:
                self._finished.append(number)
