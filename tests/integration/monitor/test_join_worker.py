"""The join's worker on a real broker: what becomes of labels that cannot be used, of state, and of silence."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.panes import JoinProgress, Pane, PaneMessage, Summary
from contract.schema import Schema, load_schema
from contract.segments import SegmentTable, read_segments
from contract.settings import Settings
from contract.testing import ManualClock
from contract.topics import DEAD_LETTERS, LABELS, OUTCOMES, PANES, PREDICTIONS
from monitor.join.opening import GROUP
from monitor.join.worker import JoinWorker
from tests.support.kafka.topics import (
    committed,
    delete_topics,
    end_stream,
    group_lag,
    headers,
    remake_topics,
    send,
    stream_settings,
)
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.service.bad_input import NOW

SCHEMA = load_schema("bank_churn")


def prediction(i: int, **changed: Any) -> dict[str, Any]:
    return customer(i) | {
        "probability": 0.75 if i % 5 == 0 else 0.25,
        "predicted": int(i % 5 == 0),
        "threshold": 0.5,
        "model": {"name": "churn", "version": 1, "role": "champion"},
        "source": {"partition": 0, "offset": i},
        **changed,
    }


def newest(settings: Settings) -> dict[bytes, Pane | JoinProgress]:
    """The newest message of each key on ``panes``."""
    return {m.key() or b"": msgspec.json.decode(m.value() or b"", type=PaneMessage) for m in committed(settings, PANES)}


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path, label_lateness=10 * DAY)


BAD_LABELS = [
    ("invalid-label", "label", label(1) | {"label": 2}),
    ("invalid-label", "label", label(2) | {"label": "1"}),
    ("missing-field", "label", {k: v for k, v in label(3).items() if k != "label"}),
    ("unknown-field", "Surname", label(4) | {"Surname": "x"}),
    ("implausible-event-time", "event_time", label(5, event_time=1_000)),
    ("label-without-record", "record_id", label(999)),
    ("label-before-record", "record_id", label(7, delay=-DAY)),
    ("label-too-late", "record_id", label(6, delay=11 * DAY)),
]


def test_labels_that_cannot_be_used_are_dead_letters_with_reason_and_origin(settings: Settings) -> None:
    send(settings, PREDICTIONS, [(key(customer(i)), encode(prediction(i))) for i in range(20)])
    bad = [(key(message), encode(message)) for _, _, message in BAD_LABELS] + [(None, encode(label(8)))]
    good = [(key(label(i)), encode(label(i))) for i in range(10, 20)]
    send(settings, LABELS, [*bad, *good])
    # the scorer is not at work here, so the end of its topic is sent by hand
    end_stream(settings, START, topics=(LABELS, PREDICTIONS))
    worker = JoinWorker(settings, SCHEMA, clock=ManualClock(NOW))
    with running(worker):
        eventually(lambda: worker.stats.dead_letters == len(bad), timeout=30, message="dead letters")
        eventually(lambda: worker.stats.outcomes == len(good), message="outcomes")
    origins = {(m.partition(), m.offset()): (m.key(), m.value()) for m in committed(settings, LABELS)}
    found = []
    for letter in committed(settings, DEAD_LETTERS):
        head = headers(letter)
        assert head["origin-topic"] == settings.topic(LABELS)
        origin = origins[int(head["origin-partition"]), int(head["origin-offset"])]
        assert (letter.key(), letter.value()) == origin
        found.append((head["reason"], head["field"], letter.value()))
    expected = [(reason, field, encode(message)) for reason, field, message in BAD_LABELS]
    assert sorted(found) == sorted([*expected, ("null-key", "key", encode(label(8)))])


def test_a_contradicting_label_publishes_the_outcome_again_with_a_higher_revision(settings: Settings) -> None:
    send(settings, PREDICTIONS, [(key(customer(1)), encode(prediction(1)))])
    worker = JoinWorker(settings, SCHEMA)
    with running(worker):
        for value, outcomes in ((0, 1), (1, 2), (1, 2)):
            send(settings, LABELS, [(key(customer(1)), encode(label(1, value=value)))])
            eventually(lambda wanted=outcomes: worker.stats.outcomes == wanted)
        end_stream(settings, START, topics=(LABELS, PREDICTIONS))
        eventually(lambda: all(p.ended for p in newest(settings).values() if isinstance(p, JoinProgress)), timeout=20)
    outcomes = [json.loads(message.value() or b"") for message in committed(settings, OUTCOMES)]
    assert [(outcome["label"], outcome["revision"]) for outcome in outcomes] == [(0, 1), (1, 2)]
    (pane,) = [message for message in newest(settings).values() if isinstance(message, Pane)]
    assert (pane.summary.labelled, pane.summary.fn, pane.summary.tn) == (1, 1, 0)
    progress = [message for message in newest(settings).values() if isinstance(message, JoinProgress)]
    assert sum(message.repeated_labels for message in progress) == 1
    assert sum(message.contradicting_labels for message in progress) == 1


def test_a_silent_partition_is_idle_after_the_idle_time_and_awake_with_its_next_message(settings: Settings) -> None:
    clock = ManualClock(NOW)
    worker = JoinWorker(settings, SCHEMA, clock=clock)

    def idle() -> list[bool]:
        clock.advance(settings.publish_interval_ms)
        found = [message for message in newest(settings).values() if isinstance(message, JoinProgress)]
        return [message.idle for message in sorted(found, key=lambda message: message.partition)]

    with running(worker):
        eventually(lambda: idle() == [False, False], message="first progress")
        clock.advance(settings.idle_timeout_ms)
        eventually(lambda: idle() == [True, True], message="silence")
        send(settings, PREDICTIONS, [(key(customer(1)), encode(prediction(1)))])
        eventually(lambda: sorted(idle()) == [False, True], message="awake again")


def test_a_clock_that_is_set_back_and_forward_an_hour_changes_nothing(settings: Settings) -> None:
    clock = ManualClock(NOW)
    worker = JoinWorker(settings, SCHEMA, clock=clock)

    def records() -> int:
        """Records in all panes, once a publication is due."""
        clock.advance(settings.publish_interval_ms)
        return sum(found.summary.records for found in newest(settings).values() if isinstance(found, Pane))

    with running(worker):
        for part, hours in enumerate((0, -1, 2)):
            clock.time += hours * 3_600_000
            made = [prediction(i) for i in range(20 * part, 20 * part + 20)]
            send(settings, PREDICTIONS, [(key(message), encode(message)) for message in made])
            eventually(lambda wanted=20 * part + 20: records() == wanted, message="panes go out")
            progress = [found for found in newest(settings).values() if isinstance(found, JoinProgress)]
            assert not any(found.idle for found in progress), "an hour that did not pass made a partition idle"


def test_a_store_of_another_stream_is_made_anew(
    broker: str, topic_prefix: str, tmp_path: Path, settings: Settings
) -> None:
    send(settings, PREDICTIONS, [(key(customer(i)), encode(prediction(i))) for i in range(20)])
    first = JoinWorker(settings, SCHEMA)
    with running(first):
        eventually(lambda: sum(isinstance(m, Pane) for m in newest(settings).values()) > 0)
    other = stream_settings(broker, f"{topic_prefix}other.", tmp_path, label_lateness=10 * DAY)
    send(other, PREDICTIONS, [(key(customer(i)), encode(prediction(i))) for i in range(5)])
    second = JoinWorker(other, SCHEMA)
    with running(second):
        eventually(lambda: sum(isinstance(m, Pane) for m in newest(other).values()) > 0)
    records = [message.summary.records for message in newest(other).values() if isinstance(message, Pane)]
    assert sum(records) == 5


def test_a_store_of_topics_that_were_made_anew_is_forgotten_and_said(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def join(state_dir: Path, records: range, predicted: int) -> tuple[int, int]:
        """Records and predicted positives in all panes, once this worker has joined these predictions."""
        made = [prediction(i, event_time=START, predicted=predicted) for i in records]
        send(settings, PREDICTIONS, [(key(message), encode(message)) for message in made])
        worker = JoinWorker(settings.model_copy(update={"state_dir": state_dir}), SCHEMA)
        with running(worker):
            eventually(lambda: group_lag(settings, GROUP, [PREDICTIONS]) == 0, message="joined")
        panes = [message.summary for message in newest(settings).values() if isinstance(message, Pane)]
        return sum(pane.records for pane in panes), sum(pane.expected_positive.records for pane in panes)

    assert join(tmp_path / "old", range(20), predicted=1) == (20, 20)
    remake_topics(settings)
    # more than there were, so that the old store's offsets exist in the new topics, too
    assert join(tmp_path / "new", range(100, 160), predicted=0) == (60, 0)
    assert join(tmp_path / "old", range(160, 170), predicted=0) == (70, 0)
    assert sum("belongs to another stream" in line for line in caplog.messages) == settings.partitions


def test_every_pane_is_published_again_on_a_panes_topic_that_was_made_anew(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    send(settings, PREDICTIONS, [(key(customer(i)), encode(prediction(i))) for i in range(40)])
    with running(JoinWorker(settings, SCHEMA)):
        eventually(lambda: group_lag(settings, GROUP, [PREDICTIONS]) == 0 and len(newest(settings)) > 2)
    before = newest(settings)
    admin = admin_client(settings)
    delete_topics(admin, [settings.topic(PANES)])
    ensure_topics(admin, settings)
    with running(JoinWorker(settings, SCHEMA)):
        eventually(lambda: newest(settings).keys() == before.keys(), message="all panes and progress are there again")
    again = newest(settings)
    assert {k: m for k, m in again.items() if isinstance(m, Pane)} == {
        k: m for k, m in before.items() if isinstance(m, Pane)
    }
    assert sum("is new; every pane is published again" in line for line in caplog.messages) == settings.partitions
    written = len(committed(settings, PANES))
    with running(JoinWorker(settings, SCHEMA)):
        send(settings, PREDICTIONS, [(key(customer(40)), encode(prediction(40)))])
        eventually(lambda: group_lag(settings, GROUP, [PREDICTIONS]) == 0)
    assert len(committed(settings, PANES)) <= written + 1 + 2 * settings.partitions


def bare(summaries: list[Summary]) -> list[bytes]:
    """Summaries without segments, in some order."""
    return sorted(msgspec.json.encode(msgspec.structs.replace(summary, segments={})) for summary in summaries)


def test_other_segments_in_the_schema_make_the_store_anew_and_every_pane_says_them(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    def join(schema: Schema) -> list[Summary]:
        """The sums of all panes, once this worker has counted each record in each segment that it is in."""
        names = {one.feature: one.names for one in schema.segments}

        def is_counted(summary: Summary) -> bool:
            found = {
                feature: [summary.segments[n] for n in own if n in summary.segments] for feature, own in names.items()
            }
            return (
                sum(map(len, found.values())) == len(summary.segments)
                and all(sum(one.records for one in parts) == summary.records for parts in found.values())
                and all(sum(one.labelled for one in parts) == summary.labelled for parts in found.values())
            )

        def sums() -> list[Summary]:
            return [message.summary for message in newest(settings).values() if isinstance(message, Pane)]

        with running(JoinWorker(settings, schema)):
            eventually(lambda: group_lag(settings, GROUP, [PREDICTIONS, LABELS]) == 0, message="joined")
            eventually(lambda: sums() and all(map(is_counted, sums())), message="every pane has its segments")
        return sums()

    send(settings, PREDICTIONS, [(key(customer(i)), encode(prediction(i))) for i in range(60)])
    send(settings, LABELS, [(key(label(i)), encode(label(i))) for i in range(30)])
    before = join(SCHEMA)
    assert sum(summary.labelled for summary in before) == 30
    tables = {"Age": SegmentTable(bands=(40.0, 41.5)), "HasCrCard": SegmentTable()}
    categories = {feature.name: feature.categories for feature in SCHEMA.features}
    other = dataclasses.replace(SCHEMA, segments=read_segments(tables, categories, "test", {"HasCrCard"}))
    after = join(other)
    assert sum("belongs to another stream, schema" in line for line in caplog.messages) == settings.partitions
    assert bare(after) == bare(before)
    # the labels that come now find rows that remember the new segments, also from the store
    send(settings, LABELS, [(key(label(i)), encode(label(i))) for i in range(30, 60)])
    assert sum(summary.labelled for summary in join(other)) == 60
    assert sum("belongs to another stream, schema" in line for line in caplog.messages) == settings.partitions
    whole = dataclasses.replace(SCHEMA, segments=())
    assert all(summary.segments == {} for summary in join(whole))
