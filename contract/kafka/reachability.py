"""Whether Kafka can be reached, and why not, in librdkafka's own words: what every command asks before its work.

librdkafka hands out what it has met only when it is polled, and goes on trying without end. So the client that asks is
polled while it waits, and what it says is kept by address. All waiting is done in short calls, so that Ctrl-C works.
"""

import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, BrokerMetadata, ConfigResource, ResourceType

from contract.errors import UserError
from contract.kafka.clients import DEFAULT_BOOTSTRAP_SERVERS, build_client, client_config
from contract.masking import without_secrets
from contract.settings import Settings

_CALL_SECONDS, _POLL_SECONDS, _TLS_SECONDS = 0.25, 0.05, 1.0
_DEFAULT_PORT, _INTERNAL = 9092, ":0"
_PROTOCOL = "KAFKA_SECURITY_PROTOCOL"
_SLOW_SECONDS = 10.0
"""How long a broker may be silent that has taken the connection: one under load answers late."""
_OF = r"(?:\[thrd:[^\]]*\]: )?(?:\w+://)?(?P<address>\S+)/\w+: "
_FAILED = re.compile(
    _OF + r"(?P<reason>.*?)"
    # behind it librdkafka may say that the same has failed so often
    r"(?: \(after \d+ms in state (?P<state>\w+).*)?"
)
_STATE = re.compile(_OF + r"Broker changed state \w+ -> (?P<state>\w+)")
_OWN_DOING = ("Decommissioning this broker", "Broker handle is terminating")
_CONNECTED = {"SSL_HANDSHAKE", "APIVERSION_QUERY", "AUTH_LEGACY", "AUTH_HANDSHAKE", "AUTH_REQ", "UP"}
_log = logging.getLogger("churnstream.kafka")
_NO_ANSWER = (KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, KafkaError._TRANSPORT, KafkaError._DESTROY)


@dataclass(frozen=True)
class KafkaFound:
    """Where Kafka was looked for, and how many brokers it has said to have."""

    servers: str
    brokers: int


@dataclass(frozen=True)
class _Failure:
    """Why there was no connection to an address, in librdkafka's words, and the state that the connection was in."""

    reason: str
    state: str

    @property
    def of_tls(self) -> bool:
        return self.state == "SSL_HANDSHAKE" or "SSL handshake failed" in self.reason

    @property
    def of_login(self) -> bool:
        return "SASL" in self.reason

    @property
    def lasts(self) -> bool:
        """Whether waiting is of no use."""
        return self.of_tls or self.of_login


class _BrokerLines:
    """The logger of a client: the last failure, and the connection's state, by address."""

    def __init__(self) -> None:
        self.failures: dict[str, _Failure] = {}
        self.states: dict[str, str] = {}

    def log(self, _level: int, _form: str, kind: str, _client: str, text: str) -> None:
        """Take a line in, as confluent-kafka hands it out."""
        if kind == "FAIL" and (failed := _FAILED.fullmatch(text)) and not failed["reason"].startswith(_OWN_DOING):
            address, state = failed["address"], failed["state"] or ""
            # what is said first of a failure tells most
            if address not in self.failures or self.failures[address].state != state:
                self.failures[address] = _Failure(without_secrets(failed["reason"]).rstrip(": "), state)
        elif kind == "STATE" and (changed := _STATE.fullmatch(text)):
            self.states[changed["address"]] = changed["state"]

    def is_slow(self) -> bool:
        """Whether somebody has taken a connection and has only not answered yet."""
        return any(state in _CONNECTED and address not in self.failures for address, state in self.states.items())

    def is_refused(self, addresses: Sequence[str]) -> bool:
        """Whether all addresses have failed in a way that lasts."""
        return all(address in self.failures and self.failures[address].lasts for address in addresses)


def require_kafka(settings: Settings) -> KafkaFound:
    """Ask for Kafka, for at most ``connect_timeout_ms``; a broker that is only slow has ten seconds.

    Raises:
        UserError: none answers; the message names address, cause and remedy. Or the properties are of no use.
    """
    servers = settings.kafka.get("bootstrap.servers", DEFAULT_BOOTSTRAP_SERVERS)
    return _KafkaSearch(settings, servers).run()


class _KafkaSearch:
    def __init__(self, settings: Settings, servers: str) -> None:
        self._settings = settings
        self._servers = servers
        self._addresses = [_with_port(server.strip()) for server in servers.split(",") if server.strip()]
        self._patience = settings.connect_timeout_ms / 1_000
        self._began = time.monotonic()
        self._heard = _BrokerLines()
        self._told = False

    def run(self) -> KafkaFound:
        own: dict[str, Any] = {
            "logger": self._heard,
            # without it, a connection that is closed before the first answer is not told of
            "debug": "broker",
            # or each failed round begins anew without a pause
            "metadata.recovery.strategy": "none",
        }
        config = client_config(self._settings) | own
        self._await_names()
        admin = build_client(AdminClient, config)
        brokers = self._brokers(admin)
        if not {f"{broker.host}:{broker.port}" for broker in brokers} & set(self._addresses):
            self._require_one_of(admin, brokers)
        return KafkaFound(self._servers, len(brokers))

    def _await_names(self) -> None:
        """Wait for the name server in threads that may be left behind, because librdkafka's own could not be."""
        answers: list[bool] = []
        names = {_host_and_port(address)[0] for address in self._addresses}
        for name in names:
            threading.Thread(target=_resolve, args=(name, answers), daemon=True).start()
        while not any(answers) and len(answers) < len(names):
            if time.monotonic() - self._began > self._patience:
                raise UserError(
                    f"no broker answers at {self._servers}: the name server did not resolve {', '.join(sorted(names))} "
                    f"within {self._patience:g} s; check the network, and KAFKA_BOOTSTRAP_SERVERS"
                )
            time.sleep(_POLL_SECONDS)

    def _brokers(self, admin: AdminClient) -> list[BrokerMetadata]:
        while True:
            try:
                return list(admin.list_topics(timeout=_CALL_SECONDS).brokers.values())
            except KafkaException:
                self._go_on(admin)
            if self._heard.is_refused(self._addresses):
                self._fail()

    def _require_one_of(self, admin: AdminClient, brokers: Sequence[BrokerMetadata]) -> None:
        """Kafka answers at an address of ours, but is used at those that it names itself."""
        asked = [ConfigResource(ResourceType.BROKER, str(broker.id)) for broker in brokers]
        answers = admin.describe_configs(asked, request_timeout=self._patience + _SLOW_SECONDS)
        self._began = time.monotonic()
        while not any(_has_answered(answer) for answer in answers.values()):
            self._go_on(admin)
            time.sleep(_POLL_SECONDS)

    def _go_on(self, admin: AdminClient) -> None:
        """Hear what there is to be heard, and give up when it is time to."""
        while admin.poll(0):
            pass
        waited = time.monotonic() - self._began
        if waited <= self._patience:
            return
        if not self._heard.is_slow() or waited > _SLOW_SECONDS:
            self._fail()
        if not self._told:
            _log.warning("%s has accepted the connection, but not answered yet; waiting", self._servers)
            self._told = True

    def _fail(self) -> NoReturn:
        failures = self._heard.failures
        named = self._heard.states.keys() - {*self._addresses, _INTERNAL}
        if named:
            said = [failures[address].reason for address in named if address in failures]
            raise UserError(
                f"Kafka answers at {self._servers}, but sends its clients on to {', '.join(sorted(named))}, where "
                f"nothing answers ({said[-1] if said else 'no answer'}); set the brokers' advertised.listeners to an "
                "address that this machine can reach"
            )
        known = [(address, failures[address]) for address in self._addresses if address in failures]
        if not known:
            address = self._addresses[0] if self._addresses else self._servers
            silent = "has accepted the connection, but not answered" if self._heard.is_slow() else "has not answered"
            raise UserError(
                f"no broker answers at {self._servers}: {address} {silent} within "
                f"{time.monotonic() - self._began:.0f} s; check that this is Kafka's address and that no firewall "
                f"blocks it; to wait longer, raise CHURNSTREAM_CONNECT_TIMEOUT_MS"
            )
        # where several are given, one that is there tells more than one that is not
        address, failure = max(known, key=lambda pair: (pair[1].lasts, pair[1].state in _CONNECTED))
        protocol = self._settings.kafka.get("security.protocol", "plaintext").upper()
        why, remedy = _explained(address, failure, protocol, self._settings.kafka.get("ssl.ca.location"))
        raise UserError(
            f"no broker answers at {address} ({protocol}): {failure.reason}{f' ({why})' if why else ''}; {remedy}"
        )


def _with_port(server: str) -> str:
    address = server.rpartition("://")[2].strip("/")
    return address if re.search(r":\d+$", address) else f"{address}:{_DEFAULT_PORT}"


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _resolve(name: str, answers: list[bool]) -> None:
    try:
        socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        answers.append(False)
    else:
        answers.append(True)


def _has_answered(answer: Any) -> bool:
    """Whether the broker itself has answered, be it that it refuses."""
    if not answer.done():
        return False
    error = answer.exception()
    return not (isinstance(error, KafkaException) and error.args[0].code() in _NO_ANSWER)


def _explained(address: str, failure: _Failure, protocol: str, authorities: str | None) -> tuple[str, str]:
    """What librdkafka has left unsaid of a failure, and what to do about it."""
    where = "KAFKA_BOOTSTRAP_SERVERS (--bootstrap-servers)"
    if failure.of_login:
        if "current SASL state" in failure.reason:
            return "", (
                f"this listener does not accept a login: set {_PROTOCOL} to PLAINTEXT or SSL, or name its other port"
            )
        return "", "check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
    if failure.of_tls:
        why = _tls_problem(address, authorities)
        if why is None:
            return "", f"this listener has no TLS: set {_PROTOCOL} to PLAINTEXT or SASL_PLAINTEXT, or name its TLS port"
        if "match" in why:
            return why, f"set {where} to a name that is in the certificate"
        return why, "set KAFKA_SSL_CA_LOCATION to the file of the authority that signed the broker's certificate"
    if failure.reason.startswith("Failed to resolve"):
        return "", f"set {where} to a name that this machine knows"
    if failure.state == "CONNECT":
        return "", f"start it (`churnstream kafka start` starts one on this machine), or set {where} to its address"
    if "SSL" not in protocol and _tls_problem(address, None) is not None:
        return "", f"this listener requires TLS: set {_PROTOCOL} to SSL or SASL_SSL, or name its other port"
    return "", (
        f"check that this is Kafka's port, and {_PROTOCOL}: one that requires a login is SASL_PLAINTEXT or SASL_SSL"
    )


def _tls_problem(address: str, authorities: str | None) -> str | None:
    """What is wrong with the certificate there, of which librdkafka says only that it is; None: there is no TLS."""
    host = _host_and_port(address)
    try:
        context = ssl.create_default_context(cafile=authorities)
        with socket.create_connection(host, _TLS_SECONDS) as plain, context.wrap_socket(plain, server_hostname=host[0]):
            return ""
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message).rstrip(".")
    except ssl.SSLEOFError:
        return None
    except ssl.SSLError as error:
        return None if error.reason == "WRONG_VERSION_NUMBER" else str(error.reason)
    except (OSError, ValueError):
        return None
