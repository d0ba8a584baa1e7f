"""Labels one by one: what is rare, and what arrays would make hard to read.

A label that meets a record for the second time, or waits for it, or comes too late, and a prediction whose record's
labels are there before it. All else goes through ``matching.labels`` in whole batches, to the same state.
"""

from bisect import insort

import numpy as np

from contract.kafka.partitioner import belongs_to
from contract.messages import Prediction
from contract.rejection import Reason
from monitor.join.columns.chunk import INFERRED, UNLABELLED
from monitor.join.effects import DeadLetter, Decided, Effects, both_times, dead_label, outcomes_of
from monitor.join.kept import KeptRecords, Rows, is_labelled, state_of
from monitor.join.rules import (
    JoinRules,
    KeptLabel,
    KeptPrediction,
    TopicProgress,
    comes_before,
    comes_too_late,
    joins,
    resolve,
)
from monitor.join.store import PartitionState

_TOO_LATE = "the label came later than the label lateness allows"
_NO_RECORD = "no prediction of this record came in time"


class Settler:
    """Brings rows in line with the labels of their records."""

    def __init__(self, partition: int, kept: KeptRecords, state: PartitionState, rules: JoinRules) -> None:
        self._partition = partition
        self._kept = kept
        self._state = state
        self._rules = rules

    def new_row(self, row: int, record: int, made: Prediction, effects: Effects) -> None:
        """A prediction was added whose record has labels, joined or waiting."""
        kept = self._kept
        prediction = kept.prediction(row)
        rows = kept.rows_of(record)
        labels = list(kept.joined(record, [other for other in rows if other != row]))
        origin = self._state.labels
        for label in kept.waiting.of(record):
            if joins(prediction, label, self._rules):
                kept.waiting.remove(label)
                self._count(label, labels)
                insort(labels, label, key=lambda one: one.offset)
                origin = min(origin, label.origin or origin, key=lambda progress: progress.offset)
            else:
                self._refuse_waiting(prediction, label, effects)
        self._settle(row, [], labels, (made.record_id, made.customer_id), effects, origin)
        kept.remember(record, rows, labels)

    def take(self, label: KeptLabel, record_id: str, rows: list[int], effects: Effects) -> None:
        """A label came, and these are the rows of its record."""
        kept = self._kept
        predictions = [kept.prediction(row) for row in rows]
        labels = kept.joined(label.record, rows)
        if any(joins(prediction, label, self._rules) for prediction in predictions):
            self._count(label, labels)
            repeats = bool(labels) and _says_the_same(labels[-1], label)
            after = labels if repeats else [*labels, label]
            for row in rows:
                self._settle(row, labels, after, (record_id, label.key), effects, label.origin)
            kept.remember(label.record, rows, after)
            return
        for prediction in predictions:
            if self._refusal(prediction, label) is not None:
                self._refuse(prediction, label, effects)
                return
        if self.is_misplaced(label):
            effects.dead_letters.append(self.wrong_partition(label))
            return
        kept.waiting.add(label)
        kept.remember(label.record, rows, labels)

    def give_up(self, before: int | None, effects: Effects) -> None:
        """Labels whose time is up, and those from before an end that all predictions to come are behind."""
        for label in self._kept.waiting.given_up(before, self._state.predictions.epoch):
            effects.dead_letters.append(dead_label(label, Reason.LABEL_WITHOUT_RECORD, _NO_RECORD))

    def judge_waiting(self, effects: Effects) -> None:
        """It has become known how predictions are spread."""
        for label in [label for label in self._kept.waiting if self.is_misplaced(label)]:
            self._kept.waiting.remove(label)
            effects.dead_letters.append(self.wrong_partition(label))

    def is_misplaced(self, label: KeptLabel) -> bool:
        return self._state.predictions.keys_obey and belongs_to(label.key, self._rules.partitions) != self._partition

    def wrong_partition(self, label: KeptLabel) -> DeadLetter:
        detail = (
            f"partition {self._partition}, where its record's prediction cannot be: predictions are distributed by "
            f"Kafka's own partitioner, which sends this key to partition "
            f"{belongs_to(label.key, self._rules.partitions)}; set the partitioner of the program that "
            f"sends labels to murmur2_random"
        )
        return dead_label(label, Reason.WRONG_PARTITION, detail, field="key")

    def _refuse_waiting(self, prediction: KeptPrediction, label: KeptLabel, effects: Effects) -> None:
        if self._refusal(prediction, label) is not None:
            self._kept.waiting.remove(label)
            self._refuse(prediction, label, effects)

    def _refusal(self, prediction: KeptPrediction, label: KeptLabel) -> Reason | None:
        if comes_too_late(prediction, label, self._rules):
            return Reason.LABEL_TOO_LATE
        return Reason.LABEL_BEFORE_RECORD if comes_before(prediction, label, self._rules) else None

    def _refuse(self, prediction: KeptPrediction, label: KeptLabel, effects: Effects) -> None:
        reason = self._refusal(prediction, label)
        if reason is not None:
            detail = _TOO_LATE if reason is Reason.LABEL_TOO_LATE else both_times(prediction, label)
            effects.dead_letters.append(dead_label(label, reason, detail))

    def _count(self, label: KeptLabel, labels: list[KeptLabel]) -> None:
        """Count a label that joins by the last one before it that has: those that do not join may be gone by now."""
        before = [other for other in labels if other.offset < label.offset]
        if before:
            repeated = before[-1].label == label.label
            self._state.counters.repeated_labels += repeated
            self._state.counters.contradicting_labels += not repeated

    def _settle(
        self,
        row: int,
        before: list[KeptLabel],
        after: list[KeptLabel],
        ids: tuple[str, str],
        effects: Effects,
        origin: TopicProgress | None,
    ) -> None:
        """Bring a row, whose labels were ``before``, in line with ``after``."""
        kept = self._kept
        prediction = kept.prediction(row)
        found = resolve(prediction, after, self._rules)
        rows = Rows.of(kept.table.rows(np.array([row])))
        state = int(rows.states[0])
        known = resolve(prediction, before, self._rules) if is_labelled(state) else None
        if found is None or found.revision == (known.revision if known else 0):
            return
        slots = kept.panes.slots(rows.times, rows.codes, kept.codes)
        sums = kept.panes.sums
        decisions = kept.codes.decisions(rows.codes)
        if state != UNLABELLED:
            old, inferred = np.array([int(state == state_of(1))]), state == INFERRED
            sums.add_labels(
                slots, rows.probabilities, decisions, rows.segments, old, rows.delays, sign=-1, inferred=inferred
            )
            self._state.counters.inferred -= state == INFERRED
        delay = np.array([found.label_time - prediction.event_time])
        sums.add_labels(slots, rows.probabilities, decisions, rows.segments, np.array([found.label]), delay)
        kept.set_label(row, state_of(found.label), int(delay[0]), origin)
        effects.outcomes += outcomes_of(
            Decided(
                [ids[0]],
                [ids[1]],
                [ids[1].encode()],
                rows.times,
                np.array([found.label_time]),
                np.array([found.label]),
                found.revision,
                rows.probabilities,
                rows.codes,
            ),
            kept.codes,
        )


def _says_the_same(one: KeptLabel, other: KeptLabel) -> bool:
    """Whether a label adds nothing to the one before it, for whichever role's prediction may still come."""
    return (one.label, one.event_time, one.customer, one.epoch) == (
        other.label,
        other.event_time,
        other.customer,
        other.epoch,
    )
