"""The join without Kafka: topics in memory, and a worker of one partition that publishes as the real one does."""

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from contract.messages import Label, ModelRef, Outcome, Prediction, RecordPosition, encode
from contract.panes import JoinProgress, Pane, PaneMessage, PaneSample
from contract.records import features_type
from contract.rejection import Reason, RejectionError
from contract.schema import Schema, parse_schema
from monitor.join.catch_up import CatchUp
from monitor.join.effects import DeadLetter, Effects
from monitor.join.incoming import EndOfStream, Incoming
from monitor.join.open_panes import Publication
from monitor.join.pane_limits import PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.rules import JoinRules, TopicProgress
from monitor.join.store import DamagedStoreError, JoinStore
from tests.support.messages import START

HOUR = 3_600_000
RULES = JoinRules(slide=4 * HOUR, out_of_orderness=2 * HOUR, lateness=10 * HOUR, confirmations=1)
SAMPLE_SIZE = 3
CHAMPION = ModelRef("churn", 1)
CHALLENGER = ModelRef("churn", 2, "challenger")
SCHEMA = parse_schema(
    {
        "name": "small",
        "id": "Id",
        "on_violation": "score",
        "label": {"column": "y"},
        "segments": {"Country": {}, "Age": {"bands": [30, 60]}},
        "features": {
            "Country": {"kind": "categorical", "categories": ["FR", "DE"]},
            "Age": {"kind": "numeric", "min": 18, "max": 100, "missing": True},
        },
    }
)
_Features = features_type(SCHEMA)


def prediction(number: int, hours: float, *, model: ModelRef = CHAMPION, customer: str | None = None) -> Prediction:
    """The prediction of record ``number``, whose event time is ``hours`` after START; its values differ by number."""
    probability = (number * 37 % 101) / 100
    return Prediction(
        record_id=f"r{number}",
        customer_id=customer or f"c{number}",
        event_time=START + round(hours * HOUR),
        features=_Features(Country=("FR", "DE", "IT")[number % 3], Age=None if number % 5 == 0 else 15 + number % 90),
        probability=probability,
        predicted=int(probability >= 0.5),
        threshold=0.5,
        model=model,
        source=RecordPosition(0, number),
    )


def label(number: int, hours: float, value: int = 1, *, customer: str | None = None) -> Label:
    """A label of record ``number``, known ``hours`` after START."""
    return Label(f"r{number}", customer or f"c{number}", START + round(hours * HOUR), value)


@dataclass
class Topic:
    """One partition of one topic. Every third offset is taken by the mark of a transaction, which nobody reads."""

    messages: list[Incoming] = field(default_factory=list)

    def append(self, content: Prediction | Label) -> Incoming:
        return self._append(content.customer_id.encode(), encode(content), content)

    def append_bad(self) -> Incoming:
        return self._append(b"c", b"{", RejectionError(Reason.NOT_JSON, "", "cut off"))

    def end(self) -> Incoming:
        return self._append(None, b"", EndOfStream())

    def after(self, offset: int, most: int) -> list[Incoming]:
        """At most ``most`` messages from ``offset`` on."""
        return list(islice((message for message in self.messages if message.offset >= offset), most))

    def _append(
        self, key: bytes | None, value: bytes, content: Prediction | Label | EndOfStream | RejectionError
    ) -> Incoming:
        count = len(self.messages)
        message = Incoming(count + count // 2, key, value, content)
        self.messages.append(message)
        return message


@dataclass(frozen=True)
class Committed:
    """A group's committed offset in one topic's partition, with its metadata."""

    offset: int = 0
    metadata: bytes = b""

    def origin(self) -> TopicProgress:
        return msgspec.json.decode(self.metadata, type=TopicProgress) if self.metadata else TopicProgress()


@dataclass
class PartitionLog:
    """One partition at the broker: both topics, the join group's offsets, and what it has published."""

    number: int = 0
    predictions: Topic = field(default_factory=Topic)
    labels: Topic = field(default_factory=Topic)
    committed: tuple[Committed, Committed] = (Committed(), Committed())
    outcomes: list[Outcome] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    panes: dict[str, Pane] = field(default_factory=dict)
    samples: dict[str, PaneSample] = field(default_factory=dict)
    progress: JoinProgress | None = None

    def end(self) -> None:
        """End the stream, labels first."""
        self.labels.end()
        self.predictions.end()

    def transact(
        self,
        effects: Effects,
        panes: list[Publication],
        progress: JoinProgress | None,
        offsets: tuple[Committed, Committed] | None,
    ) -> None:
        for key, value in effects.outcomes:
            outcome = msgspec.json.decode(value, type=Outcome)
            assert key == outcome.customer_id.encode()
            self.outcomes.append(outcome)
        self.dead_letters += effects.dead_letters
        for publication in panes:
            found = msgspec.json.decode(publication.value, type=PaneMessage)
            assert found.key == publication.key
            if isinstance(found, Pane):
                self.panes[found.key] = found
            elif isinstance(found, PaneSample):
                self.samples[found.key] = found
        self.progress = progress or self.progress
        self.committed = offsets or self.committed


class CrashedError(Exception):
    """The process died at the named step."""


class LoggedWorker:
    """A join worker with one partition, in the steps of ``JoinWorker``: absorb, publish, commit the store."""

    def __init__(
        self,
        partition: PartitionLog,
        folder: Path,
        *,
        schema: Schema = SCHEMA,
        limits: PaneLimits | None = None,
        rules: JoinRules = RULES,
    ) -> None:
        """Take the partition over with the store that ``folder`` has of it, if any."""
        self.partition = partition
        published = partition.committed[0].offset, partition.committed[1].offset
        store = JoinStore(folder / f"{partition.number}.sqlite", "test")
        self.store = store
        limits = limits or PaneLimits.of(schema, SAMPLE_SIZE, RULES.lateness)
        try:
            self.join = PartitionJoin(partition.number, store, rules, schema, limits)
        except DamagedStoreError:
            # as the opener does, so that it is out of the way
            store.close()
            raise
        state = self.join.state
        assert state.predictions.offset <= published[0], "the store is ahead of Kafka"
        assert state.labels.offset <= published[1], "the store is ahead of Kafka"
        if (state.predictions.offset, state.labels.offset) == (0, 0):
            self.join.begin_at(partition.committed[0].origin(), partition.committed[1].origin())
        absorbed = self.join.state.predictions.offset, self.join.state.labels.offset
        self._catch_up = CatchUp(absorbed, published)
        self._position = list(absorbed)

    @property
    def lag(self) -> int:
        """Messages not yet read."""
        topics = self.partition.predictions, self.partition.labels
        return sum(
            len(topic.after(position, len(topic.messages)))
            for topic, position in zip(topics, self._position, strict=True)
        )

    def step(
        self,
        predictions: int = 1_000,
        labels: int = 1_000,
        *,
        flush: bool = True,
        crash: str = "",
        labels_idle: bool = False,
    ) -> Effects:
        """Read that many messages and publish what they lead to; changed panes go out where ``flush``.

        Raises:
            CrashedError: at the step that ``crash`` names; ``close`` then leaves what a dead process leaves.
        """
        batch = self._read(0, self.partition.predictions, predictions), self._read(1, self.partition.labels, labels)
        split = self._catch_up.split(*batch)
        if split.silent_predictions or split.silent_labels:
            self.join.absorb(split.silent_predictions, split.silent_labels)
            self.join.commit()
        touched = bool(split.predictions or split.labels)
        effects = self.join.absorb(split.predictions, split.labels) if touched else Effects()
        if crash == "before-publish":
            raise CrashedError(crash)
        if self._catch_up.done and (flush or touched):
            self._publish(effects, touched, flush, crash, labels_idle)
        return effects

    def drain(self) -> None:
        """Read and publish everything that is there."""
        while self.lag:
            self.step()
        self.step(0, 0)

    def close(self) -> None:
        """What a revoke does, and what a crash leaves."""
        self.join.close()

    def _read(self, topic: int, source: Topic, most: int) -> list[Incoming]:
        messages = source.after(self._position[topic], most)
        if messages:
            self._position[topic] = messages[-1].offset + 1
        return messages

    def _publish(self, effects: Effects, touched: bool, flush: bool, crash: str, labels_idle: bool) -> None:
        progress = self.join.progress(idle=False, labels_idle=labels_idle) if flush else None
        panes = list(self.join.publications(progress)) if progress else []
        self.partition.transact(effects, panes, progress, self._committable() if touched else None)
        if crash == "before-store-commit":
            raise CrashedError(crash)
        if flush:
            self.join.published(((one.pane, one.kind) for one in panes), labels_idle)
        self.join.commit()

    def _committable(self) -> tuple[Committed, Committed]:
        state, origins = self.join.state, self.join.origins()
        return (
            Committed(state.predictions.offset, encode(origins[0])),
            Committed(state.labels.offset, encode(origins[1])),
        )
