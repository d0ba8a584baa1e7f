"""What the join must come to, from whole logs: no state, no order of reading, no code of the join's rules."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec
import pandas as pd

from contract.messages import Label, ModelRef, Prediction
from contract.panes import Summary
from contract.rejection import Reason, RejectionError
from monitor import panes
from monitor.join.incoming import EndOfStream, Incoming
from monitor.join.rules import LATEST_STEP
from tests.support import one_by_one
from tests.support.join.log import RULES, SAMPLE_SIZE, SCHEMA, PartitionLog, Topic

LATENESS = RULES.lateness


class Accepted(NamedTuple):
    """A message that came in time, how often the stream had ended before it, and the largest time before it."""

    offset: int
    epoch: int
    latest: int
    content: Prediction | Label


class Revision(NamedTuple):
    label: int
    label_time: int


@dataclass
class Row:
    """A prediction and the values that its labels have given it, one after the other."""

    prediction: Prediction
    revisions: list[Revision] = field(default_factory=list)


@dataclass
class Truth:
    """Of one partition or of several: rows, dead letters as (topic, offset, reason), and what is counted."""

    rows: list[Row] = field(default_factory=list)
    dead_letters: list[tuple[str, int, Reason]] = field(default_factory=list)
    duplicate_predictions: int = 0
    repeated_labels: int = 0
    contradicting_labels: int = 0


def truth(partition: PartitionLog) -> Truth:
    """The truth of a partition whose stream has ended."""
    found = Truth()
    in_time, late = _accept(partition.predictions)
    late = [message for message in late if not _is_challengers(message)]
    found.dead_letters += [("predictions", m.offset, _reason(m, Reason.RECORD_TOO_LATE)) for m in late]
    labels, late = _accept(partition.labels)
    found.dead_letters += [("labels", m.offset, _reason(m, Reason.LABEL_TOO_LATE)) for m in late]
    predictions: dict[tuple[str, str], Accepted] = {}
    for accepted in in_time:
        assert isinstance(accepted.content, Prediction)
        key = accepted.content.record_id, accepted.content.model.role
        found.duplicate_predictions += key in predictions
        predictions.setdefault(key, accepted)
    rows = {key: Row(accepted.content) for key, accepted in predictions.items()}  # type: ignore[arg-type]
    counted: dict[str, int] = {}
    for label in labels:
        assert isinstance(label.content, Label)
        delays = {
            key: label.content.event_time - prediction.content.event_time
            for key, prediction in predictions.items()
            if key[0] == label.content.record_id
            and prediction.content.customer_id == label.content.customer_id
            and prediction.epoch <= label.epoch
        }
        joined = [rows[key] for key, delay in delays.items() if 0 <= delay <= LATENESS]
        for row in joined:
            if not row.revisions or row.revisions[-1].label != label.content.label:
                row.revisions.append(Revision(label.content.label, label.content.event_time))
        if joined:
            before = counted.get(label.content.record_id)
            found.repeated_labels += before == label.content.label
            found.contradicting_labels += before == 1 - label.content.label
            counted[label.content.record_id] = label.content.label
        else:
            too_late = any(LATENESS < delay <= 2 * LATENESS for delay in delays.values())
            before = any(
                delay < 0
                and label.content.event_time
                >= predictions[key].latest // LATEST_STEP * LATEST_STEP - RULES.out_of_orderness - LATENESS
                for key, delay in delays.items()
            )
            reason = Reason.LABEL_BEFORE_RECORD if before else Reason.LABEL_WITHOUT_RECORD
            found.dead_letters.append(("labels", label.offset, Reason.LABEL_TOO_LATE if too_late else reason))
    found.rows = list(rows.values())
    return found


def summaries(rows: Iterable[Row], horizon: int | None = None) -> dict[tuple[int, ModelRef], Summary]:
    """The merged summary of each pane, by start and model, added up from nothing.

    ``horizon``: after so many ms silence counts as 0; None where it never does.
    """
    found: dict[tuple[int, ModelRef], Summary] = {}
    for row in rows:
        made = row.prediction
        summary = found.setdefault((_start(made), made.model), one_by_one.empty())
        features = msgspec.structs.astuple(made.features)
        one_by_one.add_prediction(summary, SCHEMA, made.probability, made.predicted, features)
        segments = one_by_one.segments_of(SCHEMA, features)
        for label, label_time in row.revisions[-1:]:
            delay = label_time - made.event_time
            one_by_one.add_label(summary, made.probability, made.predicted, label, delay, segments=segments)
        if horizon is not None and not row.revisions:
            one_by_one.add_label(
                summary, made.probability, made.predicted, 0, horizon, inferred=True, segments=segments
            )
    return {key: one_by_one.merge([summary], 0) for key, summary in found.items()}


class SampledPane(NamedTuple):
    """What a pane's sample says, under the names of ``PaneSample``."""

    hashes: list[int]
    rows: list[int]
    times: list[int]
    probabilities: list[float]
    columns: list[list[float | str | None]]


def samples(rows: Iterable[Row]) -> dict[tuple[int, ModelRef], SampledPane]:
    """The sample of each pane of one partition, by start and model."""
    groups: dict[tuple[int, ModelRef], list[Prediction]] = {}
    for row in rows:
        groups.setdefault((_start(row.prediction), row.prediction.model), []).append(row.prediction)
    found = {}
    for key, members in groups.items():
        customers: dict[int, list[Prediction]] = {}
        for made in members:
            customers.setdefault(panes.record_hash(made.customer_id), []).append(made)
        hashes = sorted(customers)[:SAMPLE_SIZE]
        newest = [max(customers[one], key=_newness) for one in hashes]
        columns = zip(*(msgspec.structs.astuple(made.features) for made in newest), strict=True)
        found[key] = SampledPane(
            hashes,
            [len(customers[one]) for one in hashes],
            [made.event_time - key[0] for made in newest],
            [made.probability for made in newest],
            [list(column) for column in columns],
        )
    return found


def _newness(made: Prediction) -> tuple[int, float, bytes]:
    country, age = msgspec.structs.astuple(made.features)
    return made.event_time, made.probability, msgspec.json.encode([None if age is None else float(age), country])


def group_by(rows: Iterable[Row]) -> dict[tuple[int, ModelRef], tuple[int, ...]]:
    """Records, labelled, tn, fp, fn, tp of each pane, by start and model: one pandas group-by."""
    frame = pd.DataFrame(
        [
            (
                _start(row.prediction),
                row.prediction.model,
                row.prediction.predicted,
                row.revisions[-1].label if row.revisions else None,
            )
            for row in rows
        ],
        columns=["start", "model", "predicted", "label"],
    )
    if frame.empty:
        return {}
    frame = frame.assign(
        records=1,
        labelled=frame.label.notna(),
        **{
            name: (frame.predicted == predicted) & (frame.label == actual)
            for name, (actual, predicted) in {"tn": (0, 0), "fp": (0, 1), "fn": (1, 0), "tp": (1, 1)}.items()
        },
    )
    counts = frame.groupby(["start", "model"])[["records", "labelled", "tn", "fp", "fn", "tp"]].sum()
    return {key: tuple(int(count) for count in row) for key, row in zip(counts.index, counts.to_numpy(), strict=True)}


def _accept(topic: Topic) -> tuple[list[Accepted], list[Incoming]]:
    """Messages that came in time, and those that did not or could not be read."""
    accepted: list[Accepted] = []
    refused: list[Incoming] = []
    times: list[int] = []
    epoch = 0
    for message in topic.messages:
        content = message.content
        if isinstance(content, EndOfStream):
            epoch += 1
            continue
        if isinstance(content, RejectionError):
            refused.append(message)
            continue
        if content.event_time >= max(times, default=0) - RULES.out_of_orderness - LATENESS:
            accepted.append(Accepted(message.offset, epoch, max(times, default=0), content))
        else:
            refused.append(message)
        if not _is_challengers(message):
            times.append(content.event_time)
    return accepted, refused


def _is_challengers(message: Incoming) -> bool:
    return isinstance(message.content, Prediction) and message.content.model.role == "challenger"


def _reason(message: Incoming, late: Reason) -> Reason:
    return message.content.reason if isinstance(message.content, RejectionError) else late


def _start(prediction: Prediction) -> int:
    return prediction.event_time - prediction.event_time % RULES.slide
