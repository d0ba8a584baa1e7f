"""A stream read as tables, from a real broker."""

import csv
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from churnstream import read_alerts, read_outcomes, read_windows
from churnstream.frames.windows import WINDOW_COLUMNS
from churnstream.local_kafka.broker import free_port
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.messages import ModelRef, Outcome, encode
from contract.settings import Settings
from contract.topics import OUTCOMES, WINDOWS
from tests.support.dashboard.sent import SentMessage, StreamWriter, message
from tests.support.dashboard.told import incident, verdict
from tests.support.kafka.topics import delete_topics, environment, stream_settings
from tests.support.messages import DAY, START
from tests.support.mlflow.sinking import publish, with_f1
from tests.support.windows import MODEL, cumulative, final, window


def outcome(i: int, revision: int = 1, label: int = 0) -> Outcome:
    return Outcome(
        record_id=f"r{i}",
        customer_id=str(i),
        event_time=START + i * DAY,
        label_time=START + (i + revision) * DAY,
        label=label,
        revision=revision,
        probability=0.25,
        predicted=0,
        threshold=0.4,
        model=MODEL,
    )


@pytest.fixture(scope="module")
def settings(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = stream_settings(broker, f"frames-{os.getpid()}-", tmp_path_factory.mktemp("frames"))
    later = ModelRef("churn", 4)
    windows = [window(0), with_f1(window(0, revision=1), 0.5), window(1), final(0, revision=2), cumulative(0)]
    windows += [final(0, model=later), with_f1(final(2), 0.25), window(5)]
    writer = StreamWriter(settings)
    writer.write(message(one) for one in windows)
    writer.write(
        [
            SentMessage(WINDOWS, window(5).key.encode(), None),
            SentMessage(WINDOWS, final(3).key.encode(), b"not a window"),
            message(incident()),
            message(msgspec.structs.replace(incident(), state="closed")),
            message(incident("relation", day=3)),
            message(verdict()),
        ]
    )
    writer.write(
        SentMessage(OUTCOMES, one.customer_id.encode(), encode(one), partition=int(one.customer_id) % 2)
        for one in (outcome(0), outcome(1), outcome(0, revision=2, label=1), outcome(3), outcome(2))
    )
    publish(settings, window(9), stream="one that was deleted")
    return settings


def test_the_newest_revision_of_each_window_in_order(settings: Settings) -> None:
    found = read_windows(settings)
    places = list(zip(found.version, found.start.dt.day, found.status, found.revision, strict=True))
    assert places == [(3, 1, "final", 2), (3, 2, "provisional", 0), (3, 3, "final", 1), (4, 1, "final", 1)]


def test_windows_can_be_chosen_by_time_state_and_model(settings: Settings) -> None:
    assert read_windows(settings, final=True).version.tolist() == [3, 3, 4]
    assert read_windows(settings, since="2025-01-02", until="2025-01-03").start.dt.day.tolist() == [2]
    assert read_windows(settings, model="another").empty
    with pytest.raises(UserError, match="more than 2 windows; ask for a shorter time, or for one model"):
        read_windows(settings, most=2)


def test_outcomes_of_all_partitions_have_their_newest_label(settings: Settings) -> None:
    found = read_outcomes(settings)
    assert found.record_id.tolist() == ["r0", "r1", "r2", "r3"]
    assert (found.label[0], found.revision[0]) == (1, 2)
    assert found.event_time.dt.day.tolist() == [1, 2, 3, 4]
    assert read_outcomes(settings, since="2025-01-03").record_id.tolist() == ["r2", "r3"]
    with pytest.raises(UserError, match="more than 3 outcomes"):
        read_outcomes(settings, most=3)


def test_incidents_as_they_stand_and_no_verdicts(settings: Settings) -> None:
    found = read_alerts(settings)
    assert list(zip(found.kind, found.state, strict=True)) == [("drift", "closed"), ("relation", "opened")]
    assert read_alerts(settings, standing=True).kind.tolist() == ["relation"]


def test_the_command_gives_the_same_table(settings: Settings) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "churnstream", "windows", "--final"],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    rows = list(csv.DictReader(io.StringIO(ended.stdout)))
    assert [row["start"][:10] for row in rows] == ["2025-01-01", "2025-01-03", "2025-01-01"]
    assert [float(row["realised_f1"]) for row in rows] == read_windows(settings, final=True).realised_f1.tolist()


def test_a_stream_without_records_is_an_empty_table(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    assert list(read_windows(settings)) == list(WINDOW_COLUMNS)
    assert len(read_windows(settings)) == len(read_outcomes(settings)) == len(read_alerts(settings)) == 0
    delete_topics(admin_client(settings), [settings.topic(WINDOWS), settings.topic(OUTCOMES)])
    for read, name in ((read_windows, WINDOWS), (read_outcomes, OUTCOMES)):
        with pytest.raises(UserError, match=rf"topic {settings.topic(name)} does not exist"):
            read(settings)


def test_a_stream_that_nobody_has_made_is_told(topic_prefix: str, settings: Settings) -> None:
    with pytest.raises(UserError, match="churnstream doctor"):
        read_windows(settings.model_copy(update={"topic_prefix": topic_prefix, "request_timeout_ms": 2_000}))


@pytest.mark.parametrize("read", [read_windows, read_outcomes, read_alerts])
def test_a_broker_that_is_away_is_told_in_time(read: object, settings: Settings) -> None:
    away = {"kafka": {"bootstrap.servers": f"127.0.0.1:{free_port()}"}, "request_timeout_ms": 2_000}
    began = time.monotonic()
    with pytest.raises(UserError, match="KAFKA_BOOTSTRAP_SERVERS"):
        read(settings.model_copy(update=away))  # type: ignore[operator]
    assert time.monotonic() - began < 15
