"""Topics made where they are missing, and looked at where they exist: whether what is there can be used."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from contract.errors import UserError
from contract.kafka.topic_format import TOPIC_FORMAT, hold_messages, read_format, write_format
from contract.settings import Settings
from contract.topics import ALERTS, DEAD_LETTERS, FORMAT, OUTCOMES, PANES, PREDICTIONS, WINDOWS, TopicSpec, topic_specs

# customers and labels may be somebody else's, and filled before we first start
_WRITTEN_BY_US = (PREDICTIONS, OUTCOMES, DEAD_LETTERS, PANES, WINDOWS, ALERTS)


def ensure_topics(admin: AdminClient, settings: Settings, timeout: float | None = None) -> list[str]:
    """Create the topics that are missing and check those that exist; returns the names of the created ones.

    The format is on record before anything is written, so messages of ours without one are those of an older version.
    ``timeout`` in seconds bounds each call; by default it is the settings' ``request_timeout_ms``.

    Raises:
        UserError: the broker is out of reach or refuses, or an existing topic does not fit.
    """
    timeout = settings.request_timeout_ms / 1_000 if timeout is None else timeout
    specs = topic_specs(settings)
    existing = _partitions(admin, timeout)
    known = _format(settings, existing, timeout)
    _refuse(_format_problem(settings, existing, known))
    missing = [spec for spec in specs if spec.name not in existing]
    created = []
    if known is None:
        record = [spec for spec in missing if spec.name == settings.topic(FORMAT)]
        created = _create(admin, settings, record, timeout)
        if read_format(settings, timeout) is None:
            write_format(settings, timeout)
        # of several workers that write it at once, the first one counts, whatever its version
        _refuse(_format_problem(settings, existing, read_format(settings, timeout)))
    created += _create(admin, settings, [spec for spec in missing if spec.name not in created], timeout)
    _refuse(*_misfits(admin, settings, _partitions(admin, timeout), timeout))
    return created


def misfits(admin: AdminClient, settings: Settings, timeout: float = 30.0) -> list[str]:
    """What is wrong with the topics, one sentence each with its remedy; empty if all exist and fit.

    Raises:
        UserError: the broker is out of reach.
    """
    found = _partitions(admin, timeout)
    problem = _format_problem(settings, found, _format(settings, found, timeout))
    return [problem] if problem else _misfits(admin, settings, found, timeout)


def _misfits(admin: AdminClient, settings: Settings, found: dict[str, int], timeout: float) -> list[str]:
    """As ``misfits``, of topics whose format is known to fit; ``found`` are the partitions of those that exist."""
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


def _refuse(*problems: str | None) -> None:
    told = "; ".join(problem for problem in problems if problem)
    if told:
        raise UserError(told)


def _format(settings: Settings, existing: dict[str, int], timeout: float) -> int | None:
    """The format of what is on the topics: 0 if messages of ours are there without one, None if nothing is."""
    found = read_format(settings, timeout) if settings.topic(FORMAT) in existing else None
    written = {name: existing[name] for name in _written(settings, existing)}
    return 0 if found is None and hold_messages(settings, written, timeout) else found


def _format_problem(settings: Settings, existing: dict[str, int], found: int | None) -> str | None:
    """Why what is on the topics cannot be read by this version; None if it can."""
    if found is None or found == TOPIC_FORMAT:
        return None
    return (
        f"the topics {', '.join(_written(settings, existing))} have format {found}, this version reads {TOPIC_FORMAT}; "
        f"delete the stream's topics and state folders (with Docker: docker compose down -v), or use another "
        f"CHURNSTREAM_TOPIC_PREFIX and CHURNSTREAM_STATE_DIR"
    )


def _written(settings: Settings, existing: dict[str, int]) -> list[str]:
    return [name for name in map(settings.topic, _WRITTEN_BY_US) if name in existing]


def _create(admin: AdminClient, settings: Settings, specs: list[TopicSpec], timeout: float) -> list[str]:
    """Create topics; returns the names of those that nobody else has created meanwhile."""
    if not specs:
        return []
    requests = [
        NewTopic(spec.name, spec.partitions, replication_factor=settings.replication_factor, config=spec.config)
        for spec in specs
    ]
    created = []
    for name, future in admin.create_topics(requests, operation_timeout=timeout).items():
        try:
            future.result(timeout)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise UserError(f"topic {name} cannot be created: {error.args[0].str()}") from None
    _await(admin, [spec.name for spec in specs], timeout)
    return created


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
