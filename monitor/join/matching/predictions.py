"""A batch of predictions, as columns: refused, counted, kept as rows, added to their panes."""

from collections.abc import Sequence
from typing import cast

import msgspec
import numpy as np

from contract.arrays import Integers, Mask, Unsigned
from contract.messages import Prediction
from contract.topics import PREDICTIONS
from monitor.join.columns.chunk import NEGATIVE, POSITIVE, NewRows
from monitor.join.columns.features import FeatureColumns
from monitor.join.columns.hashing import ROLES, customer_hashes, record_hashes, row_keys, short_hashes
from monitor.join.columns.partitioning import partitions_of
from monitor.join.effects import DeadLetter, Effects, dead_letter
from monitor.join.incoming import Incoming
from monitor.join.kept import KeptRecords
from monitor.join.matching.settling import Settler
from monitor.join.matching.silence import Silence
from monitor.join.rules import NEVER, JoinRules, TopicProgress, ahead_by, late_record, too_late
from monitor.join.store import PartitionState
from monitor.join.trajectory import Trajectory, follow


class PredictionTaker:
    """Takes in the next predictions of a partition."""

    def __init__(
        self,
        partition: int,
        kept: KeptRecords,
        state: PartitionState,
        rules: JoinRules,
        settler: Settler,
        silence: Silence,
    ) -> None:
        self._partition = partition
        self._kept = kept
        self._state = state
        self._rules = rules
        self._settler = settler
        self._silence = silence

    def take(self, messages: Sequence[Incoming], effects: Effects) -> bool:
        """Returns whether it has become known that keys obey Kafka's own partitioner."""
        if not messages:
            return False
        progress, rules = self._state.predictions, self._rules
        origin = msgspec.structs.replace(progress)
        path = follow(progress, messages, rules)
        late = too_late(path.times, path.latest, rules.lateness, rules)
        self._refuse(path, late, effects)
        ahead = (path.latest != NEVER) & (path.times > path.latest + ahead_by(rules)) & ~path.challengers
        self._state.counters.ahead += int(np.count_nonzero(ahead))
        learnt = self._see_keys(path)
        wanted = ~late
        if progress.forgotten is not None:
            # of a pane that was forgotten a prediction comes only where the log is read again
            wanted &= path.times // rules.slide * rules.slide + rules.slide >= progress.forgotten
        self._keep(path, wanted, origin, effects)
        return learnt

    def _refuse(self, path: Trajectory, late: Mask, effects: Effects) -> None:
        letters: list[DeadLetter] = [dead_letter(PREDICTIONS, message, why) for message, why in path.refused]
        # the record has its dead letter from the champion's prediction
        told = np.flatnonzero(late & ~path.challengers)
        letters += [dead_letter(PREDICTIONS, path.readable[place], late_record()) for place in told]
        effects.dead_letters += sorted(letters, key=lambda letter: letter.offset)

    def _see_keys(self, path: Trajectory) -> bool:
        """Learn how predictions are spread."""
        progress = self._state.predictions
        if progress.foreign or self._rules.partitions == 1 or not path.readable:
            return False
        known = progress.keys_obey
        keys = [message.key or b"" for message in path.readable]
        belongs = partitions_of(keys, self._rules.partitions) == self._partition
        foreign = np.flatnonzero(~belongs)
        progress.see_keys(int(foreign[0]) if len(foreign) else len(keys), foreign=bool(len(foreign)))
        return progress.keys_obey and not known

    def _keep(self, path: Trajectory, wanted: Mask, origin: TopicProgress, effects: Effects) -> None:
        kept = self._kept
        messages = [path.readable[place] for place in np.flatnonzero(wanted).tolist()]
        if not messages:
            return
        contents = cast(list[Prediction], [message.content for message in messages])
        codes = kept.codes.of(contents)
        record_ids = [made.record_id for made in contents]
        hashes = record_hashes(record_ids)
        keys = hashes ^ kept.codes.role_bits(codes)
        new = _firsts(keys) & (kept.table.find(keys) < 0)
        self._state.counters.duplicate_predictions += len(contents) - int(np.count_nonzero(new))
        if not new.all():
            chosen = np.flatnonzero(new).tolist()
            messages = [messages[place] for place in chosen]
            contents = [contents[place] for place in chosen]
            record_ids = [record_ids[place] for place in chosen]
            codes, hashes, keys = codes[new], hashes[new], keys[new]
            if not messages:
                return
        times, latest, epochs = (column[wanted][new] for column in (path.times, path.latest, path.epochs))
        probabilities = np.array([made.probability for made in contents], np.float64)
        customers = customer_hashes([message.key or b"" for message in messages])
        columns = kept.panes.reader.columns([made.features for made in contents])
        segments = kept.panes.segments.of(columns)
        new_rows = NewRows(keys, short_hashes(customers), times, probabilities, codes, latest, epochs, segments)
        rows = kept.table.append(new_rows, origin)
        self._count(new_rows, customers, columns)
        self._silence.add(rows, times, record_ids, contents)
        self._match(rows, hashes, contents, effects)

    def _count(self, new: NewRows, customers: Unsigned, columns: FeatureColumns) -> None:
        panes, codes = self._kept.panes, self._kept.codes
        slots = panes.slots(new.times, new.codes, codes)
        panes.sums.add_predictions(slots, new.probabilities, codes.decisions(new.codes), new.segments, columns)
        panes.sample(slots, new.times, new.codes, codes, customers, new.probabilities, columns)

    def _match(self, rows: Integers, hashes: Unsigned, contents: list[Prediction], effects: Effects) -> None:
        """Labels that were there before their prediction."""
        kept = self._kept
        there = np.zeros(len(rows), np.bool_)
        if len(kept.waiting):
            waiting = kept.waiting
            there |= np.fromiter((record in waiting for record in hashes.tolist()), np.bool_, len(hashes))
        if len(kept.codes.roles) > 1:
            for role in ROLES:
                others = kept.table.find(row_keys(hashes, role))
                known = np.flatnonzero((others >= 0) & (others != rows))
                states = kept.table.rows(others[known])["state"]
                there[known] |= (states == NEGATIVE) | (states == POSITIVE)
        for place in np.flatnonzero(there).tolist():
            self._settler.new_row(int(rows[place]), int(hashes[place]), contents[place], effects)


def _firsts(keys: Unsigned) -> Mask:
    """Which elements are the first of their value."""
    _, places = np.unique(keys, return_index=True)
    if len(places) == len(keys):
        return np.ones(len(keys), np.bool_)
    found = np.zeros(len(keys), np.bool_)
    found[places] = True
    return found
