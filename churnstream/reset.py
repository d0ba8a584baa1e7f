"""``churnstream reset``: all that a stream has left in Kafka and on this machine, told first and then deleted.

Only what is known to be ours is touched, by its exact name: another stream's prefix may begin with this one's.
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from churnstream.stack.showcase import MARK
from contract.alert_rules import load_alert_rules
from contract.errors import UserError
from contract.kafka.peeking import peeking
from contract.settings import Settings
from contract.topics import GROUPS, alerts_group, topic_specs
from monitor.reports.files import WORKSPACE

_STATE = ("join", "monitor", "reports", WORKSPACE, MARK)
"""What a stream's workers keep in the state folder."""
_KEPT = ("models", "references")
"""Copies of what MLflow keeps, which belong to models. They stay, because MLflow's own stay."""
_TABLES = ("panes", "windows", "alerts")
"""Tables that earlier versions of the timeline kept in topics of Faust's own."""
_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND)


@dataclass(frozen=True)
class Leftovers:
    """What there is of a stream: messages by topic, groups, bytes by path; and topics that only share its prefix.

    Ends of transactions count as messages.
    """

    topics: dict[str, int]
    groups: tuple[str, ...]
    paths: dict[Path, int]
    strangers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.topics or self.groups or self.paths)


class StreamReset:
    """One stream's leftovers, found and deleted.

    Raises, from every method:
        UserError: the broker does not answer or refuses, or a worker of the stream is at work.
    """

    def __init__(self, settings: Settings, admin: AdminClient) -> None:
        self._settings = settings
        self._admin = admin
        self._timeout = settings.request_timeout_ms / 1_000
        changelogs = [settings.topic(f"timeline-{table}-changelog") for table in _TABLES]
        self._topics = [*(spec.name for spec in topic_specs(settings)), *changelogs]
        sinks = [alerts_group(sink.name) for sink in load_alert_rules(settings.alert_rules).sinks]
        self._groups = [settings.topic(name) for name in (*GROUPS, *sinks)]

    def find(self) -> Leftovers:
        """What there is to delete. Nothing is touched, and workers may be at work."""
        existing = self._partitions()
        counts = self._messages({name: existing[name] for name in self._topics if name in existing})
        listed = _done("consumer groups", self._admin.list_consumer_groups(request_timeout=self._timeout))
        known = {group.group_id for group in listed.valid}
        paths = {path: _size(path) for name in _STATE if (path := self._settings.state_dir / name).exists()}
        prefix = self._settings.topic_prefix
        strangers = [name for name in existing if prefix and name.startswith(prefix) and name not in self._topics]
        return Leftovers(counts, tuple(n for n in self._groups if n in known), paths, tuple(sorted(strangers)))

    def kept(self) -> list[Path]:
        """Folders of the state folder that stay, because they are copies of what MLflow keeps."""
        return [path for name in _KEPT if (path := self._settings.state_dir / name).exists()]

    def delete(self, found: Leftovers) -> None:
        """Delete it all; what an interrupted call leaves, the next one finds."""
        self.refuse_while_at_work(found)
        if found.groups:
            self._delete(self._admin.delete_consumer_groups(list(found.groups), request_timeout=self._timeout))
        if found.topics:
            self._delete(self._admin.delete_topics(list(found.topics), operation_timeout=self._timeout))
            deadline = time.monotonic() + self._timeout
            while self._partitions().keys() & found.topics.keys() and time.monotonic() < deadline:
                time.sleep(0.05)
        for path in found.paths:
            _remove(path)

    def refuse_while_at_work(self, found: Leftovers) -> None:
        """Raises UserError, which names the workers, if any of this stream is at work."""
        workers = []
        if found.groups:
            answers = self._admin.describe_consumer_groups(list(found.groups), request_timeout=self._timeout)
            for group, future in answers.items():
                workers += [
                    f"{member.group_instance_id or member.client_id} at {member.host.lstrip('/')} (group {group})"
                    for member in _done(f"group {group}", future).members
                ]
        locks = [lock for path in found.paths if path.is_dir() for lock in sorted(path.rglob("lock"))]
        workers += [f"a process on this machine (folder {lock.parent})" for lock in locks if _is_locked(lock)]
        if workers:
            raise UserError(
                f"the stream is in use by {', '.join(workers)}; stop all its workers first (a killed worker counts "
                f"until its session times out)"
            )

    def _partitions(self) -> dict[str, int]:
        try:
            metadata = self._admin.list_topics(timeout=self._timeout)
        except KafkaException as error:
            raise UserError(
                f"no broker answers ({error.args[0].str()}); check KAFKA_BOOTSTRAP_SERVERS and that the broker runs"
            ) from None
        return {name: len(topic.partitions) for name, topic in metadata.topics.items()}

    def _messages(self, topics: Mapping[str, int]) -> dict[str, int]:
        counts = dict.fromkeys(topics, 0)
        with peeking(self._settings, self._timeout) as peek:
            for name, partitions in topics.items():
                for number in range(partitions):
                    first, following = peek.offsets(name, number)
                    counts[name] += following - first
        return counts

    def _delete(self, answers: Mapping[str, "Future[Any]"]) -> None:
        for name, future in answers.items():
            try:
                future.result(self._timeout)
            except KafkaException as error:
                if error.args[0].code() not in _GONE:
                    raise UserError(
                        f"{name} cannot be deleted ({error.args[0].str()}); what was listed before it is deleted, so "
                        f"remove the cause and run this again"
                    ) from None


def _done(what: str, future: "Future[Any]") -> Any:
    try:
        return future.result()
    except KafkaException as error:
        raise UserError(f"{what} cannot be read ({error.args[0].str()}); grant access, or check Kafka") from None


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _remove(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        if error.errno == errno.EBUSY and path.is_dir() and not any(path.iterdir()):
            return  # a volume is mounted there, and empty now
        raise UserError(f"{error.filename or path} cannot be deleted ({error.strerror}); delete it by hand") from None


def _is_locked(lock: Path) -> bool:
    """Whether a living worker has the folder of this lock (``monitor.slot``)."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
