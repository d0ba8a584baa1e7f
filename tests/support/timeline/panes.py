"""Records summed up into panes one by one, for tests that need panes without a join."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from contract.messages import ModelRef, encode
from contract.panes import JoinProgress, Pane, PaneMessage, PaneSample, SampleRow
from contract.schema import Schema, parse_schema
from contract.settings import Settings
from contract.topics import PANES
from monitor import panes
from tests.support import one_by_one
from tests.support.kafka.topics import send
from tests.support.messages import DAY, START

MODEL = ModelRef("churn", 3)


@dataclass(frozen=True)
class ScoredRecord:
    """A prediction on day ``day``, with its label if it has come."""

    name: str
    day: int
    probability: float
    label: int | None = None

    @property
    def predicted(self) -> int:
        return int(self.probability >= 0.5)


def numeric_schema(columns: int) -> Schema:
    """A schema of as many numeric features."""
    features = {f"amount_{i:02}": {"kind": "numeric"} for i in range(columns)}
    return parse_schema({"name": "wide", "id": "Id", "label": {"column": "y"}, "features": features})


def scored(day: int, count: int, first: int = 0, labelled: bool = True) -> list[ScoredRecord]:
    """As many records of one day, different ones for each ``first``."""
    return [
        ScoredRecord(f"{day}/{i}", day, (i * 37 % 100) / 100, int(i % 3 == 0) if labelled else None)
        for i in range(first, first + count)
    ]


def pane_of(records: Sequence[ScoredRecord], schema: Schema, *, partition: int = 0, model: ModelRef = MODEL) -> Pane:
    """The pane of records of one day, all of them in its sample."""
    summary = one_by_one.empty()
    rows = []
    for record in records:
        values = tuple(panes.record_hash(f"{record.name}/{i}") * 1e-21 for i in range(len(schema.names)))
        one_by_one.add_prediction(summary, schema, record.probability, record.predicted, values)
        if record.label is not None:
            one_by_one.add_label(summary, record.probability, record.predicted, record.label, DAY)
        number = panes.record_hash(record.name)
        rows.append(SampleRow(number, record.name, record.probability, record.predicted, record.label, values))
    summary.sample = sorted(rows, key=lambda row: row.hash)
    start = START + records[0].day * DAY
    return Pane(partition=partition, start=start, slide=DAY, model=model, threshold=0.5, summary=summary)


def apart(pane: Pane) -> tuple[Pane, PaneSample]:
    """A pane as a join of this release publishes it: its sums, and its sample as a message of its own."""
    rows = pane.summary.sample
    sample = PaneSample(
        partition=pane.partition,
        start=pane.start,
        slide=pane.slide,
        model=pane.model,
        records=pane.summary.records,
        hashes=[row.hash for row in rows],
        probabilities=[row.probability for row in rows],
        columns=[list(column) for column in zip(*(row.features for row in rows), strict=True)],
    )
    return msgspec.structs.replace(pane, summary=msgspec.structs.replace(pane.summary, sample=[])), sample


def progress(day: int, *, partition: int = 0, ended: bool = False) -> JoinProgress:
    """All predictions and labels before the day have come."""
    time = START + day * DAY
    return JoinProgress(partition=partition, watermark=time, label_watermark=time, ended=ended)


def publish(settings: Settings, messages: Iterable[PaneMessage]) -> None:
    """Put messages on ``panes`` and wait until the broker has them."""
    send(settings, PANES, [(message.key.encode(), encode(message)) for message in messages])
