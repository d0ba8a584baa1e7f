"""Messages that are nearly right, on both topics of the join: each becomes an outcome, kept state or a dead letter."""

from itertools import islice
from pathlib import Path

import msgspec
import psutil
import pytest

from contract.messages import Outcome
from contract.panes import Pane
from contract.rejection import Reason
from contract.schema import load_schema
from contract.topics import LABELS, PREDICTIONS
from monitor.join.incoming import EndOfStream, Incoming, IncomingReader
from monitor.join.pane_limits import MAX_PANE_BYTES, MAX_SAMPLE_BYTES, PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.rules import JoinRules
from monitor.join.store import JoinStore
from tests.support.fuzz.mutations import fuzzed_labels, fuzzed_predictions
from tests.support.kafka.sent import sent
from tests.support.messages import DAY
from tests.support.service.bad_input import NOW
from tests.support.sizes import size

SCHEMA = load_schema("bank_churn")
MESSAGES = size(ci=10_000, full=1_000_000)
BATCH = 1_000
MOST_GROWTH = 200_000_000
"""Bytes of memory, once a tenth of the messages has gone; the test itself remembers each dead letter."""
RULES = JoinRules(slide=DAY, out_of_orderness=3_600_000, lateness=60 * DAY)


@pytest.mark.timeout(1_800)
def test_each_message_is_an_outcome_state_or_a_dead_letter_with_its_reason(tmp_path: Path) -> None:
    reader = IncomingReader(SCHEMA)
    join = PartitionJoin(
        0, JoinStore(tmp_path / "0.sqlite", "test"), RULES, SCHEMA, PaneLimits.of(SCHEMA, 1_000, RULES.lateness)
    )
    streams = fuzzed_predictions(1, valid=0.3), fuzzed_labels(2, valid=0.3)
    reasons: dict[str, dict[int, Reason]] = {PREDICTIONS: {}, LABELS: {}}
    ends = {PREDICTIONS: 0, LABELS: 0}
    outcomes = 0
    revisions: set[tuple[str, int]] = set()
    process, before = psutil.Process(), 0
    for first in range(0, MESSAGES // 2, BATCH):
        read: list[list[Incoming]] = []
        for topic, stream, take in zip(reasons, streams, (reader.prediction, reader.label), strict=True):
            messages = [
                sent(message.key, message.value, offset=first + at, headers=message.headers, time=NOW)
                for at, message in enumerate(islice(stream, BATCH))
            ]
            read.append([take(message) for message in messages])
            ends[topic] += sum(isinstance(message.content, EndOfStream) for message in read[-1])
        effects = join.absorb(*read)
        join.commit()
        outcomes += len(effects.outcomes)
        # two messages that were spoiled to the same id meet as well as others
        revisions.update(
            (outcome.record_id, outcome.revision)
            for outcome in (msgspec.json.decode(value, type=Outcome) for _, value in effects.outcomes)
        )
        for letter in effects.dead_letters:
            assert letter.offset not in reasons[letter.topic], "one message became two dead letters"
            reasons[letter.topic][letter.offset] = letter.rejection.reason
        before = before or (process.memory_info().rss if first >= MESSAGES // 20 else 0)
    assert process.memory_info().rss - before < MOST_GROWTH
    published = list(join.publications(join.progress(idle=True)))
    assert max(len(one.value) for one in published) <= MAX_PANE_BYTES
    assert max(len(one.value) for one in published if one.kind == "sample") <= MAX_SAMPLE_BYTES
    sums = [msgspec.json.decode(one.value, type=Pane) for one in published if one.kind == "sums"]
    counted = sum(pane.summary.records for pane in sums)
    duplicates = join.state.counters.duplicate_predictions
    assert counted + duplicates + len(reasons[PREDICTIONS]) + ends[PREDICTIONS] == MESSAGES // 2
    assert outcomes
    assert counted
    assert {Reason.NOT_JSON, Reason.WRONG_TYPE, Reason.KEY_MISMATCH} <= set(reasons[PREDICTIONS].values())
    assert {Reason.NOT_JSON, Reason.INVALID_LABEL, Reason.KEY_MISMATCH} <= set(reasons[LABELS].values())
    # labels that are neither dead letters nor waiting have joined
    counters = join.state.counters
    assert len(revisions) == outcomes, "a revision was published twice"
    joined = MESSAGES // 2 - len(join.kept.waiting) - len(reasons[LABELS]) - ends[LABELS]
    labelled = sum(pane.summary.labelled for pane in sums)
    assert joined == labelled + counters.repeated_labels + counters.contradicting_labels
    join.close()
