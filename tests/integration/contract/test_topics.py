"""Topics on a real broker: made where they are missing, and told of where they do not fit."""

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from churnstream.local_kafka.broker import free_port
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics, misfits
from contract.kafka.topic_format import TOPIC_FORMAT, read_format
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, FORMAT, PANES, PREDICTIONS, topic_specs
from tests.support.kafka.topics import committed, send
from tests.support.polling import eventually

TIMEOUT = 30.0


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return load_settings(
        kafka={"bootstrap.servers": broker}, topic_prefix=topic_prefix, state_dir=tmp_path, partitions=3
    )


@pytest.fixture
def admin(settings: Settings) -> AdminClient:
    return admin_client(settings)


def make(admin: AdminClient, name: str, partitions: int, policy: str) -> None:
    """Create a topic as someone else would."""
    topic = NewTopic(name, partitions, replication_factor=1, config={"cleanup.policy": policy})
    admin.create_topics([topic])[name].result(TIMEOUT)
    eventually(lambda: name in admin.list_topics(timeout=TIMEOUT).topics)


def test_missing_topics_are_made_once(admin: AdminClient, settings: Settings) -> None:
    specs = topic_specs(settings)
    assert sorted(ensure_topics(admin, settings)) == sorted(spec.name for spec in specs)
    assert ensure_topics(admin, settings) == []
    assert misfits(admin, settings) == []

    found = admin.list_topics(timeout=TIMEOUT).topics
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs]
    configs = {resource.name: future.result(TIMEOUT) for resource, future in admin.describe_configs(resources).items()}
    for spec in specs:
        assert len(found[spec.name].partitions) == spec.partitions
        assert {name: configs[spec.name][name].value for name in spec.config} == spec.config


def test_only_what_is_missing_is_made(admin: AdminClient, settings: Settings) -> None:
    make(admin, settings.topic("labels"), 3, "delete")
    assert settings.topic("labels") not in ensure_topics(admin, settings)
    assert misfits(admin, settings) == []


def test_a_wrong_number_of_partitions_is_one_clear_message(admin: AdminClient, settings: Settings) -> None:
    make(admin, settings.topic("labels"), 2, "delete")
    with pytest.raises(UserError) as raised:
        ensure_topics(admin, settings)
    assert str(raised.value) == (
        f"topic {settings.topic('labels')} has 2 partitions where 3 are needed; set CHURNSTREAM_PARTITIONS to the "
        f"number that all have, or use another CHURNSTREAM_TOPIC_PREFIX"
    )


def test_a_wrong_cleanup_policy_is_one_clear_message(admin: AdminClient, settings: Settings) -> None:
    make(admin, settings.topic("panes"), 1, "delete")
    with pytest.raises(UserError) as raised:
        ensure_topics(admin, settings)
    assert str(raised.value) == (
        f"topic {settings.topic('panes')} has cleanup.policy=delete where compact is needed; change it, or use "
        "another CHURNSTREAM_TOPIC_PREFIX"
    )


def test_misfits_name_each_topic_and_make_none(admin: AdminClient, settings: Settings) -> None:
    make(admin, settings.topic("windows"), 2, "delete")
    problems = misfits(admin, settings)
    absent = [spec.name for spec in topic_specs(settings) if spec.name != settings.topic("windows")]
    assert [problem for problem in problems if "does not exist" in problem] == [
        f"topic {name} does not exist; run any churnstream worker, or `churnstream doctor --create-topics`"
        for name in absent
    ]
    assert [problem.split(" has ")[1].split(" where")[0] for problem in problems[len(absent) :]] == [
        "2 partitions",
        "cleanup.policy=delete",
    ]
    assert not admin.list_topics(timeout=TIMEOUT).topics.keys() & set(absent)


def test_what_the_broker_refuses_is_told(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = load_settings(
        kafka={"bootstrap.servers": broker}, topic_prefix=topic_prefix, state_dir=tmp_path, replication_factor=1_000
    )
    with pytest.raises(
        UserError, match=rf"topic {topic_prefix}\S+ cannot be created: .*[Rr]eplication.*; set CHURNSTREAM_REP"
    ):
        ensure_topics(admin_client(settings), settings)


def test_no_broker_is_told(topic_prefix: str, tmp_path: Path) -> None:
    nowhere = {"bootstrap.servers": f"127.0.0.1:{free_port()}"}
    settings = load_settings(kafka=nowhere, topic_prefix=topic_prefix, state_dir=tmp_path)
    with pytest.raises(
        UserError, match=r"no broker answers at 127\.0\.0\.1:\d+ \(PLAINTEXT\): .*Connection refused; start"
    ):
        ensure_topics(admin_client(settings), settings)
    with pytest.raises(UserError, match=r"no broker answers \(.*\); check KAFKA_BOOTSTRAP_SERVERS"):
        misfits(admin_client(settings), settings, timeout=0.5)


def test_the_format_is_on_record_once(admin: AdminClient, settings: Settings) -> None:
    for _ in range(2):
        ensure_topics(admin, settings)
    assert read_format(settings, TIMEOUT) == TOPIC_FORMAT
    assert len(committed(settings, FORMAT)) == 1


@pytest.mark.parametrize("other", [TOPIC_FORMAT - 1, TOPIC_FORMAT + 1])
def test_topics_of_another_version_are_refused(other: int, admin: AdminClient, settings: Settings) -> None:
    make(admin, settings.topic(FORMAT), 1, "delete")
    send(settings, FORMAT, [(None, f'{{"format":{other}}}'.encode())])
    make(admin, settings.topic(PANES), 1, "compact")
    with pytest.raises(UserError) as raised:
        ensure_topics(admin, settings)
    assert str(raised.value) == (
        f"the topics {settings.topic(PANES)} have format {other}, but this version reads {TOPIC_FORMAT}; delete the "
        f"stream with `churnstream reset` (with Docker: docker compose down -v), or use another "
        f"CHURNSTREAM_TOPIC_PREFIX and CHURNSTREAM_STATE_DIR"
    )
    assert misfits(admin, settings) == [str(raised.value)]
    assert settings.topic(PREDICTIONS) not in admin.list_topics(timeout=TIMEOUT).topics


def test_messages_of_ours_without_a_format_are_those_of_an_older_version(
    admin: AdminClient, settings: Settings
) -> None:
    make(admin, settings.topic(PREDICTIONS), 3, "delete")
    ensure_topics(admin, settings)  # an empty topic may well have been made by whoever runs Kafka
    admin.delete_topics([settings.topic(FORMAT)])[settings.topic(FORMAT)].result(TIMEOUT)
    eventually(lambda: settings.topic(FORMAT) not in admin.list_topics(timeout=TIMEOUT).topics)
    send(settings, PREDICTIONS, [(b"c-1", b"{}")])
    for _ in range(2):
        with pytest.raises(
            UserError, match="have format 0, but this version reads 1; delete the stream with `churnstream reset`"
        ):
            ensure_topics(admin, settings)


def test_records_may_be_there_before_us(admin: AdminClient, settings: Settings) -> None:
    make(admin, settings.topic(CUSTOMERS), 3, "delete")
    send(settings, CUSTOMERS, [(b"c-1", b"{}")])
    ensure_topics(admin, settings)
    assert read_format(settings, TIMEOUT) == TOPIC_FORMAT


def test_a_format_record_of_somebody_else_is_told(admin: AdminClient, settings: Settings) -> None:
    make(admin, settings.topic(FORMAT), 1, "delete")
    send(settings, FORMAT, [(None, b"hello")])
    with pytest.raises(UserError, match=r"topic \S+format holds a message that is not a format record; use another"):
        ensure_topics(admin, settings)
