"""The Faust application that the timeline runs on: one consumer of ``panes``, with its tables.

Where this departs from Faust's defaults, and why: it reads committed messages only (Faust does so only with its own
``exactly_once``, which is not used: it crashes and doubles on a rebalance); an agent that fails ends the worker instead
of leaving it up and doing nothing; no web server, no leader topic, no monitor of its own.
"""

import ssl
from pathlib import Path
from typing import Any

import faust
import mode
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from yarl import URL

from contract.errors import UserError
from contract.kafka.clients import DEFAULT_BOOTSTRAP_SERVERS
from contract.settings import Settings
from contract.topics import MAX_MESSAGE_BYTES

GROUP = "timeline"


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for it; the fetcher takes it up when the consumer starts
        consumer._isolation_level = "read_committed"
        return consumer


class _CommittedConsumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Transport(driver.Transport):
    Consumer = _CommittedConsumer


def create_app(settings: Settings, data_dir: Path) -> faust.App:
    """The application, without agents and tables. ``data_dir`` is where Faust keeps what it must.

    Raises:
        UserError: a Kafka property asks for what Faust's driver cannot do.
    """
    seconds = settings.session_timeout_ms / 1_000
    app = faust.App(
        settings.topic(GROUP),
        broker=_broker_urls(settings),
        broker_credentials=_credentials(settings.kafka),
        broker_session_timeout=seconds,
        broker_heartbeat_interval=max(seconds / 4, 0.25),
        broker_request_timeout=max(settings.request_timeout_ms / 1_000, seconds + 1),
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_MESSAGE_BYTES,
        producer_max_request_size=MAX_MESSAGE_BYTES,
        producer_compression_type="lz4",
        topic_partitions=1,
        topic_replication_factor=settings.replication_factor,
        topic_disable_leader=True,
        agent_supervisor=mode.CrashingSupervisor,
        web_enabled=False,
        store="memory://",
        datadir=data_dir,
        autodiscover=False,
    )
    app.transport = _Transport(app.conf.broker_consumer, app)
    return app


def _broker_urls(settings: Settings) -> list[URL]:
    servers = settings.kafka.get("bootstrap.servers", DEFAULT_BOOTSTRAP_SERVERS)
    return [URL(f"kafka://{server.strip()}") for server in servers.split(",")]


def _credentials(kafka: dict[str, str]) -> Any:
    """Faust's form of librdkafka's security properties."""
    protocol = kafka.get("security.protocol", "plaintext").lower()
    if protocol == "plaintext":
        return None
    context = ssl.create_default_context(cafile=kafka.get("ssl.ca.location")) if "ssl" in protocol else None
    if context is not None and "ssl.certificate.location" in kafka:
        context.load_cert_chain(
            kafka["ssl.certificate.location"], kafka.get("ssl.key.location"), kafka.get("ssl.key.password")
        )
    if protocol == "ssl":
        return faust.SSLCredentials(context)
    mechanism = kafka.get("sasl.mechanism", kafka.get("sasl.mechanisms", "PLAIN")).upper()
    if mechanism not in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        raise UserError(
            f"sasl.mechanism {mechanism!r} (KAFKA_SASL_MECHANISM) is not known to the monitor; "
            f"give it PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
        )
    return faust.SASLCredentials(
        username=kafka.get("sasl.username"),
        password=kafka.get("sasl.password"),
        mechanism=mechanism,
        ssl_context=context,
    )
