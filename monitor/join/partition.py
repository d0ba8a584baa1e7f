"""One partition's join of predictions with labels, and the panes that come of it. No Kafka and no clock.

Order of calls: ``absorb`` a batch, publish its effects, then ``commit``; or ``rollback``. What ``absorb`` returns and
what it leaves in the store depends on the messages and their offsets only (``monitor.join.rules``), so a batch that is
absorbed again, cut differently or interleaved otherwise, leads to the same state.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from contract.kafka.partitioner import belongs_to
from contract.messages import Label, Prediction
from contract.panes import JoinProgress, Pane
from contract.rejection import Reason, RejectionError
from contract.schema import Schema
from contract.topics import LABELS, PREDICTIONS
from monitor import panes
from monitor.join.effects import Changes, DeadLetter, Effects, both_times, dead_label, dead_letter, outcome_of
from monitor.join.incoming import EndOfStream, Incoming
from monitor.join.pane_limits import PaneLimits
from monitor.join.rules import (
    JoinRules,
    KeptLabel,
    KeptPrediction,
    TopicProgress,
    comes_before,
    comes_too_late,
    forget_before,
    joins,
    refuse_label,
    refuse_prediction,
    resolve,
    time_is_up_before,
)
from monitor.join.store import JoinStore, KeptMessages, KeptPane, PaneId


class PartitionJoin:
    """Joins one partition. Holds the open panes in memory and everything else in the store."""

    def __init__(self, partition: int, store: JoinStore, rules: JoinRules, schema: Schema, limits: PaneLimits) -> None:
        self.partition = partition
        self._store = store
        self._rules = rules
        self._schema = schema
        self._limits = limits
        self._load()

    def absorb(self, predictions: Sequence[Incoming], labels: Sequence[Incoming]) -> Effects:
        """Take in the next messages of both topics, each in order of offset."""
        effects = Effects()
        found = self._store.find(_record_ids(predictions) | _record_ids(labels))
        changed = Changes()
        for message in predictions:
            self._take_prediction(message, found, changed, effects)
        for message in labels:
            self._take_label(message, found, changed, effects)
        self._store.put_predictions((self._pane_id(kept), kept) for kept in changed.predictions.values())
        self._store.put_labels(changed.labels.values())
        self._store.drop_labels(changed.dropped.values())
        self._give_up_on_labels(effects)
        self._judge_waiting_labels(effects)
        self.state.counters.dead_letters += len(effects.dead_letters)
        return effects

    @property
    def dirty(self) -> int:
        """How many panes have changed since they were last published."""
        return sum(kept.dirty for kept in self._panes.values())

    def dirty_panes(self) -> Iterator[Pane]:
        """The panes that changed since they were last published, whole, one after the other."""
        for pane_id in [pane_id for pane_id, kept in self._panes.items() if kept.dirty]:
            kept = self._panes[pane_id]
            yield Pane(
                partition=self.partition,
                start=pane_id.start,
                slide=self._rules.slide,
                model=pane_id.model,
                threshold=kept.threshold,
                summary=msgspec.structs.replace(kept.summary, sample=self._store.sample(pane_id, self._limits)),
            )

    def published(self, panes: Iterable[PaneId]) -> None:
        """These panes are out. Once all that changed are, those that nothing can change any more are forgotten."""
        for pane_id in panes:
            self._panes[pane_id].dirty = False
            self._touched.add(pane_id)
        if self.dirty:
            return
        self.state.predictions.forgotten = forget_before(self.state.predictions, self.state.labels, self._rules)
        for pane_id in [pane for pane in self._panes if self._is_forgotten(pane.start)]:
            del self._panes[pane_id]
            self._touched.discard(pane_id)
            self._store.forget(pane_id)

    def origins(self) -> tuple[TopicProgress, TopicProgress]:
        """Where predictions and labels must be read from to rebuild this state, and what stood before there."""
        prediction, label = self._store.oldest_prediction(), self._store.oldest_label()
        return _origin(prediction, self.state.predictions), _origin(label, self.state.labels)

    def begin_at(self, predictions: TopicProgress, labels: TopicProgress) -> None:
        """Start an empty state from origins that an earlier worker left."""
        self.state.predictions, self.state.labels = predictions, labels
        self.commit()

    def publish_on(self, topic: str) -> bool:
        """Publish every pane that is still known again where ``topic``, the id of ``panes``, is another one.

        Returns whether it is, and there are panes.
        """
        if topic == self.state.panes:
            return False
        self.state.panes = topic
        for kept in self._panes.values():
            kept.dirty = True
        self._touched.update(self._panes)
        self.commit()
        return bool(self._panes)

    def progress(self, idle: bool) -> JoinProgress:
        """Where this partition stands in event time."""
        state = self.state
        return JoinProgress(
            partition=self.partition,
            watermark=state.predictions.watermark(self._rules),
            label_watermark=state.labels.watermark(self._rules),
            ended=state.predictions.ended and state.labels.ended,
            idle=idle,
            next_prediction=state.predictions.offset,
            next_label=state.labels.offset,
            forgotten=state.predictions.forgotten,
            **msgspec.structs.asdict(state.counters),
        )

    def commit(self) -> None:
        """Make everything since the last commit last."""
        self._store.put_panes((pane_id, self._panes[pane_id]) for pane_id in self._touched)
        self._touched.clear()
        self._store.put_state(self.state)
        self._store.commit()

    def rollback(self) -> None:
        """Forget everything since the last commit."""
        self._store.rollback()
        self._load()

    def close(self) -> None:
        """Let go of the store; what was not committed is dropped."""
        self._store.close()

    def _load(self) -> None:
        self.state = self._store.state()
        self._panes = self._store.panes()
        self._touched: set[PaneId] = set()
        self._judge_waiting = False

    def _take_prediction(self, message: Incoming, found: KeptMessages, changed: "Changes", effects: Effects) -> None:
        progress, content = self.state.predictions, message.content
        if isinstance(content, EndOfStream):
            progress.end(message.offset)
            return
        if isinstance(content, Prediction):
            refusal = refuse_prediction(content, progress, self._rules)
            if refusal is not None:
                effects.dead_letters.append(dead_letter(PREDICTIONS, message, refusal))
            elif not self._is_forgotten(panes.pane_start(content.event_time, self._rules.slide)):
                self._keep_prediction(message.offset, content, found, changed, effects)
            self._see_key(content.customer_id)
            progress.advance(message.offset, content.event_time, self._rules)
        elif isinstance(content, RejectionError):
            effects.dead_letters.append(dead_letter(PREDICTIONS, message, content))
            progress.advance(message.offset, None, self._rules)

    def _keep_prediction(
        self, offset: int, content: Prediction, found: KeptMessages, changed: "Changes", effects: Effects
    ) -> None:
        siblings = found.predictions.setdefault(content.record_id, [])
        if any(kept.model.role == content.model.role for kept in siblings):
            self.state.counters.duplicate_predictions += 1
            return
        kept = KeptPrediction(
            record_id=content.record_id,
            customer_id=content.customer_id,
            event_time=content.event_time,
            probability=content.probability,
            predicted=content.predicted,
            threshold=content.threshold,
            model=content.model,
            features=msgspec.structs.astuple(content.features),
            offset=offset,
            latest=self.state.predictions.latest,
            recent=self.state.predictions.recent,
            epoch=self.state.predictions.epoch,
        )
        siblings.append(kept)
        changed.add_prediction(kept)
        pane = self._pane(kept)
        panes.add_prediction(
            pane.summary, self._schema, kept.probability, kept.predicted, kept.features, self._limits.most_unlisted
        )
        labels = found.labels.get(kept.record_id, [])
        for label in labels:
            self._match(kept, label, labels, changed, effects)
        self._settle(kept, labels, changed, effects)

    def _take_label(self, message: Incoming, found: KeptMessages, changed: "Changes", effects: Effects) -> None:
        progress, content = self.state.labels, message.content
        if isinstance(content, EndOfStream):
            progress.end(message.offset)
            return
        if isinstance(content, Label):
            refusal = refuse_label(content, progress, self._rules)
            if refusal is None:
                self._keep_label(message, content, found, changed, effects)
            else:
                effects.dead_letters.append(dead_letter(LABELS, message, refusal))
            progress.advance(message.offset, content.event_time, self._rules)
        elif isinstance(content, RejectionError):
            effects.dead_letters.append(dead_letter(LABELS, message, content))
            progress.advance(message.offset, None, self._rules)

    def _keep_label(
        self, message: Incoming, content: Label, found: KeptMessages, changed: "Changes", effects: Effects
    ) -> None:
        siblings = found.labels.setdefault(content.record_id, [])
        kept = KeptLabel(
            record_id=content.record_id,
            customer_id=content.customer_id,
            event_time=content.event_time,
            label=content.label,
            offset=message.offset,
            latest=self.state.labels.latest,
            recent=self.state.labels.recent,
            epoch=self.state.labels.epoch,
            raw=message.value or b"",
        )
        siblings.append(kept)
        changed.add_label(kept)
        for prediction in found.predictions.get(kept.record_id, []):
            self._match(prediction, kept, siblings, changed, effects)
            self._settle(prediction, siblings, changed, effects)
        if not kept.joined and not changed.is_dropped(kept) and self._is_misplaced(kept):
            changed.drop_label(kept)
            effects.dead_letters.append(self._wrong_partition(kept))

    def _match(
        self,
        prediction: KeptPrediction,
        label: KeptLabel,
        siblings: Sequence[KeptLabel],
        changed: "Changes",
        effects: Effects,
    ) -> None:
        if label.joined or changed.is_dropped(label):
            return
        if joins(prediction, label, self._rules):
            self._count(label, siblings)
            label.joined = True
            changed.add_label(label)
        elif comes_too_late(prediction, label, self._rules):
            changed.drop_label(label)
            effects.dead_letters.append(
                dead_label(label, Reason.LABEL_TOO_LATE, "the label came later after its record than is allowed")
            )
        elif comes_before(prediction, label, self._rules):
            changed.drop_label(label)
            effects.dead_letters.append(dead_label(label, Reason.LABEL_BEFORE_RECORD, both_times(prediction, label)))

    def _count(self, label: KeptLabel, siblings: Sequence[KeptLabel]) -> None:
        """Count a label that joins by the last one before it that has: those that do not join may be gone by now."""
        before = [sibling for sibling in siblings if sibling.joined and sibling.offset < label.offset]
        if before:
            repeated = before[-1].label == label.label
            self.state.counters.repeated_labels += repeated
            self.state.counters.contradicting_labels += not repeated

    def _settle(self, kept: KeptPrediction, labels: Sequence[KeptLabel], changed: "Changes", effects: Effects) -> None:
        """Bring what is counted for a prediction in line with its labels."""
        joined = resolve(kept, labels, self._rules)
        if joined is None or joined.revision == kept.revision:
            return
        summary = self._pane(kept).summary
        if kept.label is not None and kept.label_time is not None:
            delay = _delay(kept, kept.label_time)
            panes.remove_label(summary, kept.probability, kept.predicted, kept.label, delay)
        delay = _delay(kept, joined.label_time)
        panes.add_label(summary, kept.probability, kept.predicted, joined.label, delay)
        kept.label, kept.label_time, kept.revision = joined
        changed.add_prediction(kept)
        effects.outcomes.append(outcome_of(kept, joined.label, joined.label_time))

    def _see_key(self, customer_id: str) -> None:
        """Learn how predictions are spread; labels that came before enough was known are judged now."""
        progress = self.state.predictions
        if progress.foreign or self._rules.partitions == 1:
            return
        known = progress.keys_obey
        progress.see_key(belongs_to(customer_id, self._rules.partitions) == self.partition)
        self._judge_waiting = self._judge_waiting or (progress.keys_obey and not known)

    def _is_misplaced(self, label: KeptLabel) -> bool:
        return (
            self.state.predictions.keys_obey and belongs_to(label.customer_id, self._rules.partitions) != self.partition
        )

    def _wrong_partition(self, label: KeptLabel) -> DeadLetter:
        detail = (
            f"partition {self.partition}, where its record's prediction cannot be: the predictions are spread by "
            f"Kafka's own partitioner, which sends this key to partition "
            f"{belongs_to(label.customer_id, self._rules.partitions)}; set the partitioner of whoever sends labels to "
            f"murmur2_random"
        )
        return dead_label(label, Reason.WRONG_PARTITION, detail, field="key")

    def _judge_waiting_labels(self, effects: Effects) -> None:
        if not self._judge_waiting:
            return
        self._judge_waiting = False
        labels = [
            label
            for label in self._store.unjoined_labels(None, self.state.labels.epoch + 1)
            if self._is_misplaced(label)
        ]
        effects.dead_letters.extend(map(self._wrong_partition, labels))
        self._store.drop_labels(labels)

    def _give_up_on_labels(self, effects: Effects) -> None:
        before = time_is_up_before(self.state.predictions, self._rules)
        labels = self._store.unjoined_labels(before, self.state.predictions.epoch)
        for label in labels:
            effects.dead_letters.append(
                dead_label(label, Reason.LABEL_WITHOUT_RECORD, "no prediction of this record came before time was up")
            )
        self._store.drop_labels(labels)

    def _is_forgotten(self, start: int) -> bool:
        """Whether a pane was forgotten; a prediction of it comes only where the log is read again."""
        forgotten = self.state.predictions.forgotten
        return forgotten is not None and start + self._rules.slide < forgotten

    def _pane_id(self, kept: KeptPrediction) -> PaneId:
        return PaneId(panes.pane_start(kept.event_time, self._rules.slide), kept.model)

    def _pane(self, kept: KeptPrediction) -> KeptPane:
        pane_id = self._pane_id(kept)
        pane = self._panes.get(pane_id)
        if pane is None:
            pane = self._panes[pane_id] = KeptPane(kept.threshold, panes.empty())
        pane.dirty = True
        self._touched.add(pane_id)
        return pane


def _origin(oldest: KeptPrediction | KeptLabel | None, progress: TopicProgress) -> TopicProgress:
    if oldest is None:
        return msgspec.structs.replace(progress)
    return TopicProgress(
        offset=oldest.offset,
        latest=oldest.latest,
        epoch=oldest.epoch,
        forgotten=progress.forgotten,
        obeying=progress.obeying,
        foreign=progress.foreign,
        recent=oldest.recent,
    )


def _record_ids(messages: Sequence[Incoming]) -> set[str]:
    return {message.content.record_id for message in messages if isinstance(message.content, Prediction | Label)}


def _delay(kept: KeptPrediction, label_time: int) -> int:
    """ms; a label that is dated before its record, within the tolerance, came at once."""
    return max(label_time - kept.event_time, 0)
