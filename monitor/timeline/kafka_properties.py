"""librdkafka's properties in the words of Faust's driver, so that the monitor needs no settings of its own.

What the driver has no word for is named: a property of security is refused, because without it the monitor would
connect in another way than the other parts do; any other is told once, and does without.
"""

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faust
from yarl import URL

from contract.errors import UserError
from contract.kafka.clients import DEFAULT_BOOTSTRAP_SERVERS
from contract.variables import variable_of

_log = logging.getLogger("churnstream.timeline")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_ADDRESS = {"bootstrap.servers", "security.protocol"}
_TLS = {
    "enable.ssl.certificate.verification",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
}
_SASL = {"sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"}
_TUNING = {"client.id", "heartbeat.interval.ms", "linger.ms", "max.poll.interval.ms"}
# values of ours that other parts may be told, too; all that Faust does not do otherwise
_SETTLED = {
    *("acks", "request.required.acks", "enable.idempotence", "isolation.level", "enable.auto.commit"),
    *("enable.auto.offset.store", "auto.offset.reset", "partitioner", "partition.assignment.strategy"),
    *("group.protocol", "enable.partition.eof"),
}


def broker_urls(kafka: Mapping[str, str]) -> list[URL]:
    """``bootstrap.servers`` in all forms that librdkafka takes, as Faust wants them.

    Raises:
        UserError: there is no address in it, or one that is invalid.
    """
    given = kafka.get("bootstrap.servers", DEFAULT_BOOTSTRAP_SERVERS)
    servers = [server.strip().rpartition("://")[2].strip("/") for server in given.split(",") if server.strip()]
    try:
        urls = [URL(f"kafka://{server}") for server in servers]
        found = [url for url in urls if url.host and (url.port is None or url.port > 0)]
    except ValueError:
        found = []
    if not found or len(found) < len(servers):
        raise UserError(
            f"bootstrap.servers (KAFKA_BOOTSTRAP_SERVERS) got {given!r}; give host:port, several with commas between"
        )
    return found


def credentials(kafka: Mapping[str, str]) -> Any:
    """What ``broker_credentials`` takes; None for a connection without TLS and SASL.

    Raises:
        UserError: a property of security is not known to Faust's driver, or a file cannot be read.
    """
    protocol = kafka.get("security.protocol", "plaintext").strip().lower()
    with_tls, with_sasl = protocol in ("ssl", "sasl_ssl"), protocol in ("sasl_plaintext", "sasl_ssl")
    if not with_tls and not with_sasl:
        return None
    known = _ADDRESS | (_TLS if with_tls else set()) | (_SASL if with_sasl else set())
    for name in kafka:
        asks = (name.startswith(("ssl.", "enable.ssl.")) and with_tls) or (name.startswith("sasl.") and with_sasl)
        if asks and name not in known:
            raise UserError(
                f"{name} ({variable_of(name)}) is not supported by the monitor, whose Kafka client is a different one; "
                f"use PEM files (KAFKA_SSL_CA_LOCATION, KAFKA_SSL_CERTIFICATE_LOCATION, KAFKA_SSL_KEY_LOCATION), PLAIN "
                f"or SCRAM"
            )
    context = _tls(kafka) if with_tls else None
    if not with_sasl:
        return faust.SSLCredentials(context)
    mechanism = kafka.get("sasl.mechanism") or kafka.get("sasl.mechanisms") or "GSSAPI"
    if mechanism.upper() not in _MECHANISMS:
        unset = "" if "sasl.mechanism" in kafka or "sasl.mechanisms" in kafka else ", librdkafka's default,"
        raise UserError(
            f"sasl.mechanism {mechanism!r} (KAFKA_SASL_MECHANISM){unset} is not supported by the monitor; "
            f"give it PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
        )
    return faust.SASLCredentials(
        username=kafka.get("sasl.username"),
        password=kafka.get("sasl.password"),
        mechanism=mechanism.upper(),
        ssl_context=context,
    )


def tuning(kafka: Mapping[str, str]) -> dict[str, Any]:
    """Faust's settings from properties that it has a word for; names those that it has none for, once, in the log.

    Raises:
        UserError: a number is none.
    """
    lost = sorted(
        variable_of(name)
        for name in kafka.keys() - _ADDRESS - _SETTLED - _TUNING
        if not name.startswith(("ssl.", "enable.ssl.", "sasl."))
    )
    if lost:
        _log.warning(
            "the monitor's Kafka client ignores %s, which it does not know; the other workers use them", ", ".join(lost)
        )
    words = {
        "heartbeat.interval.ms": ("broker_heartbeat_interval", 1_000),
        "max.poll.interval.ms": ("broker_max_poll_interval", 1_000),
        "linger.ms": ("producer_linger", 1_000),
    }
    found: dict[str, Any] = {"broker_client_id": kafka["client.id"]} if "client.id" in kafka else {}
    for name, (word, unit) in words.items():
        if name in kafka:
            try:
                found[word] = float(kafka[name]) / unit
            except ValueError:
                raise UserError(f"{name} ({variable_of(name)}) got {kafka[name]!r}; give a number of ms") from None
    return found


def _tls(kafka: Mapping[str, str]) -> ssl.SSLContext:
    where = None if kafka.get("ssl.ca.location") == "probe" else kafka.get("ssl.ca.location")
    folder = where is not None and Path(where).is_dir()
    try:
        context = ssl.create_default_context(
            cafile=None if folder else where,
            capath=where if folder else None,
            cadata=kafka.get("ssl.ca.pem"),
        )
        if "ssl.cipher.suites" in kafka:
            context.set_ciphers(kafka["ssl.cipher.suites"])
        if "ssl.certificate.location" in kafka:
            # without a password OpenSSL would ask for one on the terminal
            password = kafka.get("ssl.key.password", "")
            context.load_cert_chain(kafka["ssl.certificate.location"], kafka.get("ssl.key.location"), password)
    except (OSError, ValueError) as error:
        raise UserError(
            f"the TLS files cannot be used ({error}); check KAFKA_SSL_CA_LOCATION, KAFKA_SSL_CERTIFICATE_LOCATION, "
            f"KAFKA_SSL_KEY_LOCATION and KAFKA_SSL_KEY_PASSWORD, and give PEM files"
        ) from None
    if kafka.get("ssl.endpoint.identification.algorithm", "https").lower() == "none":
        context.check_hostname = False
    if kafka.get("enable.ssl.certificate.verification", "true").lower() in ("false", "f", "0"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
