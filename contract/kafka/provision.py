"""Topics made where they are missing, and looked at where they exist: whether what is there can be used."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from contract.errors import UserError
from contract.kafka.reachability import require_kafka
from contract.kafka.topic_format import TOPIC_FORMAT, hold_messages, read_format, write_format
from contract.settings import Settings
from contract.topics import (
    ALERTS,
    DEAD_LETTERS,
    FORMAT,
    OUTCOMES,
    PANES,
    PREDICTIONS,
    VERSIONS,
    WINDOWS,
    TopicSpec,
    topic_specs,
)

# customers and labels may be somebody else's, and filled before we first start
_WRITTEN_BY_US = (PREDICTIONS, OUTCOMES, DEAD_LETTERS, PANES, WINDOWS, ALERTS, VERSIONS)

_BROKERS_DEFAULT = -1
# Kafka does not show a topic to a user who may not describe it
_NOT_ALLOWED = (
    "if it exists, grant this user DESCRIBE on it; otherwise grant CREATE, or have an administrator run `churnstream "
    "doctor --create-topics`"
)
_NOT_CREATED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _NOT_ALLOWED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _NOT_ALLOWED,
    KafkaError.INVALID_REPLICATION_FACTOR: "set CHURNSTREAM_REPLICATION_FACTOR to at most the number of brokers",
    KafkaError.POLICY_VIOLATION: "create it as docs/topics.md says, in a way that the broker's policy allows",
}


def ensure_topics(admin: AdminClient, settings: Settings, timeout: float | None = None) -> list[str]:
    """Create the topics that are missing and check those that exist; returns the names of the created ones.

    The format is on record before anything is written, so messages of ours without one are those of an older version.
    ``timeout`` in seconds bounds each call; by default it is the settings' ``request_timeout_ms``.

    Raises:
        UserError: the broker is out of reach or refuses, or an existing topic does not fit.
    """
    require_kafka(settings)
    return _StreamTopics(admin, settings, settings.request_timeout_ms / 1_000 if timeout is None else timeout).ensure()


def misfits(admin: AdminClient, settings: Settings, timeout: float = 30.0) -> list[str]:
    """What is wrong with the topics, one sentence each with its remedy; empty if all exist and fit.

    Raises:
        UserError: the broker is out of reach.
    """
    return _StreamTopics(admin, settings, timeout).misfits()


class _StreamTopics:
    """The topics of one stream as a broker has them; ``timeout`` in seconds bounds each call."""

    def __init__(self, admin: AdminClient, settings: Settings, timeout: float) -> None:
        self._admin = admin
        self._settings = settings
        self._timeout = timeout
        self._specs = topic_specs(settings)
        self._found = _partitions(admin, timeout)

    def ensure(self) -> list[str]:
        known = self._format()
        self._refuse_format(known)
        missing = [spec for spec in self._specs if spec.name not in self._found]
        created = []
        if known is None:
            record = [spec for spec in missing if spec.name == self._settings.topic(FORMAT)]
            created = self._create(record)
            if read_format(self._settings, self._timeout) is None:
                write_format(self._settings, self._timeout)
            # of several workers that write it at once, the first one counts, whatever its version
            self._refuse_format(read_format(self._settings, self._timeout))
        created += self._create([spec for spec in missing if spec.name not in created])
        self._found = _partitions(self._admin, self._timeout)
        if problems := self._topic_problems():
            raise UserError("; ".join(problems))
        return created

    def misfits(self) -> list[str]:
        problem = self._format_problem(self._format())
        return [problem] if problem else self._topic_problems()

    def _topic_problems(self) -> list[str]:
        """What is wrong with single topics, whose format is known to fit."""
        problems = [
            f"topic {spec.name} does not exist; run any churnstream worker, or `churnstream doctor --create-topics`"
            for spec in self._specs
            if spec.name not in self._found
        ]
        present = [spec for spec in self._specs if spec.name in self._found]
        for spec in present:
            if self._found[spec.name] != spec.partitions:
                problems.append(
                    f"topic {spec.name} has {self._found[spec.name]} partitions where {spec.partitions} are needed; "
                    f"set CHURNSTREAM_PARTITIONS to the number that all have, or use another CHURNSTREAM_TOPIC_PREFIX"
                )
        policies = self._policies(present)
        for spec in present:
            wanted = spec.config["cleanup.policy"]
            if policies[spec.name] != wanted:
                problems.append(
                    f"topic {spec.name} has cleanup.policy={policies[spec.name]} where {wanted} is needed; change it, "
                    "or use another CHURNSTREAM_TOPIC_PREFIX"
                )
        return problems

    def _policies(self, specs: list[TopicSpec]) -> dict[str, str | None]:
        resources = [ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs]
        answers = self._admin.describe_configs(resources, request_timeout=self._timeout) if resources else {}
        policies = {}
        for resource, future in answers.items():
            try:
                policies[resource.name] = future.result(self._timeout)["cleanup.policy"].value
            except KafkaException as error:
                raise UserError(_unseen(resource.name, error.args[0])) from None
        return policies

    def _format(self) -> int | None:
        """The format of what is on the topics: 0 if messages of ours are there without one, None if nothing is."""
        known = self._settings.topic(FORMAT) in self._found
        found = read_format(self._settings, self._timeout) if known else None
        written = {name: self._found[name] for name in self._written()}
        return 0 if found is None and hold_messages(self._settings, written, self._timeout) else found

    def _refuse_format(self, found: int | None) -> None:
        if problem := self._format_problem(found):
            raise UserError(problem)

    def _format_problem(self, found: int | None) -> str | None:
        """Why what is on the topics cannot be read by this version; None if it can."""
        if found is None or found == TOPIC_FORMAT:
            return None
        return (
            f"the topics {', '.join(self._written())} have format {found}, but this version reads {TOPIC_FORMAT}; "
            "delete the stream with `churnstream reset` (with Docker: docker compose down -v), or use another "
            "CHURNSTREAM_TOPIC_PREFIX and CHURNSTREAM_STATE_DIR"
        )

    def _written(self) -> list[str]:
        return [name for name in map(self._settings.topic, _WRITTEN_BY_US) if name in self._found]

    def _create(self, specs: list[TopicSpec]) -> list[str]:
        """Create topics; returns the names of those that nobody else has created meanwhile."""
        if not specs:
            return []
        replicas = self._settings.replication_factor or _BROKERS_DEFAULT
        requests = [
            NewTopic(spec.name, spec.partitions, replication_factor=replicas, config=spec.config) for spec in specs
        ]
        created = []
        for name, future in self._admin.create_topics(requests, operation_timeout=self._timeout).items():
            try:
                future.result(self._timeout)
                created.append(name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise UserError(_not_created(name, error.args[0])) from None
        _await(self._admin, [spec.name for spec in specs], self._timeout)
        return created


def _unseen(topic: str, error: KafkaError) -> str:
    refused = error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    remedy = "grant this user DESCRIBE_CONFIGS on it" if refused else "see the broker's log"
    return f"the configuration of topic {topic} cannot be read: {error.str()}; {remedy}"


def _not_created(topic: str, error: KafkaError) -> str:
    remedy = _NOT_CREATED.get(error.code(), "see the broker's log")
    return f"topic {topic} cannot be created: {error.str()}; {remedy}"


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
            f"no broker answers ({error.args[0].str()}); check KAFKA_BOOTSTRAP_SERVERS and that the broker runs"
        ) from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}
