"""Compares all that the join has published with the truth."""

from collections import Counter

from contract.messages import ModelRef
from contract.panes import Summary
from tests.support import one_by_one
from tests.support.join.log import PartitionLog
from tests.support.join.oracle import SampledPane, Truth, group_by, samples, summaries, truth


def check(partitions: list[PartitionLog], horizon: int | None = None) -> None:
    """Compare everything that was published with the truth; ``horizon`` as in ``summaries``."""
    truths = [truth(partition) for partition in partitions]
    for partition, true in zip(partitions, truths, strict=True):
        _check_outcomes(partition, true, horizon)
        _check_dead_letters(partition, true)
        _check_samples(partition, true)
    rows = [row for true in truths for row in true.rows]
    assert merged(partitions) == summaries(rows, horizon)
    if horizon is not None:
        return
    counts = {
        key: (summary.records, summary.labelled, summary.tn, summary.fp, summary.fn, summary.tp)
        for key, summary in merged(partitions).items()
    }
    assert counts == group_by(rows)


def merged(partitions: list[PartitionLog]) -> dict[tuple[int, ModelRef], Summary]:
    """The newest pane of each key, merged over the partitions."""
    found: dict[tuple[int, ModelRef], list[Summary]] = {}
    for partition in partitions:
        for pane in partition.panes.values():
            found.setdefault((pane.start, pane.model), []).append(pane.summary)
    return {key: one_by_one.merge(parts, 0) for key, parts in found.items()}


def _check_samples(partition: PartitionLog, true: Truth) -> None:
    """Each pane's sample has its customers of smallest hash, with the features of their newest records."""
    expected = samples(true.rows)
    found = {
        (sample.start, sample.model): SampledPane(*(getattr(sample, name) for name in SampledPane._fields))
        for sample in partition.samples.values()
    }
    assert found == expected
    records = {(pane.start, pane.model): pane.summary.records for pane in partition.panes.values()}
    for sample in partition.samples.values():
        assert len(sample.hashes) <= sample.records <= records[sample.start, sample.model]


def _check_outcomes(partition: PartitionLog, true: Truth, horizon: int | None) -> None:
    published = Counter((o.record_id, o.model.role, o.revision) for o in partition.outcomes)
    assert not [key for key, count in published.items() if count > 1], "an outcome was published twice"
    inferred = [outcome for outcome in partition.outcomes if outcome.inferred]
    assert all((o.revision, o.label, o.label_time) == (0, 0, o.event_time + (horizon or 0)) for o in inferred)
    silent = {(r.prediction.record_id, r.prediction.model.role) for r in true.rows if not r.revisions}
    assert horizon is None or silent <= {(o.record_id, o.model.role) for o in inferred}
    assert horizon is not None or not inferred
    told = [outcome for outcome in partition.outcomes if not outcome.inferred]
    said = {(o.record_id, o.model.role, o.revision): (o.label, o.label_time) for o in told}
    possible = {
        (row.prediction.record_id, row.prediction.model.role, number): tuple(revision)
        for row in true.rows
        for number, revision in enumerate(row.revisions, start=1)
    }
    latest = {
        (row.prediction.record_id, row.prediction.model.role, len(row.revisions)) for row in true.rows if row.revisions
    }
    # of two labels that were read together only the second leads to an outcome
    assert said.items() <= possible.items()
    assert latest <= said.keys()


def _check_dead_letters(partition: PartitionLog, true: Truth) -> None:
    found = [(letter.topic, letter.offset, letter.rejection.reason) for letter in partition.dead_letters]
    assert sorted(found) == sorted(true.dead_letters)
    sent = {"predictions": partition.predictions.messages, "labels": partition.labels.messages}
    originals = {(topic, m.offset): (m.key, m.value) for topic, messages in sent.items() for m in messages}
    for letter in partition.dead_letters:
        assert (letter.key, letter.value) == originals[letter.topic, letter.offset]
