"""The panes of a partition that can still change: their sums and samples, and what of them is to be published.

Bound: 64 MB of sums and as much of samples are held in memory, beyond what a batch needs, those used last; all others
lie in the store, as they are published. Of each pane some 500 bytes stay in memory. There are as many panes as slides
fit into three times the label lateness, for each model.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol

import msgspec
import numpy as np

from contract.arrays import Floats, Integers, Unsigned
from contract.messages import ModelRef, encode
from contract.panes import Pane, PaneSample
from contract.schema import Schema
from monitor.join.columns.codes import Codes
from monitor.join.columns.features import FeatureColumns, FeatureReader
from monitor.join.columns.hashing import in_groups
from monitor.join.columns.samples import BottomK, Candidates
from monitor.join.columns.segments import RecordSegments
from monitor.join.columns.sums import PaneSums
from monitor.join.pane_limits import PaneLimits

_BYTES_IN_MEMORY = 64_000_000
_ALWAYS = 16
Kind = Literal["sums", "sample"]
_decode_pane = msgspec.json.Decoder(Pane).decode
_decode_sample = msgspec.json.Decoder(PaneSample).decode


class PaneId(NamedTuple):
    """A pane of this partition: its start (ms) and its model."""

    start: int
    model: ModelRef


class Publication(NamedTuple):
    """A message on ``panes``: a pane's sums or its sample."""

    pane: PaneId
    kind: Kind
    key: str
    value: bytes


class PaneStore(Protocol):
    """Where panes lie that are not in memory."""

    def pane(self, pane: PaneId, kind: Kind) -> bytes: ...

    def put_pane(self, pane: PaneId, kind: Kind, body: bytes) -> None: ...

    def forget_pane(self, pane: PaneId) -> None: ...


class _OpenPane:
    """``slot`` is -1 and ``sample`` None while they lie in the store alone."""

    __slots__ = ("records", "sample", "slot", "threshold", "used")

    def __init__(self, threshold: float, records: int, slot: int = -1, sample: BottomK | None = None) -> None:
        self.threshold = threshold
        self.records = records
        self.slot = slot
        self.sample = sample
        self.used = 0


class OpenPanes:
    """Sums and samples by pane. ``unpublished`` has what changed since it was published, by kind."""

    def __init__(self, partition: int, slide: int, lateness: int, schema: Schema, limits: PaneLimits) -> None:
        self._partition = partition
        self._slide = slide
        self._limits = limits
        self._schema = schema
        self._lateness = lateness
        self.reader = FeatureReader(schema)
        self.segments = RecordSegments(schema)
        self._clear()

    def _clear(self) -> None:
        self._panes: dict[PaneId, _OpenPane] = {}
        self.sums = PaneSums(self._schema, self._lateness, self._limits.most_unlisted)
        self.unpublished: dict[Kind, dict[PaneId, None]] = {"sums": {}, "sample": {}}
        self._unsaved: dict[Kind, dict[PaneId, None]] = {"sums": {}, "sample": {}}
        self._encoded: dict[tuple[PaneId, Kind], bytes] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._panes)

    def __iter__(self) -> Iterator[PaneId]:
        return iter(self._panes)

    def restore(
        self,
        store: PaneStore,
        panes: Iterable[tuple[PaneId, float, int]],
        sums: Iterable[tuple[int, ModelRef]],
        samples: Iterable[tuple[int, ModelRef]],
    ) -> None:
        """Begin with the panes of ``store``: their ids, thresholds and numbers of records.

        ``sums`` and ``samples`` are the panes of which these are still to be published.
        """
        self._clear()
        self._store = store
        self._panes = {pane: _OpenPane(threshold, records) for pane, threshold, records in panes}
        self.unpublished["sums"] = {PaneId(*pane): None for pane in sums}
        self.unpublished["sample"] = {PaneId(*pane): None for pane in samples}

    def slots(self, times: Integers, codes: Integers, known: Codes) -> Integers:
        """The slot of the pane of each prediction, by its event time and code; its sums are about to change."""
        self._turn += 1
        numbers = times // self._slide * len(known.models) + known.model_numbers(codes)
        order, bounds = in_groups(numbers)
        found = np.empty(len(times), np.int64)
        for first, end in bounds:
            places = order[first:end]
            place = int(places[0])
            code = known.known[int(codes[place])]
            pane_id = PaneId(int(times[place]) // self._slide * self._slide, code.model)
            pane = self._panes.get(pane_id)
            if pane is None:
                sample = BottomK(self._limits, self.reader.numeric, self.reader.categorical)
                pane = self._panes[pane_id] = _OpenPane(code.threshold, 0, self.sums.take(), sample)
                self._touch(pane_id, "sample")
            self._touch(pane_id, "sums")
            pane.used = self._turn
            found[places] = self._resident(pane_id, pane)
        return found

    def sample(
        self,
        slots: Integers,
        times: Integers,
        codes: Integers,
        known: Codes,
        customers: Unsigned,
        probabilities: Floats,
        columns: FeatureColumns,
    ) -> None:
        """Take new predictions into the samples of their panes; ``customers`` are the hashes of their customers."""
        candidates = Candidates(customers, times, probabilities, columns, self.reader.categorical)
        order, bounds = in_groups(slots)
        for first, end in bounds:
            places = order[first:end]
            place = int(places[0])
            pane_id = PaneId(int(times[place]) // self._slide * self._slide, known.known[int(codes[place])].model)
            pane = self._panes[pane_id]
            pane.records += len(places)
            if self._sample(pane_id, pane).add(candidates, places):
                self._touch(pane_id, "sample")

    @property
    def dirty(self) -> int:
        """How many sums have changed since they were last published."""
        return len(self.unpublished["sums"])

    def publications(self, closed_before: int) -> Iterator[Publication]:
        """What changed since it was published: sums, and samples of panes that end at ``closed_before`` or earlier."""
        for pane_id in list(self.unpublished["sums"]):
            yield Publication(pane_id, "sums", self._pane_key(pane_id), self._body(pane_id, "sums"))
        for pane_id in self.closed(closed_before):
            yield Publication(pane_id, "sample", f"{self._pane_key(pane_id)}/sample", self._body(pane_id, "sample"))

    def closed(self, closed_before: int) -> list[PaneId]:
        """Panes that end at ``closed_before`` or earlier, and whose sample is to be published."""
        return [pane for pane in self.unpublished["sample"] if pane.start + self._slide <= closed_before]

    def published(self, publications: Iterable[tuple[PaneId, Kind]]) -> None:
        """These are out."""
        for pane_id, kind in publications:
            self.unpublished[kind].pop(pane_id, None)

    def publish_again(self) -> None:
        """Everything is to be published once more."""
        self.unpublished = {"sums": dict.fromkeys(self._panes), "sample": dict.fromkeys(self._panes)}

    def forget(self, before: int) -> None:
        """Let go of panes that end before ``before``."""
        for pane_id in [pane for pane in self._panes if pane.start + self._slide < before]:
            pane = self._panes.pop(pane_id)
            if pane.slot >= 0:
                self.sums.give_back(pane.slot)
            kinds: tuple[Kind, Kind] = ("sums", "sample")
            for kind in kinds:
                self.unpublished[kind].pop(pane_id, None)
                self._unsaved[kind].pop(pane_id, None)
                self._encoded.pop((pane_id, kind), None)
            self._store.forget_pane(pane_id)

    def save(self) -> None:
        """Write what changed to the store."""
        for kind, unsaved in self._unsaved.items():
            for pane_id in unsaved:
                self._store.put_pane(pane_id, kind, self._body(pane_id, kind))
            unsaved.clear()
        self._encoded.clear()
        self._trim()

    def trim(self) -> None:
        """Save what changed if memory holds too much."""
        if len(self._unsaved["sums"]) > 2 * self._most_sums():
            self.save()

    def _trim(self) -> None:
        """Let go of what was used longest ago; all of it is saved."""
        resident = sorted((p for p in self._panes.values() if p.slot >= 0), key=lambda pane: -pane.used)
        for pane in resident[self._most_sums() :]:
            self.sums.give_back(pane.slot)
            pane.slot = -1
        left = _BYTES_IN_MEMORY
        for pane in sorted((p for p in self._panes.values() if p.sample is not None), key=lambda pane: -pane.used):
            left -= pane.sample.nbytes if pane.sample is not None else 0
            if left < 0:
                pane.sample = None

    def _most_sums(self) -> int:
        return max(_ALWAYS, _BYTES_IN_MEMORY // self.sums.bytes_each)

    def _touch(self, pane_id: PaneId, kind: Kind) -> None:
        self.unpublished[kind][pane_id] = None
        self._unsaved[kind][pane_id] = None
        self._encoded.pop((pane_id, kind), None)

    def _resident(self, pane_id: PaneId, pane: _OpenPane) -> int:
        if pane.slot < 0:
            pane.slot = self.sums.take()
            self.sums.restore(pane.slot, _decode_pane(self._store.pane(pane_id, "sums")).summary)
        return pane.slot

    def _sample(self, pane_id: PaneId, pane: _OpenPane) -> BottomK:
        if pane.sample is None:
            pane.sample = BottomK(self._limits, self.reader.numeric, self.reader.categorical)
            pane.sample.restore(_decode_sample(self._store.pane(pane_id, "sample")))
        return pane.sample

    def _body(self, pane_id: PaneId, kind: Kind) -> bytes:
        if kind == "sums" and self._panes[pane_id].slot < 0:
            return self._store.pane(pane_id, kind)
        if kind == "sample" and self._panes[pane_id].sample is None:
            return self._store.pane(pane_id, kind)
        body = self._encoded.get((pane_id, kind))
        if body is None:
            body = self._encoded[pane_id, kind] = encode(self._message(pane_id, kind))
        return body

    def _message(self, pane_id: PaneId, kind: Kind) -> Pane | PaneSample:
        pane = self._panes[pane_id]
        if kind == "sums" or pane.sample is None:
            return Pane(
                partition=self._partition,
                start=pane_id.start,
                slide=self._slide,
                model=pane_id.model,
                threshold=pane.threshold,
                summary=self.sums.summary(pane.slot),
            )
        return PaneSample(
            partition=self._partition,
            start=pane_id.start,
            slide=self._slide,
            model=pane_id.model,
            records=pane.records,
            **pane.sample.columns(pane_id.start)._asdict(),
        )

    def _pane_key(self, pane: PaneId) -> str:
        return f"{pane.model.key}/{pane.start}/{self._partition}"
