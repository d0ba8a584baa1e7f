"""The timeline's application from its start to its end: sign of life, topics that vanish, and how it failed."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import faust
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from confluent_kafka import KafkaError as AdminError
from confluent_kafka import KafkaException, TopicCollection

from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.group_rights import check_group_right
from contract.kafka.log_throttle import LogThrottle
from contract.settings import Settings
from contract.topics import ALERTS, PANES, VERSIONS, WINDOWS
from contract.worker.heartbeat import SECONDS_BETWEEN_BEATS, Heartbeat
from monitor.timeline.faust_app import GROUP

SECONDS_BETWEEN_LOOKS = 5.0
"""How often the topics are looked at: whether they are still those that were read at the start."""
_LOOKS_UNTIL_GONE = 2
_GRANTS = (
    (GroupAuthorizationFailedError, "grant this user READ on that consumer group"),
    (TopicAuthorizationFailedError, "grant this user READ, WRITE and DESCRIBE on that topic"),
)


async def run_timeline(
    app: faust.App,
    settings: Settings,
    stop: asyncio.Event,
    heartbeat: Heartbeat,
    is_stuck: Callable[[], bool] = lambda: False,
) -> None:
    """Run the application until ``stop`` is set, then let it commit and go.

    It has no heartbeat before it has taken up what is on the topics, and while it is stuck.

    Raises:
        UserError: the broker cannot be reached, this user may not read as the timeline's group, or one of the
            timeline's topics was deleted or made anew.
        Exception: whatever else ended an agent.
    """
    watch = TopicWatch(settings)
    failure: BaseException | None = None
    try:
        # Faust's client would wait for messages for good
        await asyncio.to_thread(check_group_right, settings, settings.topic(GROUP))
        await asyncio.to_thread(watch.look)
        at_work = asyncio.Event()
        await _run(app, at_work, _until(stop, heartbeat, lambda: is_stuck() or not at_work.is_set(), watch))
    except (UserError, KafkaError) as error:
        failure = error
    finally:
        # Faust lets out the cancellation of an agent that it has interrupted itself
        with contextlib.suppress(asyncio.CancelledError):
            await app.stop()
    failure = failure or app.crash_reason
    if isinstance(failure, KafkaConnectionError):
        raise UserError(f"no broker answers ({failure}); check KAFKA_BOOTSTRAP_SERVERS and that the broker runs")
    if isinstance(failure, KafkaError):
        grants = [grant for kind, grant in _GRANTS if isinstance(failure, kind)]
        remedy = grants[0] if grants else "check the KAFKA_… settings"
        raise UserError(f"the monitor cannot work with this Kafka ({failure}); {remedy}")
    if failure is not None:
        raise failure


async def _run(app: faust.App, at_work: asyncio.Event, until: Coroutine[Any, Any, None]) -> None:
    """Start the application and let it work ``until`` its end has come; ``at_work`` when its topics are taken up."""
    ending = asyncio.create_task(until)
    starting = asyncio.create_task(app.start())
    try:
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not ending.done():
            await starting
            at_work.set()
            await app.wait(ending)
        else:
            ending.result()
    finally:
        ending.cancel()
        if not starting.done():
            # it waits for something that may not come; an application that stops gives that up
            with contextlib.suppress(asyncio.CancelledError):
                await app.stop()
            await asyncio.wait({starting})


class TopicWatch:
    """Notices that a topic of the timeline was deleted or made anew, which Kafka's clients take for an outage."""

    def __init__(self, settings: Settings) -> None:
        self._admin = admin_client(settings)
        self._timeout = settings.request_timeout_ms / 1_000
        self._names = [settings.topic(name) for name in (PANES, WINDOWS, ALERTS, VERSIONS)]
        self._ids: dict[str, str] = {}
        self._missed = dict.fromkeys(self._names, 0)

    def look(self) -> None:
        """Compare the topics with those of the looks before. Blocks; a broker that does not answer tells nothing.

        Raises:
            UserError: a topic is another one now, or was not there for two looks.
        """
        try:
            answers = self._admin.describe_topics(TopicCollection(self._names), request_timeout=self._timeout)
        except KafkaException:
            return
        for name, answer in answers.items():
            try:
                found = str(answer.result(self._timeout).topic_id)
            except KafkaException as error:
                if error.args[0].code() == AdminError.UNKNOWN_TOPIC_OR_PART:
                    self._miss(name)
                continue
            except TimeoutError:
                continue
            self._missed[name] = 0
            if self._ids.setdefault(name, found) != found:
                raise UserError(
                    f"topic {name} was deleted and made again while the monitor was running; restart the monitor, "
                    f"so that it reads the new topic from its beginning"
                )

    def _miss(self, name: str) -> None:
        self._missed[name] += 1
        # a broker that has not heard of a new topic yet says the same
        if self._missed[name] >= _LOOKS_UNTIL_GONE:
            raise UserError(
                f"topic {name} was deleted while the monitor was running; restart the monitor, so that it makes the "
                f"topic again"
            )


class LibraryLines(LogThrottle):
    """Keeps the lines of Kafka's and Faust's clients few and short: one of a kind in ten seconds, without traceback.

    What ends the worker is told by the worker itself.
    """

    def __init__(self) -> None:
        super().__init__(seconds=10)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; it is cut to its first line."""
        if not record.name.startswith(("faust", "mode", "aiokafka", "asyncio")):
            return True
        text = record.getMessage().strip()
        if "Crashed reason=" in text:
            return False
        record.msg, record.args = text.partition("\n")[0], ()
        record.exc_info = record.exc_text = record.stack_info = None
        return super().filter(record)


def quieten_libraries() -> None:
    """Put ``LibraryLines`` before each handler of the root logger."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(LibraryLines())


async def _until(stop: asyncio.Event, heartbeat: Heartbeat, is_stuck: Callable[[], bool], watch: TopicWatch) -> None:
    looking = asyncio.create_task(_keep_looking(watch))
    try:
        while not stop.is_set():
            if looking.done():
                looking.result()
            if not is_stuck():
                heartbeat.beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), SECONDS_BETWEEN_BEATS)
    finally:
        looking.cancel()


async def _keep_looking(watch: TopicWatch) -> None:
    while True:
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        await asyncio.to_thread(watch.look)
