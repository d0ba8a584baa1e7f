"""A stream's identity on a real broker: one for all who ask, another one for topics that were made anew."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from churnstream.local_kafka.broker import LocalKafka
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.kafka.stream_identity import stream_identity
from contract.settings import Settings, load_settings
from contract.topics import FORMAT, LABELS, PREDICTIONS, topic_specs
from tests.support.kafka.topics import delete_topics, remake_topics, send
from tests.support.polling import eventually

TIMEOUT = 30.0


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return load_settings(
        kafka={"bootstrap.servers": broker}, topic_prefix=topic_prefix, state_dir=tmp_path, partitions=2
    )


@pytest.fixture
def admin(settings: Settings) -> AdminClient:
    return admin_client(settings)


def test_all_who_ask_are_told_the_same(admin: AdminClient, settings: Settings) -> None:
    ensure_topics(admin, settings)
    assert stream_identity(settings) == stream_identity(settings)
    assert stream_identity(settings, PREDICTIONS).startswith(stream_identity(settings))


def test_workers_that_make_the_topics_at_once_agree(settings: Settings) -> None:
    def start(_number: int) -> str:
        ensure_topics(admin_client(settings), settings)
        return stream_identity(settings, PREDICTIONS, LABELS)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1


def test_two_streams_differ(broker: str, settings: Settings) -> None:
    other = load_settings(
        kafka={"bootstrap.servers": broker}, topic_prefix=f"{settings.topic_prefix}other.", state_dir=settings.state_dir
    )
    for stream in (settings, other):
        ensure_topics(admin_client(stream), stream)
    assert stream_identity(settings) != stream_identity(other)


def test_topics_made_anew_are_another_stream(admin: AdminClient, settings: Settings) -> None:
    ensure_topics(admin, settings)
    before = stream_identity(settings)
    remake_topics(settings)
    assert stream_identity(settings) != before


def test_one_topic_made_anew_is_told_to_whoever_names_it(admin: AdminClient, settings: Settings) -> None:
    ensure_topics(admin, settings)
    before = [stream_identity(settings), stream_identity(settings, LABELS), stream_identity(settings, PREDICTIONS)]
    delete_topics(admin, [settings.topic(LABELS)])
    ensure_topics(admin, settings)
    after = [stream_identity(settings), stream_identity(settings, LABELS), stream_identity(settings, PREDICTIONS)]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_a_record_from_before_streams_had_names_is_known_by_its_topic(admin: AdminClient, settings: Settings) -> None:
    def made_by_an_older_version() -> str:
        (spec,) = (spec for spec in topic_specs(settings) if spec.name == settings.topic(FORMAT))
        admin.create_topics([NewTopic(spec.name, 1, 1, config=spec.config)])[spec.name].result(TIMEOUT)
        eventually(lambda: spec.name in admin.list_topics(timeout=TIMEOUT).topics)
        send(settings, FORMAT, [(None, b'{"format":1}')])
        ensure_topics(admin, settings)
        assert stream_identity(settings) == stream_identity(settings)
        return stream_identity(settings)

    first = made_by_an_older_version()
    delete_topics(admin, [spec.name for spec in topic_specs(settings)])
    assert made_by_an_older_version() != first


def test_a_stream_that_has_no_topics_is_told(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"format cannot be read: .*; "):
        stream_identity(settings, timeout=0.5)


def test_a_broker_that_is_away_for_a_moment_is_waited_for(own_broker: LocalKafka, tmp_path: Path) -> None:
    settings = load_settings(kafka={"bootstrap.servers": own_broker.bootstrap_servers}, state_dir=tmp_path)
    ensure_topics(admin_client(settings), settings)
    before = stream_identity(settings, PREDICTIONS)
    own_broker.kill()
    with pytest.raises(UserError, match="; check KAFKA_BOOTSTRAP_SERVERS"):
        stream_identity(settings, timeout=0.5)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(stream_identity, settings, PREDICTIONS)
        own_broker.start()
        assert asked.result(TIMEOUT) == before
