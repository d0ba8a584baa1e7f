"""What sinks have still to be sent, read from Kafka alone: no monitor is asked, and none need be at work."""

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from contract.alert_rules import SinkRule
from contract.alerts import Alert
from contract.errors import UserError
from contract.kafka.clients import build_client, client_config
from contract.settings import Settings
from contract.topics import ALERTS, alerts_group
from monitor.alert_sinks.position import SinkProgress, newest_standing, progress_of
from monitor.alert_sinks.selection import SinkSelection


@dataclass(frozen=True)
class Backlog:
    """``waiting`` alerts of a sink; why it fails, and since when (wall time, ms), where it does. ``begun``: whether a
    monitor has ever been at work for it; if none has, those wait that stand.
    """

    sink: str
    waiting: int
    begun: bool
    failing: str = ""
    since: int | None = None


def backlog_of(settings: Settings, rule: SinkRule, alerts: Sequence[tuple[int, Alert]], timeout: float) -> Backlog:
    """``alerts`` are all on the topic, with their offsets; ``timeout`` of the call to the broker, in seconds.

    Raises:
        UserError: the broker does not answer, or refuses.
    """
    offset, progress = position_of(settings, rule.name, timeout)
    until = progress.standing_until if offset is not None else max((at + 1 for at, _ in alerts), default=0)
    standing, selection = newest_standing(list(alerts), until), SinkSelection(rule)
    waiting = 0
    for at, alert in alerts:
        passed_over = at < until and at not in standing
        if offset is not None and at < offset:
            selection.wants(alert)
        elif not passed_over and selection.wants(alert):
            waiting += 1
    since = progress.since if progress.failing else None
    return Backlog(rule.name, waiting, offset is not None, progress.failing, since)


def position_of(settings: Settings, sink: str, timeout: float) -> tuple[int | None, SinkProgress]:
    """A sink's committed offset (None: it has none) and what is noted beside it. ``timeout`` in seconds.

    Raises:
        UserError: the broker does not answer, or refuses.
    """
    group = {"group.id": settings.topic(alerts_group(sink)), "enable.auto.commit": False}
    consumer = build_client(Consumer, client_config(settings) | group)
    try:
        [found] = consumer.committed([TopicPartition(settings.topic(ALERTS), 0)], timeout)
    except KafkaException as error:
        raise UserError(
            f"cannot read how far alert sink {sink} has come ({error.args[0].str()}); check KAFKA_BOOTSTRAP_SERVERS"
        ) from None
    finally:
        consumer.close()
    return (found.offset, progress_of(found.metadata)) if found.offset >= 0 else (None, SinkProgress())
