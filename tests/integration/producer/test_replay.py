"""The replay against a real broker: order, keys, the end of the stream, failures, interruption."""

import json
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from confluent_kafka import Message
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from churnstream.local_kafka.broker import LocalKafka
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.control import is_end_of_stream
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, LABELS, topic_specs
from producer.replay import MAX_FAILURES, ReplayProgress, ReplayResult, replay
from producer.scenario import Scenario
from producer.scenario_options import ScenarioOptions
from producer.sources import open_table
from producer.synthetic import SyntheticBank, write_csv
from tests.support.kafka.topics import committed, environment, stream_settings
from tests.support.polling import eventually

ROWS = 3_000


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path / "state", partitions=3)


def run(settings: Settings, rows: int = ROWS, **kw: Any) -> ReplayResult:
    scenario = kw.pop("scenario", Scenario())
    stop = kw.pop("stop", threading.Event())
    return replay(settings, SyntheticBank(rows, 7), scenario, "test", stop=stop, **kw)


def split(messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """Messages of the stream, and its ends."""
    ends = [message for message in messages if is_end_of_stream(message.headers())]
    return [message for message in messages if message not in ends], ends


def value(message: Message) -> dict[str, Any]:
    found = json.loads(message.value() or b"")
    assert isinstance(found, dict)
    return found


def test_every_record_and_label_arrives_once_under_its_customer(settings: Settings) -> None:
    result = run(settings)

    assert (result.records, result.labels, result.failures) == (ROWS, ROWS, 0)
    assert result.complete
    assert result.ended
    for topic in (CUSTOMERS, LABELS):
        sent, _ = split(committed(settings, topic))
        assert {value(message)["record_id"] for message in sent} == {f"bank_churn-test-{row}" for row in range(ROWS)}
        assert len(sent) == ROWS
        assert all(message.key() == value(message)["customer_id"].encode() for message in sent)


def test_a_customers_record_and_label_are_in_the_same_partition(settings: Settings) -> None:
    run(settings)

    records, labels = (
        {value(message)["record_id"]: message.partition() for message in split(committed(settings, topic))[0]}
        for topic in (CUSTOMERS, LABELS)
    )
    assert records == labels
    assert set(records.values()) == {0, 1, 2}


def test_event_time_never_goes_back_in_a_partition(settings: Settings) -> None:
    run(settings)

    for topic in (CUSTOMERS, LABELS):
        times: dict[int | None, list[int]] = defaultdict(list)
        for message in committed(settings, topic):
            times[message.partition()].append(value(message)["event_time"])
        assert len(times) == 3
        assert all(one <= other for found in times.values() for one, other in pairwise(found))


def test_the_end_of_the_stream_is_the_last_message_of_every_partition(settings: Settings) -> None:
    result = run(settings)

    stamps = {}
    for topic in (CUSTOMERS, LABELS):
        messages = committed(settings, topic)
        _, ends = split(messages)
        last = {message.partition(): message for message in messages}
        assert [end.partition() for end in ends] == [0, 1, 2]
        assert all(last[end.partition()] is end for end in ends)
        assert all(end.key() is None and value(end) == {"event_time": result.event_time} for end in ends)
        stamps[topic] = [end.timestamp()[1] for end in ends]
    assert max(stamps[LABELS]) <= min(stamps[CUSTOMERS])


def test_a_stream_may_be_left_open(settings: Settings) -> None:
    assert not run(settings, 100, end=False).ended
    assert not split(committed(settings, CUSTOMERS))[1]


def test_the_same_replay_sends_the_same_messages(settings: Settings) -> None:
    for _ in range(2):
        run(settings, 500, end=False)

    sent = [(message.key(), message.value()) for message in committed(settings, CUSTOMERS)]
    assert len(sent) == 1_000
    assert len(set(sent)) == 500


def test_no_private_column_leaves_the_producer(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    write_csv(path, 500, 7)
    surnames = [name.encode() for name in pd.read_csv(path)["Surname"].unique()]

    result = replay(settings, open_table(path, load_schema("bank_churn")), Scenario(), "t", stop=threading.Event())

    assert result.records == 500
    for topic in (CUSTOMERS, LABELS):
        for message in committed(settings, topic):
            everything = b" ".join([message.key() or b"", message.value() or b"", repr(message.headers()).encode()])
            assert b"Surname" not in everything
            assert not any(surname in everything for surname in surnames)


def test_missing_topics_are_made(broker: str, topic_prefix: str) -> None:
    settings = load_settings(kafka={"bootstrap.servers": broker}, topic_prefix=topic_prefix, partitions=2)

    run(settings, 10)

    assert {spec.name for spec in topic_specs(settings)} <= set(admin_client(settings).list_topics(timeout=10).topics)


def test_topics_that_do_not_fit_are_refused(settings: Settings) -> None:
    with pytest.raises(UserError, match="has 3 partitions where 2 are needed"):
        run(settings.model_copy(update={"partitions": 2}))


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 101])
def test_a_name_that_cannot_be_part_of_an_id_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(UserError, match="printable characters"):
        replay(settings, SyntheticBank(1, 1), Scenario(), name, stop=threading.Event())


def test_refused_messages_are_counted_and_the_others_sent(settings: Settings) -> None:
    limit_size(settings, 200)  # a label is smaller, a record larger

    result = run(settings, 300)

    assert (result.records, result.labels, result.failures) == (0, 300, 300)
    assert result.first_failure is not None
    assert settings.topic(CUSTOMERS) in result.first_failure
    assert "too large" in result.first_failure
    assert result.complete
    assert result.ended


def test_a_replay_that_nobody_takes_gives_up(own_broker: LocalKafka, tmp_path: Path) -> None:
    settings = stream_settings(own_broker.bootstrap_servers, "gone.", tmp_path)
    settings = settings.model_copy(update={"request_timeout_ms": 1_000})

    def kill(progress: ReplayProgress) -> None:
        if progress.records > 1_000:
            own_broker.kill()

    result = run(settings, 1_000_000, progress=kill)

    assert not result.complete
    assert not result.ended
    assert not result.interrupted
    assert result.failures > MAX_FAILURES
    assert result.records < 1_000_000


def test_a_stop_flag_ends_the_replay_with_all_that_was_sent(settings: Settings) -> None:
    stop = threading.Event()

    def stop_soon(progress: ReplayProgress) -> None:
        if progress.records > 5_000:
            stop.set()

    result = run(settings, 100_000, stop=stop, progress=stop_soon)

    sent, ends = split(committed(settings, CUSTOMERS))
    assert result.interrupted
    assert not result.ended
    assert 5_000 < result.records == len(sent) < 100_000
    assert not ends
    assert result.labels == len(committed(settings, LABELS))


def test_a_rate_spreads_the_records_over_wall_time(settings: Settings) -> None:
    seen: list[int] = []

    result = run(
        settings,
        200,
        scenario=ScenarioOptions(rate=400.0, label_delay="0s").build(load_schema("bank_churn")),
        progress=lambda progress: seen.append(progress.records),
    )

    assert result.seconds > 199 / 400  # the last record is not due before
    assert len(set(seen)) > 3
    assert result.records == result.labels == 200


def test_ctrl_c_finishes_cleanly_and_says_how_far_it_came(settings: Settings, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "churnstream", "replay", "--rows", "100000", "--rate", "500", "--name", "stopped"]
    with (tmp_path / "output").open("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment(settings))
        try:
            eventually(lambda: committed(settings, CUSTOMERS) or process.poll() is not None, 30, "the first records")
            process.send_signal(signal.SIGINT)
            code = process.wait(30)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        said = output.read()

    sent, ends = split(committed(settings, CUSTOMERS))
    assert code == 130, said
    assert f"{len(sent):,} records" in said
    assert "interrupted; the same command sends the same records again" in said
    assert "Traceback" not in said
    assert not ends


def test_the_command_replays_a_table_and_answers_with_its_exit_code(settings: Settings, tmp_path: Path) -> None:
    write_csv(tmp_path / "bank.csv", 200, 7)
    command = [sys.executable, "-m", "churnstream", "replay", "--data", str(tmp_path / "bank.csv")]
    unset = {name: text for name, text in environment(settings).items() if name != "KAFKA_BOOTSTRAP_SERVERS"}

    def call(*more: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*command, *more], capture_output=True, text=True, timeout=60, env=env, check=False)

    given = call("--bootstrap-servers", settings.kafka["bootstrap.servers"], env=unset)
    assert (given.returncode, given.stderr) == (0, "")
    assert "200 records and 200 labels" in given.stdout
    assert "end of the stream sent" in given.stdout
    assert value(committed(settings, CUSTOMERS)[0])["record_id"].startswith("bank_churn-bank-")

    limit_size(settings, 200)
    refused = call(env=environment(settings))
    assert refused.returncode == 1
    assert "Kafka did not accept 200 messages" in refused.stderr

    wrong = call("--period", "long", env=environment(settings))
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: period: 'long' is not a duration")


def test_the_command_says_what_it_repairs_and_sends_the_same(settings: Settings, tmp_path: Path) -> None:
    write_csv(tmp_path / "bank.csv", 50, 7)
    run_name = ["--name", "t", "--no-end"]
    for name, options in (("bank.csv", {}), ("untidy.csv", {"sep": ";", "decimal": ","})):
        pd.read_csv(tmp_path / "bank.csv").to_csv(tmp_path / name, index=False, **options)
        command = [sys.executable, "-m", "churnstream", "replay", "--data", str(tmp_path / name), *run_name]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=environment(settings), check=False
        )
        assert done.returncode == 0, done.stderr
        if name == "untidy.csv":
            assert done.stderr.splitlines() == [
                f"warning: --data {tmp_path / name}: its fields are separated by semicolons, not commas",
                f"warning: --data {tmp_path / name}: its numbers have a decimal comma",
            ]

    sent = [(message.key(), message.value()) for message in committed(settings, CUSTOMERS)]
    assert (len(sent), len(set(sent))) == (100, 50)


def limit_size(settings: Settings, size: int) -> None:
    """Let the broker refuse batches on ``customers`` above ``size`` bytes."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, settings.topic(CUSTOMERS), incremental_configs=[entry])
    admin = admin_client(settings)  # kept, for its answers end with it
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)
