"""Properties of librdkafka: passed through, or refused with the variable's name and what to do; none is dropped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.errors import UserError
from contract.kafka import clients
from contract.kafka.clients import admin_client, committed_consumer, idempotent_producer, transactional_producer
from contract.settings import Settings, load_settings
from contract.variables import kafka_properties, variable_of

Made = Callable[[Settings], Any]
CLIENTS: list[Made] = [
    admin_client,
    idempotent_producer,
    lambda settings: transactional_producer(settings, "t"),
    lambda settings: committed_consumer(settings, "g"),
]
RESERVED = {
    "group.id": "mine",
    "group.instance.id": "mine",
    "group.protocol": "consumer",
    "partition.assignment.strategy": "cooperative-sticky",
    "isolation.level": "read_uncommitted",
    "enable.auto.commit": "true",
    "enable.auto.offset.store": "true",
    "auto.offset.reset": "latest",
    "enable.partition.eof": "true",
    "session.timeout.ms": "6000",
    "transactional.id": "mine",
    "transaction.timeout.ms": "60000",
    "delivery.timeout.ms": "1000",
    "message.timeout.ms": "1000",
    "enable.idempotence": "false",
    "acks": "1",
    "request.required.acks": "0",
    "partitioner": "consistent_random",
    "message.max.bytes": "1000000",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def settings_of(properties: dict[str, str]) -> Settings:
    return load_settings(kafka={"bootstrap.servers": "127.0.0.1:1"} | properties)


@pytest.mark.parametrize(("name", "value"), RESERVED.items())
def test_a_property_that_would_break_a_guarantee_is_refused_with_the_reason(name: str, value: str) -> None:
    for make in CLIENTS:
        with pytest.raises(UserError) as raised:
            make(settings_of({name: value}))
        said, _, remedy = str(raised.value).partition("; ")
        assert said.startswith(f"{variable_of(name)} ({name}) is not accepted, because ")
        assert remedy.startswith(("unset the variable", "set CHURNSTREAM_"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acks", "all"),
        ("enable.idempotence", "TRUE"),
        ("isolation.level", "read_committed"),
        ("partitioner", "murmur2_random"),
    ],
)
def test_a_value_that_is_ours_anyway_is_taken(name: str, value: str) -> None:
    for make in CLIENTS:
        make(settings_of({name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max.poll.interval.ms", "400000"),
        ("heartbeat.interval.ms", "900"),
        ("fetch.message.max.bytes", "2000000"),
        ("linger.ms", "20"),
        ("compression.type", "zstd"),
        ("client.id", "mine"),
        ("retry.backoff.ms", "77"),
    ],
)
def test_every_other_property_reaches_the_client(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[dict[str, Any]] = []
    monkeypatch.setattr(clients, "build_client", lambda _make, config: configs.append(config))
    for make in CLIENTS:
        make(settings_of({name: value}))
    assert [config[name] for config in configs] == [value] * len(CLIENTS)


def test_messages_of_a_transaction_do_not_linger_longer_than_it_takes_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    configs: list[dict[str, Any]] = []
    monkeypatch.setattr(clients, "build_client", lambda _make, config: configs.append(config))
    transactional_producer(settings_of({}), "t")
    idempotent_producer(settings_of({}))
    assert [config["linger.ms"] for config in configs] == [1, 5]


def test_the_variable_of_a_property_gives_the_property() -> None:
    assert kafka_properties({variable_of(name): "x" for name in RESERVED}) == dict.fromkeys(RESERVED, "x")


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({"bootstrap.server": "x"}, "unset KAFKA_BOOTSTRAP_SERVER (did you mean KAFKA_BOOTSTRAP_SERVERS?), in the env"),
        ({"version": "3.9"}, "correct or unset KAFKA_VERSION, in the environment or in .env"),
        ({"linger.ms": "soon"}, "correct or unset KAFKA_LINGER_MS"),
        ({"security.protocol": "tls"}, "correct or unset KAFKA_SECURITY_PROTOCOL"),
    ],
)
def test_a_refused_property_is_told_by_the_name_of_its_variable(properties: dict[str, str], says: str) -> None:
    for make in CLIENTS:
        with pytest.raises(UserError) as raised:
            make(settings_of(properties))
        assert says in str(raised.value)
        assert "\n" not in str(raised.value)


SECRET = "S3cret.Pw"


@pytest.mark.parametrize(
    "properties",
    [
        {"sasl.password": SECRET, "security.protocol": "sasl_plaintext", "sasl.mechanism": "NONE"},
        {"ssl.key.password": SECRET, "ssl.key.location": "/no/such/file", "security.protocol": "ssl"},
        {"ssl.key.pem": SECRET, "security.protocol": "ssl"},
        {"ssl.key.pem": SECRET, "ssl.key.password": SECRET, "security.protocol": "ssl", "linger.ms": SECRET},
        {"sasl.jaas.config": SECRET},
        {"sasl.oauthbearer.client.secret": SECRET, "sasl.mechanism": "OAUTHBEARER", "linger.ms": "x"},
        {"ssl.keystore.password": SECRET, "ssl.keystore.location": "/no/such/file", "security.protocol": "ssl"},
    ],
)
def test_no_secret_is_in_what_is_said_of_a_refused_property(properties: dict[str, str]) -> None:
    for make in CLIENTS:
        said = ""
        try:
            make(settings_of(properties))
        except UserError as error:
            said = str(error)
        assert SECRET not in said
