"""A batch of labels, as columns: refused, or joined to the rows of their records; what is rare goes one by one."""

from collections.abc import Sequence

import msgspec
import numpy as np

from contract.arrays import Integers, Mask, Unsigned
from contract.messages import Label
from contract.topics import LABELS
from monitor.join.columns.chunk import NEGATIVE, POSITIVE, UNLABELLED
from monitor.join.columns.hashing import ROLES, customer_hashes, record_hashes, row_keys, short_hashes
from monitor.join.effects import Decided, Effects, dead_letter, outcomes_of
from monitor.join.incoming import Incoming
from monitor.join.kept import KeptRecords, Rows
from monitor.join.matching.settling import Settler
from monitor.join.rules import JoinRules, KeptLabel, TopicProgress, late_label, too_late
from monitor.join.store import PartitionState
from monitor.join.trajectory import Trajectory, follow


class _Batch:
    """The labels of a batch that came in time, as columns."""

    def __init__(self, path: Trajectory, chosen: Mask) -> None:
        self.messages = [path.readable[place] for place in np.flatnonzero(chosen).tolist()]
        self.contents: list[Label] = [message.content for message in self.messages]  # type: ignore[misc]
        self.record_ids = [label.record_id for label in self.contents]
        self.times, self.epochs = path.times[chosen], path.epochs[chosen]
        self.values = np.array([label.label for label in self.contents], np.int64)
        self.hashes = record_hashes(self.record_ids)
        self.customers = short_hashes(customer_hashes([message.key or b"" for message in self.messages]))

    def label(self, place: int, origin: TopicProgress) -> KeptLabel:
        message, content = self.messages[place], self.contents[place]
        return KeptLabel(
            int(self.hashes[place]),
            int(self.customers[place]),
            content.event_time,
            content.label,
            message.offset,
            int(self.epochs[place]),
            content.customer_id,
            message.value or b"",
            origin,
            [(name, str(value)) for name, value in message.resent],
        )


class LabelTaker:
    """Takes in the next labels of a partition."""

    def __init__(self, kept: KeptRecords, state: PartitionState, rules: JoinRules, settler: Settler) -> None:
        self._kept = kept
        self._state = state
        self._rules = rules
        self._settler = settler

    def take(self, messages: Sequence[Incoming], effects: Effects) -> None:
        if not messages:
            return
        progress, rules = self._state.labels, self._rules
        origin = msgspec.structs.replace(progress)
        path = follow(progress, messages, rules)
        late = too_late(path.times, path.latest, rules.lateness + rules.tolerance, rules)
        letters = [dead_letter(LABELS, message, why) for message, why in path.refused]
        letters += [dead_letter(LABELS, path.readable[place], late_label()) for place in np.flatnonzero(late)]
        effects.dead_letters += sorted(letters, key=lambda letter: letter.offset)
        batch = _Batch(path, ~late)
        if batch.messages:
            self._join(batch, origin, effects)

    def _join(self, batch: _Batch, origin: TopicProgress, effects: Effects) -> None:
        kept = self._kept
        found = [kept.table.find(row_keys(batch.hashes, role)) for role in ROLES if role in kept.codes.roles]
        simple = _alone(batch.hashes)
        any_row = np.zeros(len(simple), np.bool_)
        rows_of = []
        for rows in found:
            there = rows >= 0
            any_row |= there
            said = Rows.of(kept.table.rows(rows[there]))
            simple[there] &= self._joins_first(batch, there, rows[there], said)
            rows_of.append((there, said))
        simple &= any_row
        for records in (kept.waiting if len(kept.waiting) else (), kept.histories):
            if records:
                simple &= np.fromiter(
                    (record not in records for record in batch.hashes.tolist()), np.bool_, len(simple)
                )
        for rows, (there, said) in zip(found, rows_of, strict=True):
            self._put(batch, rows, there, simple, said, origin, effects)
        for place in np.flatnonzero(~simple).tolist():
            numbers = [int(rows[place]) for rows in found if rows[place] >= 0]
            self._settler.take(batch.label(place, origin), batch.record_ids[place], numbers, effects)

    def _joins_first(self, batch: _Batch, there: Mask, rows: Integers, said: Rows) -> Mask:
        """Which labels join their rows, and are the first to do so."""
        delays = batch.times[there] - said.times
        first: Mask = (
            (said.states == UNLABELLED)
            & (delays >= -self._rules.tolerance)
            & (delays <= self._rules.lateness)
            & (said.customers == batch.customers[there])
            & (self._kept.table.epochs(rows) == batch.epochs[there])
        )
        return first

    def _put(
        self,
        batch: _Batch,
        rows: Integers,
        there: Mask,
        simple: Mask,
        said: Rows,
        origin: TopicProgress,
        effects: Effects,
    ) -> None:
        """Join labels to the rows of one role."""
        kept = self._kept
        places = np.flatnonzero(there & simple)
        if not len(places):
            return
        said = said.where(simple[there])
        delays = batch.times[places] - said.times
        values = batch.values[places]
        slots = kept.panes.slots(said.times, said.codes, kept.codes)
        decisions = kept.codes.decisions(said.codes)
        kept.panes.sums.add_labels(slots, said.probabilities, decisions, said.segments, values, delays)
        states = np.where(values == 1, POSITIVE, NEGATIVE).astype(np.uint8)
        kept.changes.extend(kept.table.put_labels(rows[places], states, delays, origin))
        chosen = places.tolist()
        effects.outcomes += outcomes_of(
            Decided(
                [batch.record_ids[place] for place in chosen],
                [batch.contents[place].customer_id for place in chosen],
                [batch.messages[place].key or b"" for place in chosen],
                said.times,
                batch.times[places],
                values,
                1,
                said.probabilities,
                said.codes,
            ),
            kept.codes,
        )


def _alone(hashes: Unsigned) -> Mask:
    """Which elements stand there once."""
    values, counts = np.unique(hashes, return_counts=True)
    if len(values) == len(hashes):
        return np.ones(len(hashes), np.bool_)
    return ~np.isin(hashes, values[counts > 1])
