"""One partition's join of predictions with labels, and the panes that come of it. No Kafka and no clock.

Order of calls: ``absorb`` a batch, publish its effects, then ``commit`` when it is time; or ``rollback``, to what was
committed last. What ``absorb`` leads to depends on the messages and their offsets only (``monitor.join.rules``), so a
batch that is absorbed again, cut differently or interleaved otherwise, leads to the same state.

A batch is columns and not messages: a pair of prediction and label took 130 to 170 µs one by one, and takes some 10 µs
so (benchmarks/join.py). What is kept lies in memory, 50 to 54 bytes a prediction, and in blocks in the store.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from contract.panes import JoinProgress
from contract.schema import Schema
from monitor.join.columns.chunk import row_type
from monitor.join.columns.codes import Codes
from monitor.join.columns.table import RowTable
from monitor.join.effects import Effects
from monitor.join.incoming import Incoming
from monitor.join.kept import KeptRecords
from monitor.join.matching.labels import LabelTaker
from monitor.join.matching.predictions import PredictionTaker
from monitor.join.matching.settling import Settler
from monitor.join.matching.silence import Silence
from monitor.join.open_panes import Kind, OpenPanes, PaneId, Publication
from monitor.join.pane_limits import PaneLimits
from monitor.join.rules import NEVER, JoinRules, TopicProgress, forget_before, time_is_up_before
from monitor.join.saved_rows import SavedRows
from monitor.join.store import JoinStore, PartitionState, Unpublished
from monitor.join.waiting import WaitingLabels

_ALL_CLOSED = 2**62


class PartitionJoin:
    """Joins one partition."""

    def __init__(self, partition: int, store: JoinStore, rules: JoinRules, schema: Schema, limits: PaneLimits) -> None:
        self.partition = partition
        self._store = store
        self._rules = rules
        self._panes = OpenPanes(partition, rules.slide, rules.lateness, schema, limits)
        self._row = row_type(self._panes.segments.combinations)
        self._saved = SavedRows(store, self._row)
        self._load()

    def absorb(self, predictions: Sequence[Incoming], labels: Sequence[Incoming]) -> Effects:
        """Take in the next messages of both topics, each in order of offset."""
        effects = Effects()
        learnt = self._predictions.take(predictions, effects)
        self._labels.take(labels, effects)
        self._settler.give_up(time_is_up_before(self.state.predictions, self._rules), effects)
        if learnt:
            self._settler.judge_waiting(effects)
        self._silence.infer(effects)
        self._panes.trim()
        self.state.counters.dead_letters += len(effects.dead_letters)
        return effects

    @property
    def dirty(self) -> int:
        """How many panes' sums have changed since they were last published."""
        return self._panes.dirty

    def publications(self, progress: JoinProgress) -> Iterator[Publication]:
        """What must be published with ``progress`` or before it, one after the other.

        The sums of panes that changed, and the samples of those that have closed by then and changed.
        """
        return self._panes.publications(_closed_before(progress))

    def unpublished(self, progress: JoinProgress) -> int:
        """How many publications there are."""
        return self._panes.dirty + len(self._panes.closed(_closed_before(progress)))

    def published(self, publications: Iterable[tuple[PaneId, Kind]], labels_idle: bool = False) -> None:
        """These are out. Once all that changed are, what nothing can change any more is forgotten.

        ``labels_idle``: no labels are left to read, and none has come for the idle time.
        """
        self._panes.published(publications)
        if self._panes.dirty:
            return
        before = forget_before(self.state.predictions, self.state.labels, self._rules, labels_idle)
        if before is None:
            return
        self.state.predictions.forgotten = before
        self._panes.forget(before)
        for serial in self.kept.forget(self._dead_before(before)):
            self._saved.forget(serial)

    def origins(self) -> tuple[TopicProgress, TopicProgress]:
        """Where predictions and labels must be read from to rebuild this state, and what stood before there."""
        chunks = list(self.kept.table.chunks)
        labels = [chunk.label_origin for chunk in chunks]
        labels.append(self.kept.waiting.origin())
        return (
            _origin([chunk.origin for chunk in chunks], self.state.predictions),
            _origin(labels, self.state.labels),
        )

    def begin_at(self, predictions: TopicProgress, labels: TopicProgress) -> None:
        """Start an empty state from origins that an earlier worker left."""
        self.state.predictions, self.state.labels = predictions, labels
        self.commit()
        self._load()

    def publish_on(self, topic: str) -> bool:
        """Publish every pane that is still known again where ``topic``, the id of ``panes``, is another one.

        Returns whether it is, and there are panes.
        """
        if topic == self.state.panes:
            return False
        self.state.panes = topic
        self._panes.publish_again()
        self.commit()
        return bool(self._panes.dirty)

    def progress(self, idle: bool, labels_idle: bool = False) -> JoinProgress:
        """Where this partition stands in event time."""
        state = self.state
        return JoinProgress(
            partition=self.partition,
            watermark=state.predictions.watermark(self._rules),
            label_watermark=state.labels.watermark(self._rules),
            ended=state.predictions.ended and state.labels.ended,
            idle=idle,
            labels_idle=labels_idle,
            next_prediction=state.predictions.offset,
            next_label=state.labels.offset,
            forgotten=state.predictions.forgotten,
            **msgspec.structs.asdict(state.counters),
        )

    def commit(self) -> None:
        """Make everything since the last commit last."""
        kept, store = self.kept, self._store
        self._panes.save()
        self._saved.save(kept.table, kept.changes)
        kept.changes.clear()
        store.put_waiting(kept.waiting.added.values(), kept.waiting.removed)
        kept.waiting.saved()
        store.put_histories((record, kept.histories.get(record)) for record in kept.changed_histories)
        kept.changed_histories.clear()
        self._silence.save()
        unpublished = self._panes.unpublished
        self.state.unpublished = Unpublished(list(unpublished["sums"]), list(unpublished["sample"]))
        self.state.codes = kept.codes.known
        store.put_state(self.state)
        store.commit()

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        self._store.rollback()
        self._load()

    def close(self) -> None:
        """Let go of the store; what was not committed is dropped."""
        self._store.close()

    def _load(self) -> None:
        state = self._store.state()
        # what was there goes before the same comes again: of ten million predictions it is 500 MB
        self._work_on(KeptRecords(self._panes), state, msgspec.structs.replace(self._rules, horizon=None))
        kept = KeptRecords(self._panes, RowTable(self._row), Codes(state.codes), WaitingLabels(self._store.waiting()))
        kept.table.restore(self._saved.load())
        kept.histories = self._store.histories()
        for record in kept.histories:
            for row in kept.rows_of(record):
                kept.table.chunk_of(row)[0].histories.add(record)
        if state.predictions.forgotten is not None:
            kept.table.dead_before = self._dead_before(state.predictions.forgotten)
        self._panes.restore(self._store, self._store.panes(), state.unpublished.sums, state.unpublished.samples)
        self._work_on(kept, state, self._rules)

    def _work_on(self, kept: KeptRecords, state: PartitionState, rules: JoinRules) -> None:
        self.kept, self.state = kept, state
        self._settler = Settler(self.partition, kept, state, rules)
        self._silence = Silence(kept, state, rules, self._store)
        self._predictions = PredictionTaker(self.partition, kept, state, rules, self._settler, self._silence)
        self._labels = LabelTaker(kept, state, rules, self._settler)

    def _dead_before(self, forgotten: int) -> int:
        """Records of an earlier event time lie in panes that end before ``forgotten``."""
        return -(-(forgotten - self._rules.slide) // self._rules.slide) * self._rules.slide


def _closed_before(progress: JoinProgress) -> int:
    if progress.idle or progress.ended:
        return _ALL_CLOSED
    return NEVER if progress.watermark is None else progress.watermark


def _origin(origins: Iterable[TopicProgress | None], progress: TopicProgress) -> TopicProgress:
    oldest = min((origin for origin in origins if origin is not None), key=lambda one: one.offset, default=None)
    if oldest is None:
        return msgspec.structs.replace(progress)
    return msgspec.structs.replace(
        oldest,
        ended=False,
        forgotten=progress.forgotten,
        obeying=progress.obeying,
        foreign=progress.foreign,
    )
