"""One partition's join: each rule by an example, and what was once got wrong."""

import json
from pathlib import Path

import msgspec
import pytest

from contract.messages import Outcome
from contract.rejection import Reason
from monitor.join.incoming import Incoming
from monitor.join.pane_limits import PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.store import JoinStore
from tests.support.join.check import check
from tests.support.join.log import CHALLENGER, HOUR, RULES, SAMPLE_SIZE, SCHEMA, LoggedWorker, PartitionLog, label
from tests.support.join.log import prediction as predicted
from tests.support.messages import START

# RULES: panes of 4 h, out-of-orderness 2 h, lateness 10 h


@pytest.fixture
def partition() -> PartitionLog:
    return PartitionLog()


@pytest.fixture
def worker(partition: PartitionLog, tmp_path: Path) -> LoggedWorker:
    return LoggedWorker(partition, tmp_path / "a")


def outcomes(partition: PartitionLog) -> list[tuple[str, str, int, int]]:
    """Record, role, label and revision of each outcome, in order."""
    return [(o.record_id, o.model.role, o.label, o.revision) for o in partition.outcomes]


def reasons(partition: PartitionLog) -> list[tuple[str, int, Reason]]:
    return [(letter.topic, letter.offset, letter.rejection.reason) for letter in partition.dead_letters]


def test_an_outcome_is_the_prediction_with_its_label(partition: PartitionLog, worker: LoggedWorker) -> None:
    made = predicted(1, 3)
    partition.predictions.append(made)
    partition.labels.append(label(1, 5, 1))
    worker.drain()
    assert partition.outcomes == [
        Outcome(
            record_id="r1",
            customer_id="c1",
            event_time=START + 3 * HOUR,
            label_time=START + 5 * HOUR,
            label=1,
            revision=1,
            probability=made.probability,
            predicted=made.predicted,
            threshold=0.5,
            model=made.model,
        )
    ]
    (pane,) = partition.panes.values()
    assert (pane.start, pane.slide, pane.model, pane.threshold) == (START, 4 * HOUR, made.model, 0.5)
    assert (pane.summary.records, pane.summary.labelled, pane.summary.delay_hours) == (1, 1, {2: 1})


def test_a_label_that_is_read_before_its_prediction_waits_for_it(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.labels.append(label(1, 5))
    worker.drain()
    assert not partition.outcomes
    partition.predictions.append(predicted(1, 3))
    worker.drain()
    assert outcomes(partition) == [("r1", "champion", 1, 1)]


@pytest.mark.parametrize("labels_first", [False, True])
def test_a_label_that_comes_twice_counts_once(
    partition: PartitionLog, worker: LoggedWorker, labels_first: bool
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.labels.append(label(1, 5))
    partition.labels.append(label(1, 6))
    for step in ((0, 2), (1, 0)) if labels_first else ((1, 0), (0, 1), (0, 1)):
        worker.step(*step)
    assert [(o.label, o.label_time, o.revision) for o in partition.outcomes] == [(1, START + 5 * HOUR, 1)]
    assert worker.join.state.counters.repeated_labels == 1
    assert not partition.dead_letters
    (pane,) = partition.panes.values()
    assert pane.summary.labelled == 1


def test_a_contradicting_label_replaces_the_first_and_raises_the_revision(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.predictions.append(predicted(2, 3))
    for hours, value in ((4, 0), (5, 1), (6, 1), (7, 0)):
        partition.labels.append(label(2, hours, value))
        worker.step()
    assert outcomes(partition) == [("r2", "champion", 0, 1), ("r2", "champion", 1, 2), ("r2", "champion", 0, 3)]
    counters = worker.join.state.counters
    assert (counters.contradicting_labels, counters.repeated_labels) == (2, 1)
    (pane,) = partition.panes.values()
    summary = pane.summary
    assert (summary.labelled, summary.tn, summary.fp, summary.fn, summary.tp) == (1, 0, 1, 0, 0)
    assert summary.delay_hours == {4: 1}


def test_labels_that_contradict_each_other_before_the_prediction_lead_to_one_outcome(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.labels.append(label(1, 4, 0))
    partition.labels.append(label(1, 5, 1))
    worker.drain()
    partition.predictions.append(predicted(1, 3))
    worker.drain()
    assert outcomes(partition) == [("r1", "champion", 1, 2)]


@pytest.mark.parametrize(
    ("delay", "joined"), [(-0.001, False), (0, True), (10, True), (10.001, False)], ids=["before", "0", "10 h", "after"]
)
@pytest.mark.parametrize("labels_first", [False, True])
def test_a_label_joins_from_the_event_to_the_lateness_after_it(
    partition: PartitionLog, worker: LoggedWorker, delay: float, joined: bool, labels_first: bool
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.labels.append(label(1, 3 + delay))
    worker.step(0, 1) if labels_first else worker.step(1, 0)
    worker.drain()
    assert bool(partition.outcomes) is joined
    partition.end()
    worker.drain()
    assert len(partition.dead_letters) == (not joined)


@pytest.mark.parametrize("labels_first", [False, True])
@pytest.mark.parametrize(
    ("delay", "reason"),
    [
        (10.1, Reason.LABEL_TOO_LATE),
        (20, Reason.LABEL_TOO_LATE),
        # its record may have been forgotten
        (20.1, Reason.LABEL_WITHOUT_RECORD),
        (-1, Reason.LABEL_BEFORE_RECORD),
    ],
)
def test_a_label_too_late_for_its_record_is_a_dead_letter_whatever_comes_first(
    partition: PartitionLog, worker: LoggedWorker, delay: float, reason: Reason, labels_first: bool
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.labels.append(label(1, 3 + delay))
    worker.step(0, 1) if labels_first else worker.step(1, 0)
    worker.drain()
    partition.end()
    worker.drain()
    assert reasons(partition) == [("labels", 0, reason)]


def test_a_label_without_record_is_given_up_when_its_time_is_up(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.labels.append(label(1, 3))
    partition.predictions.append(predicted(8, 15))  # the watermark is at 13 h, 10 h after the label
    worker.drain()
    assert not partition.dead_letters
    partition.predictions.append(predicted(9, 15.01))
    worker.drain()
    assert reasons(partition) == [("labels", 0, Reason.LABEL_WITHOUT_RECORD)]


def test_a_label_without_record_is_given_up_when_the_stream_ends(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.labels.append(label(1, 3))
    partition.labels.end()
    worker.drain()
    assert not partition.dead_letters
    partition.predictions.end()
    worker.drain()
    assert reasons(partition) == [("labels", 0, Reason.LABEL_WITHOUT_RECORD)]


def test_a_label_from_before_the_end_does_not_join_a_prediction_from_after_it(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.labels.append(label(1, 3))
    partition.end()
    partition.predictions.append(predicted(1, 3))
    partition.labels.append(label(1, 4))
    worker.drain()
    assert [o.label_time for o in partition.outcomes] == [START + 4 * HOUR]
    assert reasons(partition) == [("labels", 0, Reason.LABEL_WITHOUT_RECORD)]


def test_a_label_from_after_the_end_joins_a_prediction_from_before_it(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.end()
    partition.labels.append(label(1, 4))
    worker.drain()
    assert outcomes(partition) == [("r1", "champion", 1, 1)]


def test_a_label_of_another_customer_does_not_join(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.labels.append(label(1, 4, customer="stranger"))
    partition.end()
    worker.drain()
    assert not partition.outcomes
    assert reasons(partition) == [("labels", 0, Reason.LABEL_WITHOUT_RECORD)]


def test_a_label_far_behind_its_topic_is_refused(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.predictions.append(predicted(2, 15))
    partition.labels.append(label(2, 17))  # watermark 15 h
    partition.labels.append(label(1, 5))
    partition.labels.append(label(1, 4.999))
    worker.drain()
    assert outcomes(partition) == [("r2", "champion", 1, 1), ("r1", "champion", 1, 1)]
    assert reasons(partition) == [("labels", 3, Reason.LABEL_TOO_LATE)]


def test_a_record_far_behind_its_topic_is_refused_and_in_no_pane(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(predicted(2, 17))
    partition.predictions.append(predicted(1, 5))
    late = partition.predictions.append(predicted(3, 4.999))
    worker.drain()
    assert reasons(partition) == [("predictions", late.offset, Reason.RECORD_TOO_LATE)]
    assert sum(pane.summary.records for pane in partition.panes.values()) == 2


def test_a_challenger_moves_no_watermark_and_makes_no_dead_letter(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.predictions.append(predicted(2, 5))
    partition.predictions.append(predicted(2, 17, model=CHALLENGER))
    partition.predictions.append(predicted(1, 4))
    partition.predictions.append(predicted(3, 17))
    late = partition.predictions.append(predicted(4, 4))
    partition.predictions.append(predicted(4, 4, model=CHALLENGER))
    worker.drain()
    assert reasons(partition) == [("predictions", late.offset, Reason.RECORD_TOO_LATE)]
    counts = dict.fromkeys(("champion", "challenger"), 0)
    for pane in partition.panes.values():
        counts[pane.model.role] += pane.summary.records
    assert counts == {"champion": 3, "challenger": 1}


def test_a_second_prediction_of_a_record_and_role_is_counted_and_dropped(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.predictions.append(predicted(1, 3))
    worker.drain()
    partition.predictions.append(predicted(1, 3))
    worker.drain()
    assert worker.join.state.counters.duplicate_predictions == 2
    assert [pane.summary.records for pane in partition.panes.values()] == [1]
    assert not partition.dead_letters


def test_champion_and_challenger_each_have_outcomes_and_panes(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.predictions.append(predicted(1, 3, model=CHALLENGER))
    partition.labels.append(label(1, 5))
    partition.labels.append(label(1, 6))
    worker.drain()
    assert sorted(outcomes(partition)) == [("r1", "challenger", 1, 1), ("r1", "champion", 1, 1)]
    assert sorted(pane.model.role for pane in partition.panes.values()) == ["challenger", "champion"]
    assert worker.join.state.counters.repeated_labels == 1


def test_a_label_too_late_for_champion_and_challenger_is_one_dead_letter(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.labels.append(label(1, 15))
    worker.drain()
    partition.predictions.append(predicted(1, 3))
    partition.predictions.append(predicted(1, 3, model=CHALLENGER))
    worker.drain()
    assert reasons(partition) == [("labels", 0, Reason.LABEL_TOO_LATE)]


def test_dead_letters_keep_the_original_bytes(partition: PartitionLog, worker: LoggedWorker, tmp_path: Path) -> None:
    spaced = json.dumps(msgspec.to_builtins(label(1, 3)), indent=3).encode()
    partition.labels.messages.append(Incoming(0, b"c1", spaced, label(1, 3)))
    partition.labels.messages.append(partition.predictions.append_bad()._replace(offset=1))
    partition.predictions.messages.clear()
    worker.drain()
    worker.close()
    worker = LoggedWorker(partition, tmp_path / "a")
    partition.end()
    worker.drain()
    assert [(letter.key, letter.value) for letter in partition.dead_letters] == [(b"c", b"{"), (b"c1", spaced)]
    assert worker.join.state.counters.dead_letters == 2
    assert partition.progress is not None
    assert partition.progress.dead_letters == 2


def kept_panes(worker: LoggedWorker) -> list[int]:
    """Starts of the panes that are kept, in hours after START."""
    return [(pane.start - START) // HOUR for pane, _, _ in worker.store.panes()]


def test_panes_are_forgotten_when_nothing_can_change_them(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.labels.append(label(1, 5))
    partition.predictions.append(predicted(2, 36))  # the watermark is at 34 h, 30 h after the pane's end
    partition.labels.append(label(2, 36))
    worker.drain()
    assert kept_panes(worker) == [0, 36]
    partition.predictions.append(predicted(3, 36.001))
    worker.drain()
    assert kept_panes(worker) == [0, 36], "labels may still come"
    partition.labels.append(label(3, 36.001))
    worker.drain()
    assert kept_panes(worker) == [36]
    assert len(partition.panes) == 2
    # its record is unknown from now on
    partition.labels.append(label(1, 36.001, 0))
    partition.end()
    worker.drain()
    assert outcomes(partition) == [("r1", "champion", 1, 1), ("r2", "champion", 1, 1), ("r3", "champion", 1, 1)]


def test_panes_are_forgotten_by_the_predictions_alone_where_no_labels_come(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.predictions.append(predicted(2, 36.001))
    worker.drain()
    assert kept_panes(worker) == [0, 36]
    worker.step(labels_idle=True)
    assert kept_panes(worker) == [36]


def test_only_changed_panes_are_published(partition: PartitionLog, worker: LoggedWorker) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.predictions.append(predicted(2, 7))
    worker.drain()
    assert not worker.join.dirty
    partition.labels.append(label(1, 7))
    worker.step(flush=False)
    (publication,) = worker.join.publications(worker.join.progress(idle=False))
    assert (publication.pane.start, publication.kind) == (START, "sums")


def test_a_sample_is_published_when_its_pane_has_closed_and_when_it_changed_after_that(
    partition: PartitionLog, worker: LoggedWorker
) -> None:
    partition.predictions.append(predicted(1, 3))
    partition.predictions.append(predicted(2, 5.9))
    worker.drain()
    assert len(partition.panes) == 2
    assert not partition.samples
    partition.predictions.append(predicted(3, 6))  # the watermark is at the pane's end
    worker.drain()
    (sample,) = partition.samples.values()
    assert (sample.start, sample.records, sample.columns[0]) == (START, 1, ["DE"])
    partition.samples.clear()
    partition.labels.append(label(1, 5))
    worker.drain()
    assert not partition.samples, "a label changes no sample"
    partition.predictions.append(predicted(4, 2))
    worker.drain()
    (sample,) = partition.samples.values()
    assert (sample.start, sample.records, len(sample.hashes)) == (START, 2, 2)


def test_a_record_far_ahead_is_joined_and_counted_and_holds_nobody_up(tmp_path: Path) -> None:
    partition = PartitionLog()
    rules = msgspec.structs.replace(RULES, confirmations=6)
    worker = LoggedWorker(partition, tmp_path, rules=rules)
    for number in range(200):
        ahead = number == 50
        partition.predictions.append(predicted(number, 5_000 if ahead else number / 20))
        partition.labels.append(label(number, 5_001 if ahead else number / 20 + 1))
    partition.end()
    worker.drain()
    assert len(partition.outcomes) == 200
    assert not partition.dead_letters
    assert worker.join.progress(idle=False).ahead == 1


def test_progress_tells_watermarks_and_the_end(partition: PartitionLog, worker: LoggedWorker) -> None:
    assert worker.join.progress(idle=True).watermark is None
    partition.predictions.append(predicted(1, 5))
    partition.predictions.append(predicted(2, 3))
    partition.labels.append(label(1, 9))
    partition.labels.end()
    worker.drain()
    progress = worker.join.progress(idle=True)
    assert (progress.watermark, progress.label_watermark) == (START + 3 * HOUR, START + 7 * HOUR)
    assert (progress.ended, progress.idle) == (False, True)
    partition.predictions.end()
    worker.drain()
    assert worker.join.progress(idle=False).ended
    partition.labels.append(label(2, 9))
    worker.drain()
    assert not worker.join.progress(idle=False).ended


def test_rollback_takes_back_what_was_absorbed(partition: PartitionLog, tmp_path: Path) -> None:
    join = PartitionJoin(
        0, JoinStore(tmp_path / "0.sqlite", "test"), RULES, SCHEMA, PaneLimits.of(SCHEMA, SAMPLE_SIZE, RULES.lateness)
    )
    batch = [partition.predictions.append(predicted(1, 3))], [partition.labels.append(label(1, 5))]
    first = join.absorb(*batch)
    join.rollback()
    assert join.state.predictions.offset == join.state.labels.offset == 0
    assert not join.dirty
    assert join.absorb(*batch) == first
    assert join.dirty == 1


@pytest.mark.parametrize("hours", range(4, 48, 4))
def test_a_waiting_label_outlives_the_pane_of_a_record_that_it_does_not_join(
    partition: PartitionLog, worker: LoggedWorker, hours: int
) -> None:
    partition.predictions.append(predicted(1, 1))
    partition.predictions.append(predicted(2, hours))
    partition.labels.append(label(1, hours, customer="stranger"))
    worker.drain()
    partition.end()
    worker.drain()
    check([partition])


@pytest.mark.parametrize("labels_first", [False, True])
def test_counters_do_not_depend_on_which_topic_is_read_first(
    partition: PartitionLog, worker: LoggedWorker, labels_first: bool
) -> None:
    partition.predictions.append(predicted(1, 1))
    partition.predictions.append(predicted(2, 16))
    # too late, without record, and of another customer: none of them repeats or contradicts a label
    for number, time, customer in ((1, 12, None), (7, 3, None), (2, 20, "stranger")):
        partition.labels.append(label(number, time, 0, customer=customer))
        partition.labels.append(label(number, time, 0, customer=customer))
        partition.labels.append(label(number, time, 1, customer=customer))
    partition.labels.append(label(2, 20))
    for _ in range(10):
        worker.step(0, 1) if labels_first else worker.step(1, 0)
    for _ in range(10):
        worker.step(1, 1)
    partition.end()
    worker.drain()
    counters = worker.join.state.counters
    assert (counters.repeated_labels, counters.contradicting_labels, counters.dead_letters) == (0, 0, 9)
    assert outcomes(partition) == [("r2", "champion", 1, 1)]


def test_any_record_id_that_json_can_say(partition: PartitionLog, worker: LoggedWorker) -> None:
    for number, record_id in enumerate(("a", "a\0", "a\0b", "ä", "'\"\\", "\U0001f600")):
        made = msgspec.structs.replace(predicted(number, 3), record_id=record_id)
        partition.predictions.append(made)
        worker.step()
        partition.predictions.append(made)
        partition.labels.append(msgspec.structs.replace(label(number, 5), record_id=record_id))
        worker.step()
    partition.end()
    worker.drain()
    assert worker.join.state.counters.duplicate_predictions == 6
    check([partition])
