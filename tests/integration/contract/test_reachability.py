"""What one is told of a Kafka that cannot be used, and how soon: on a real broker with TLS and a login."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from churnstream.local_kafka.broker import free_port
from contract.errors import UserError
from contract.kafka.reachability import require_kafka
from contract.settings import load_settings
from tests.support.kafka.secured import AWAY, PASSWORD, USER, SecuredBroker, secured_broker

SECONDS = 5.0
"""That an answer may take; on a machine under load, too."""
LOGIN = {"sasl.mechanism": "PLAIN", "sasl.username": USER, "sasl.password": PASSWORD}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@contextmanager
def silent_listener() -> Iterator[str]:
    """Somebody who takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def told(servers: str, *, patience: int = 1_000, **kafka: str) -> str:
    """What ``require_kafka`` refuses with, within the time that it may take."""
    properties = {name.replace("_", "."): value for name, value in kafka.items()}
    began = time.monotonic()
    with pytest.raises(UserError) as raised:
        require_kafka(load_settings(connect_timeout_ms=patience, kafka={"bootstrap.servers": servers} | properties))
    assert time.monotonic() - began < SECONDS
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def test_who_is_there_is_found_at_once(secured: SecuredBroker) -> None:
    ways = (
        {"bootstrap.servers": secured.plain},
        {"bootstrap.servers": secured.plain.replace("127.0.0.1", "localhost")},
        {"bootstrap.servers": f"127.0.0.1:{free_port()},{secured.plain}"},
        {"bootstrap.servers": secured.tls, "security.protocol": "ssl", "ssl.ca.location": str(secured.ca)},
        {"bootstrap.servers": secured.sasl, "security.protocol": "SASL_PLAINTEXT"} | LOGIN,
    )
    for kafka in ways:
        began = time.monotonic()
        reached = require_kafka(load_settings(kafka=kafka))
        assert (reached.brokers, reached.servers) == (1, kafka["bootstrap.servers"])
        assert time.monotonic() - began < SECONDS / 2


def test_an_address_without_kafka() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    said = told(nowhere, patience=load_settings().connect_timeout_ms)
    assert said.startswith(
        f"no broker answers at {nowhere} (PLAINTEXT): Connect to ipv4#{nowhere} failed: Connection refus"
    )
    assert "; start it (`churnstream kafka start` starts one on this machine), or set KAFKA_BOOTSTRAP_SERVERS" in said
    said = told("no-such-host.invalid:9092")
    assert "Failed to resolve 'no-such-host.invalid:9092': " in said
    assert said.endswith("; set KAFKA_BOOTSTRAP_SERVERS (--bootstrap-servers) to a name that this machine knows")


def test_a_listener_that_wants_tls_or_a_login_and_is_given_none(secured: SecuredBroker) -> None:
    said = told(secured.tls)
    assert said.startswith(f"no broker answers at {secured.tls} (PLAINTEXT): Disconnected")
    assert said.endswith(
        "; this listener requires TLS: set KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, or name its other port"
    )
    said = told(secured.sasl)
    assert said.startswith(f"no broker answers at {secured.sasl} (PLAINTEXT): Disconnected")
    assert said.endswith("one that requires a login is SASL_PLAINTEXT or SASL_SSL")


def test_tls_that_fails(secured: SecuredBroker) -> None:
    ours = {"security_protocol": "ssl", "ssl_ca_location": str(secured.ca)}
    said = told(secured.plain, **ours)
    assert said.startswith(f"no broker answers at {secured.plain} (SSL): ")
    assert "Disconnected: SSL connection closed by peer" in said
    assert "; this listener has no TLS: set KAFKA_SECURITY_PROTOCOL to PLAINTEXT or SASL_PLAINTEXT" in said
    said = told(secured.tls, **ours | {"ssl_ca_location": str(secured.other_ca)})
    assert "certificate verify failed" in said
    assert said.endswith(
        "; set KAFKA_SSL_CA_LOCATION to the file of the authority that signed the broker's certificate"
    )
    said = told(secured.tls.replace("127.0.0.1", "localhost"), **ours)
    assert "(Hostname mismatch, certificate is not valid for 'localhost'); set KAFKA_BOOTSTRAP_SERVERS" in said


def test_a_login_that_fails(secured: SecuredBroker) -> None:
    ours = {"security_protocol": "sasl_plaintext"} | {name.replace(".", "_"): value for name, value in LOGIN.items()}
    said = told(secured.sasl, **ours | {"sasl_password": "Lake-Stone-8"})
    assert (
        "Authentication failed: Invalid username or password; check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME" in said
    )
    assert "Lake-Stone" not in said
    said = told(secured.sasl, **ours | {"sasl_mechanism": "SCRAM-SHA-256"})
    assert "broker's supported mechanisms: PLAIN; check KAFKA_SASL_MECHANISM" in said
    said = told(secured.plain, **ours)
    assert "; this listener does not accept a login: set KAFKA_SECURITY_PROTOCOL to PLAINTEXT or SSL" in said


def test_brokers_that_send_their_clients_where_none_is(secured: SecuredBroker) -> None:
    said = told(secured.away)
    assert said.startswith(
        f"Kafka answers at {secured.away}, but sends its clients on to {AWAY}, where nothing answers"
    )
    assert "(Failed to resolve 'kafka.invalid:9092': " in said
    assert "; set the brokers' advertised.listeners to an address that this machine can reach" in said


def test_ctrl_c_ends_a_command_that_waits_for_kafka(tmp_path: Path) -> None:
    with silent_listener() as servers:
        command = subprocess.Popen(
            [sys.executable, "-m", "churnstream", "join"],
            cwd=tmp_path,
            env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers, "CHURNSTREAM_STATE_DIR": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stderr is not None
        # it says so when it has waited for a while
        assert "has accepted the connection, but not answered yet; waiting" in command.stderr.readline()
        began = time.monotonic()
        command.send_signal(signal.SIGINT)
        assert command.wait(30) == 130
        assert time.monotonic() - began < SECONDS
        assert "Traceback" not in command.stderr.read()
