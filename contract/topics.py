"""Our topics: which there are, how they are made, and whether those that exist fit."""

import time
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from contract.errors import UserError
from contract.settings import Settings

CUSTOMERS = "customers"
LABELS = "labels"
PREDICTIONS = "predictions"
OUTCOMES = "outcomes"
DEAD_LETTERS = "dead-letters"
PANES = "panes"
WINDOWS = "windows"
ALERTS = "alerts"

MAX_VALUE_BYTES = 1_000_000
"""A customer or label value above this size is dead-lettered as ``too-large``."""
MAX_MESSAGE_BYTES = 10_000_000
"""What a topic takes, so that an oversized value can reach the scorer and the dead letters instead of vanishing."""
MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 100_000
"""The largest message with the headers that a dead letter adds to it."""

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class TopicSpec:
    """One topic as we need it: full name, partitions, and the configuration that our guarantees rest on."""

    name: str
    partitions: int
    config: dict[str, str] = field(default_factory=dict)


def topic_specs(settings: Settings) -> tuple[TopicSpec, ...]:
    """All topics of a stream.

    Those keyed by customer have the same number of partitions, so that a customer's messages meet. ``panes``,
    ``windows`` and ``alerts`` have one: a window needs the panes of all partitions in one place.
    """
    size = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    stream = {"cleanup.policy": "delete", **size}
    # a join that lost its store reads back three times the label lateness (monitor.rules)
    joined = {**stream, "retention.ms": str(3 * settings.label_lateness + 7 * _DAY_MS)}
    long = {**stream, "retention.ms": str(365 * _DAY_MS), "max.message.bytes": str(MAX_DEAD_LETTER_BYTES)}
    compact = {"cleanup.policy": "compact", **size}
    many = settings.partitions
    plan = [
        (CUSTOMERS, many, stream),
        (LABELS, many, joined),
        (PREDICTIONS, many, joined),
        (OUTCOMES, many, stream),
        (DEAD_LETTERS, many, long),
        (PANES, 1, compact),
        (WINDOWS, 1, compact),
        (ALERTS, 1, compact),
    ]
    return tuple(TopicSpec(settings.topic(name), count, config) for name, count, config in plan)


def ensure_topics(admin: AdminClient, settings: Settings, timeout: float | None = None) -> list[str]:
    """Create the topics that are missing and check those that exist; returns the names of the created ones.

    ``timeout`` in seconds bounds each call; by default it is the settings' ``request_timeout_ms``.

    Raises:
        UserError: the broker is out of reach or refuses, or an existing topic does not fit.
    """
    timeout = settings.request_timeout_ms / 1_000 if timeout is None else timeout
    specs = topic_specs(settings)
    existing = _partitions(admin, timeout)
    missing = [spec for spec in specs if spec.name not in existing]
    requests = [
        NewTopic(spec.name, spec.partitions, replication_factor=settings.replication_factor, config=spec.config)
        for spec in missing
    ]
    created = []
    if requests:
        for name, future in admin.create_topics(requests, operation_timeout=timeout).items():
            try:
                future.result(timeout)
                created.append(name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise UserError(f"topic {name} cannot be created: {error.args[0].str()}") from None
    _await(admin, created, timeout)
    problems = misfits(admin, settings, timeout)
    if problems:
        raise UserError("; ".join(problems))
    return created


def misfits(admin: AdminClient, settings: Settings, timeout: float = 30.0) -> list[str]:
    """What is wrong with the topics, one sentence each with its remedy; empty if all exist and fit.

    Raises:
        UserError: the broker is out of reach.
    """
    found = _partitions(admin, timeout)
    specs = topic_specs(settings)
    problems = [
        f"topic {spec.name} does not exist; run any churnstream worker, or `churnstream doctor --create-topics`"
        for spec in specs
        if spec.name not in found
    ]
    present = [spec for spec in specs if spec.name in found]
    for spec in present:
        if found[spec.name] != spec.partitions:
            problems.append(
                f"topic {spec.name} has {found[spec.name]} partitions where {spec.partitions} are needed; set "
                f"CHURNSTREAM_PARTITIONS to the number that all have, or use another CHURNSTREAM_TOPIC_PREFIX"
            )
    resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in present]
    answers = admin.describe_configs(resources, request_timeout=timeout) if resources else {}
    policies = {resource.name: future.result(timeout)["cleanup.policy"].value for resource, future in answers.items()}
    for spec in present:
        wanted = spec.config["cleanup.policy"]
        if policies[spec.name] != wanted:
            problems.append(
                f"topic {spec.name} has cleanup.policy={policies[spec.name]} where {wanted} is needed; "
                f"alter it, or use another CHURNSTREAM_TOPIC_PREFIX"
            )
    return problems


def _await(admin: AdminClient, names: list[str], timeout: float) -> None:
    """Wait until the broker shows the topics: it answers a creation before its metadata has it."""
    deadline = time.monotonic() + timeout
    while not _partitions(admin, timeout).keys() >= set(names) and time.monotonic() < deadline:
        time.sleep(0.05)


def _partitions(admin: AdminClient, timeout: float) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=timeout)
    except KafkaException as error:
        raise UserError(
            f"no Kafka answers ({error.args[0].str()}); check KAFKA_BOOTSTRAP_SERVERS and that the broker runs"
        ) from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}
