"""The Faust application that the timeline runs on: one consumer of ``panes``. It makes no topic, and writes no file.

Where this departs from Faust's defaults, and why: it reads committed messages only (Faust does so only with its own
``exactly_once``, which is not used: it crashes and doubles on a rebalance); it begins where the timeline's state ends,
not where the group last committed; an agent that fails ends the worker instead of leaving it up and doing nothing; no
tables, because their changelogs would be a second copy of our topics, and so no folder; no web server, no leader topic,
no monitor of its own.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import aiokafka
import faust
import mode
from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from contract.errors import ChurnstreamError, UserError
from contract.settings import Settings
from contract.topics import MAX_MESSAGE_BYTES
from monitor.timeline.kafka_properties import broker_urls, credentials, tuning

GROUP = "timeline"


class InterruptedWaitError(ChurnstreamError):
    """The application stops while an agent waits for something; the wait is given up."""


_ISOLATION = "_isolation_level"


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        read_committed_only(consumer)
        return consumer


class CommittedConsumer(driver.Consumer):
    """Sees committed messages only. ``begin_at``: the offset to read from in each partition that may be assigned."""

    begin_at: dict[TP, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.begin_at = {}

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        try:
            return await super()._commit(offsets)
        except asyncio.CancelledError:
            # the thread of a worker that has failed ends first; the worker must still end in order
            if not self._thread.should_stop:
                raise
            return False

    async def perform_seek(self) -> None:
        """Go to ``begin_at``; Faust calls this before the first message after each rebalance."""
        positions = {partition: self.begin_at[partition] for partition in self.assignment() & self.begin_at.keys()}
        if not positions:
            return
        await self.seek_wait(positions)
        for partition, offset in positions.items():
            self._read_offset[partition] = offset or None
            self._committed_offset[partition] = offset or None


class _Transport(driver.Transport):
    Consumer = CommittedConsumer


class _App(faust.App):
    def _create_directories(self) -> None:
        """Make none: tables alone need them, and a full disk must not keep us from starting."""


def read_committed_only(consumer: AIOKafkaConsumer) -> None:
    """Let a consumer that has not started yet see no message of an open or aborted transaction.

    Faust has no setting for it, and aiokafka none after construction; its fetcher takes the level up at the start.

    Raises:
        UserError: this aiokafka keeps the level elsewhere, so it cannot be set.
    """
    if getattr(consumer, _ISOLATION, None) not in ("read_uncommitted", "read_committed"):
        raise UserError(
            f"aiokafka {aiokafka.__version__} cannot be set to read committed messages only; install the version that "
            f"constraints.txt names"
        )
    setattr(consumer, _ISOLATION, "read_committed")


def create_app(settings: Settings) -> faust.App:
    """The application, without agents.

    Raises:
        UserError: a Kafka property asks for what Faust's driver cannot do.
    """
    seconds = settings.session_timeout_ms / 1_000
    app = _App(
        settings.topic(GROUP),
        broker=broker_urls(settings.kafka),
        broker_credentials=credentials(settings.kafka),
        broker_session_timeout=seconds,
        broker_request_timeout=max(settings.request_timeout_ms / 1_000, seconds + 1),
        # how long a message that cannot be delivered is kept, and so how long the end of a worker may wait for it
        producer_request_timeout=settings.request_timeout_ms / 1_000,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_MESSAGE_BYTES,
        producer_max_request_size=MAX_MESSAGE_BYTES,
        producer_compression_type="lz4",
        # while the agent computes, messages wait, and each may be as large as MAX_MESSAGE_BYTES
        stream_buffer_maxsize=64,
        broker_max_poll_records=64,
        topic_partitions=1,
        topic_allow_declare=False,
        topic_disable_leader=True,
        agent_supervisor=mode.CrashingSupervisor,
        web_enabled=False,
        store="memory://",
        autodiscover=False,
        **({"broker_heartbeat_interval": max(seconds / 4, 0.25)} | tuning(settings.kafka)),
    )
    app.transport = _Transport(app.conf.broker_consumer, app)
    return app
