"""``churnstream doctor`` on a real broker: what the newest messages tell of their senders."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from churnstream.checkup import check_senders, count_dead_letters, describe_event_times
from churnstream.cli import app
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.messages import encode as encode_message
from contract.panes import JoinProgress
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, PANES
from tests.support.kafka.topics import end_stream, environment, send, stream_settings
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.sizes import size

TIMEOUT = 30.0
MIDNIGHT = START // DAY * DAY


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path / "state", partitions=4)


def pairs(messages: list[dict[str, Any]]) -> list[tuple[bytes, bytes]]:
    return [(key(message), encode(message)) for message in messages]


def send_customers(settings: Settings, count: int = 60) -> None:
    send(settings, CUSTOMERS, pairs([customer(i, event_time=MIDNIGHT + 3_600_000 + i) for i in range(count)]))


def test_a_stream_as_it_should_be_is_well(settings: Settings) -> None:
    assert check_senders(settings, TIMEOUT) == "0 records and 0 labels, each in the partition of its key"
    assert count_dead_letters(settings, TIMEOUT) == "none"
    send_customers(settings)
    send(settings, LABELS, pairs([label(i, event_time=MIDNIGHT + DAY // 2 + i) for i in range(60)]))
    send(settings, LABELS, [(b"c", b"no label")])
    end_stream(settings, START)
    assert check_senders(settings, TIMEOUT).startswith("60 records and 6")


def test_records_dated_far_ahead_and_silence_are_told(settings: Settings) -> None:
    assert describe_event_times(settings, TIMEOUT) == "no record is dated far ahead of its partition"
    for partition, ahead, inferred in ((0, 9, 9), (1, 2, 0), (0, 3, 1_000), (3, 0, 5)):
        progress = JoinProgress(
            partition=partition, watermark=1, label_watermark=1, ended=False, ahead=ahead, inferred=inferred
        )
        send(settings, PANES, [(progress.key.encode(), encode_message(progress))], partition=0)
    send(settings, PANES, [(b"progress/0", b"{"), (b"progress/1", None)], partition=0)
    assert describe_event_times(settings, TIMEOUT) == (
        "5 records are dated far ahead of their partition; check the sender's clock; "
        "1,005 records had no label within the horizon and count as 0"
    )


@pytest.mark.parametrize("topic", size(ci=[LABELS], full=[CUSTOMERS, LABELS]))
def test_another_partitioner_is_told(topic: str, settings: Settings) -> None:
    messages = pairs([customer(i) if topic == CUSTOMERS else label(i) for i in range(40)])
    for number, pair in enumerate(messages):
        send(settings, topic, [pair], partition=number % 4)
    with pytest.raises(UserError) as raised:
        check_senders(settings, TIMEOUT)
    said = str(raised.value)
    assert f" of the newest 40 messages on {settings.topic(topic)} are not in the partition of their key" in said
    assert said.endswith("(librdkafka, Python and Go: partitioner=murmur2_random)")


def test_labels_dated_before_their_records_are_told(settings: Settings) -> None:
    send_customers(settings)
    send(settings, LABELS, pairs([label(i, event_time=MIDNIGHT, delay=0) for i in range(30)]))
    with pytest.raises(UserError, match="30 of the newest 30 labels whose record was found are dated before it"):
        check_senders(settings, TIMEOUT)
    check_senders(settings.model_copy(update={"label_tolerance": DAY}), TIMEOUT)


def test_labels_dated_by_the_day_are_told_without_their_records(settings: Settings) -> None:
    send(settings, LABELS, pairs([label(i, event_time=MIDNIGHT, delay=0) for i in range(30)]))
    with pytest.raises(UserError, match=r"30 of the newest 30 labels are dated at midnight \(UTC\)"):
        check_senders(settings, TIMEOUT)


def test_the_doctor_shows_dead_letters_by_reason_makes_no_database_and_exits_with_1(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for reason, count in (("not-json", 3), ("key-mismatch", 5)):
        send(settings, DEAD_LETTERS, [(b"c", b"{")] * count, headers=[("reason", reason.encode())])
    groups = admin_client(settings).list_consumer_groups().result(TIMEOUT).valid
    before = {group.group_id for group in groups}
    variables = environment(settings) | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "COLUMNS": "200"}
    done = CliRunner(env=variables).invoke(app, ["doctor"])
    assert done.exit_code == 1, done.output
    assert "ok   letters   dead letters: key-mismatch 5, not-json 3 among the newest 8\n" in done.output
    assert "ok   times     no record is dated far ahead of its partition\n" in done.output
    assert "FAIL registry  there is no model registry at mlflow.db" in done.output
    assert not (tmp_path / "mlflow.db").exists()
    groups = admin_client(settings).list_consumer_groups().result(TIMEOUT).valid
    assert {group.group_id for group in groups} == before
