"""The broker of a test session: the one that is given, a container, or a local Kafka of the session's own."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from churnstream.local_kafka.broker import LocalKafka, free_port
from churnstream.local_kafka.runtime import KAFKA_VERSION
from tests.support.polling import eventually


@contextlib.contextmanager
def session_broker(directory: Path) -> Iterator[str]:
    """Yield bootstrap servers: ``$KAFKA_BOOTSTRAP_SERVERS``, else by ``$BROKER`` (``docker`` or ``local``)."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    kind = os.environ.get("BROKER") or "local"
    if given:
        assert answers(given), f"no broker answers at KAFKA_BOOTSTRAP_SERVERS={given}"
        yield given
    elif kind == "docker":
        with _container() as servers:
            yield servers
    elif kind == "local":
        with LocalKafka(directory) as broker:
            yield broker.bootstrap_servers
    else:
        raise AssertionError(f"BROKER must be local or docker, not {kind!r}")


def answers(bootstrap_servers: str, timeout: float = 5.0) -> bool:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=timeout).brokers)
    except KafkaException:
        return False


@contextlib.contextmanager
def _container() -> Iterator[str]:
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    # the session removes its one container itself; Ryuk would be another image to pull
    testcontainers_config.ryuk_disabled = True
    # One number inside and outside: clients and the broker itself reach it where it says it is.
    port = free_port()
    environment = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://localhost:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
        "KAFKA_HEAP_OPTS": "-Xmx512m",
    }
    container = DockerContainer(f"apache/kafka:{KAFKA_VERSION}").with_envs(**environment)
    # the Docker client takes an address as well, which testcontainers has no words for: not 0.0.0.0
    container.ports[f"{port}/tcp"] = ("127.0.0.1", port)  # type: ignore[assignment]
    with container:
        servers = f"localhost:{port}"
        eventually(lambda: answers(servers, timeout=1.0), timeout=60, message=f"a broker answers at {servers}")
        yield servers
