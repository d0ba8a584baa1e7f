"""Properties of librdkafka in both clients: the monitor's does the same with them, or says that it cannot."""

import logging
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth, server_list

from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.settings import load_settings
from monitor.timeline.faust_app import create_app
from monitor.timeline.kafka_properties import broker_urls, credentials, tuning

SECRET = "S3cret.Pw"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Paths: a certificate and its key, encrypted with SECRET."""
    folder = tmp_path_factory.mktemp("pem")
    command = "openssl req -x509 -newkey rsa:2048 -days 1 -subj /CN=test -keyout key.pem -out cert.pem -passout"
    subprocess.run([*command.split(), f"pass:{SECRET}"], cwd=folder, check=True, capture_output=True)
    return {"cert": str(folder / "cert.pem"), "key": str(folder / "key.pem"), "folder": str(folder)}


@pytest.mark.parametrize(
    ("given", "servers"),
    [
        ("one:9093", ["one:9093"]),
        ("one", ["one:9092"]),
        (" one:9093 , two:9094 ", ["one:9093", "two:9094"]),
        ("one:9093,two,", ["one:9093", "two:9092"]),
        (",one:9093,,", ["one:9093"]),
        ("PLAINTEXT://one:9093,SASL_SSL://two:9094", ["one:9093", "two:9094"]),
        ("[::1]:9093", ["[::1]:9093"]),
        ("[::1]", ["[::1]:9092"]),
        ("10.0.0.1:9093", ["10.0.0.1:9093"]),
        ("kafka_1:9093", ["kafka_1:9093"]),
        ("Kafka-0.kafka.svc.cluster.local:9093", ["kafka-0.kafka.svc.cluster.local:9093"]),
    ],
)
def test_both_clients_take_an_address_in_every_form(given: str, servers: list[str]) -> None:
    assert server_list(broker_urls({"bootstrap.servers": given}), 9092) == servers
    admin_client(load_settings(kafka={"bootstrap.servers": given, "security.protocol": "PLAINTEXT"}))


@pytest.mark.parametrize("given", [" ", ",", "one:port", "one:99999", "one:9092 two:9092"])
def test_what_is_no_address_is_told(given: str) -> None:
    with pytest.raises(UserError, match=r"KAFKA_BOOTSTRAP_SERVERS\) got .*; give host:port"):
        broker_urls({"bootstrap.servers": given})


SASL = {"sasl.username": "u", "sasl.password": SECRET}


@pytest.mark.parametrize(
    ("kafka", "expected"),
    [
        ({}, None),
        ({"security.protocol": "PLAINTEXT"}, None),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", **SASL}, ("SASL_PLAINTEXT", "PLAIN")),
        (
            {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "SCRAM-SHA-256", **SASL},
            ("SASL_PLAINTEXT", "SCRAM-SHA-256"),
        ),
        ({"security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-512", **SASL}, ("SASL_SSL", "SCRAM-SHA-512")),
        ({"security.protocol": "SSL"}, ("SSL", None)),
    ],
)
def test_both_clients_take_the_same_security(kafka: dict[str, str], expected: tuple[str, str | None] | None) -> None:
    admin_client(load_settings(kafka=kafka))
    made = credentials(kafka)
    if expected is None:
        assert made is None
        return
    auth: Any = credentials_to_aiokafka_auth(made)
    assert (auth["security_protocol"], auth.get("sasl_mechanism")) == expected
    if expected[1] is not None:
        assert (auth["sasl_plain_username"], auth["sasl_plain_password"]) == ("u", SECRET)


def test_tls_is_checked_as_librdkafka_checks_it(pem: dict[str, str]) -> None:
    def context(**changed: str) -> ssl.SSLContext:
        kafka = {"security.protocol": "ssl"} | {name.replace("_", "."): value for name, value in changed.items()}
        admin_client(load_settings(kafka=kafka))
        found = credentials_to_aiokafka_auth(credentials(kafka))["ssl_context"]
        assert isinstance(found, ssl.SSLContext)
        return found

    own = {"ssl_certificate_location": pem["cert"], "ssl_key_location": pem["key"], "ssl_key_password": SECRET}
    for found in (context(), context(ssl_ca_location="probe"), context(ssl_ca_location=pem["folder"]), context(**own)):
        assert (found.check_hostname, found.verify_mode) == (True, ssl.CERT_REQUIRED)
    for found in (context(ssl_ca_location=pem["cert"]), context(ssl_ca_pem=Path(pem["cert"]).read_text())):
        assert [dict(pair[0] for pair in ca["subject"]) for ca in found.get_ca_certs()] == [{"commonName": "test"}]
    by_name = context(ssl_endpoint_identification_algorithm="none")
    assert (by_name.check_hostname, by_name.verify_mode) == (False, ssl.CERT_REQUIRED)
    assert context(enable_ssl_certificate_verification="false").verify_mode == ssl.CERT_NONE
    assert {cipher["name"] for cipher in context(ssl_cipher_suites="ECDHE-RSA-AES256-GCM-SHA384").get_ciphers()} >= {
        "ECDHE-RSA-AES256-GCM-SHA384"
    }


@pytest.mark.parametrize(
    ("kafka", "says"),
    [
        (
            {"security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER"},
            "sasl.mechanism 'OAUTHBEARER' (KAFKA_SASL_MECHANISM)",
        ),
        (
            {"security.protocol": "sasl_ssl", "sasl.mechanism": "GSSAPI"},
            "give it PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
        ),
        (
            {"security.protocol": "sasl_plaintext"},
            "sasl.mechanism 'GSSAPI' (KAFKA_SASL_MECHANISM), librdkafka's default,",
        ),
        (
            {"security.protocol": "ssl", "ssl.keystore.location": "a.p12"},
            "ssl.keystore.location (KAFKA_SSL_KEYSTORE_LOCATION)",
        ),
        (
            {"security.protocol": "ssl", "ssl.key.pem": SECRET},
            "ssl.key.pem (KAFKA_SSL_KEY_PEM) is not supported by the monitor",
        ),
        (
            {"security.protocol": "ssl", "ssl.certificate.pem": SECRET},
            "ssl.certificate.pem (KAFKA_SSL_CERTIFICATE_PEM)",
        ),
        ({"security.protocol": "ssl", "ssl.crl.location": "a.pem"}, "ssl.crl.location (KAFKA_SSL_CRL_LOCATION)"),
        (
            {"security.protocol": "sasl_ssl", "sasl.kerberos.principal": "p", "sasl.mechanism": "PLAIN"},
            "KAFKA_SASL_KERBEROS_PRINCIPAL",
        ),
        ({"security.protocol": "ssl", "ssl.ca.location": "/no/such/file"}, "the TLS files cannot be used"),
        ({"security.protocol": "ssl", "ssl.ca.pem": SECRET}, "the TLS files cannot be used"),
        ({"security.protocol": "ssl", "ssl.cipher.suites": "none"}, "the TLS files cannot be used"),
    ],
)
def test_security_that_the_monitor_cannot_have_is_refused_by_name(kafka: dict[str, str], says: str) -> None:
    with pytest.raises(UserError) as raised:
        credentials(kafka)
    assert says in str(raised.value)
    assert "; " in str(raised.value)
    assert SECRET not in str(raised.value)


def test_an_encrypted_key_is_not_asked_for_on_the_terminal(pem: dict[str, str]) -> None:
    files = {"ssl.certificate.location": pem["cert"], "ssl.key.location": pem["key"]}
    for wrong in ({}, {"ssl.key.password": f"not {SECRET}"}):
        with pytest.raises(UserError, match="KAFKA_SSL_KEY_PASSWORD") as raised:
            credentials({"security.protocol": "ssl", **files, **wrong})
        assert SECRET not in str(raised.value)


def test_a_property_that_the_monitor_has_no_word_for_is_named(caplog: pytest.LogCaptureFixture) -> None:
    kafka = {
        "socket.timeout.ms": "1000",
        "ssl.ca.location": "x",
        "sasl.username": "u",
        "acks": "all",
        "client.id": "me",
    }
    assert tuning(kafka) == {"broker_client_id": "me"}
    assert caplog.messages == [
        "the monitor's Kafka client ignores KAFKA_SOCKET_TIMEOUT_MS, which it does not know; the other workers use them"
    ]
    with caplog.at_level(logging.WARNING):
        assert tuning({"max.poll.interval.ms": "600000", "heartbeat.interval.ms": "500"}) == {
            "broker_max_poll_interval": 600.0,
            "broker_heartbeat_interval": 0.5,
        }
    with pytest.raises(UserError, match=r"linger.ms \(KAFKA_LINGER_MS\) got 'soon'; give a number of ms"):
        tuning({"linger.ms": "soon"})


def test_the_application_takes_them() -> None:
    kafka = {"bootstrap.servers": "one,two:9093,", "client.id": "me", "max.poll.interval.ms": "600000"}
    app = create_app(load_settings(kafka=kafka))
    assert server_list(app.conf.broker, 9092) == ["one:9092", "two:9093"]
    assert (app.conf.broker_client_id, app.conf.broker_max_poll_interval) == ("me", 600.0)
    assert app.conf.broker_heartbeat_interval == 2.5
