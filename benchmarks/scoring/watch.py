"""A worker as a process of its own, watched from outside: what a reader of committed messages sees of its output.

Every worker is measured alike, whatever it is made of: its output grows, and its processes take CPU time. The time
before its first output (imports, model, group) and that output do not count; everything after it does.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from churnstream.processes.logged import start_logged
from churnstream.processes.orphans import OrphanGuard

ROOT = Path(__file__).resolve().parents[2]
_LOOK_SECONDS = 0.02
_START_SECONDS = 600.0
_STILL_SECONDS = 120.0
_STEPS = 5
_STOP_SECONDS = 30.0
_ADMIN_SECONDS = 20.0


class NotMeasuredError(Exception):
    """A worker did not come to its end, or too soon."""


class WatchedRun(NamedTuple):
    """Records a second, CPU time of the processes a record in µs, their largest resident memory in MB together."""

    rate: float
    cpu: float
    resident: float


class BenchStream(NamedTuple):
    """One stream on a broker: its input and its output, of as many partitions, and how many records wait."""

    admin: AdminClient
    source: str
    output: str
    partitions: int
    records: int


class WatchedProcess(NamedTuple):
    """What is started: a command with its group, and what its environment has beside ours."""

    command: Sequence[str]
    group: str
    environment: Mapping[str, str]


def watch(
    stream: BenchStream, process: WatchedProcess, folder: Path, *, workers: int = 1, outputs: int = 1
) -> WatchedRun:
    """Start ``workers`` of the process on the whole input and stop them when the last record's output is there.

    Each record has ``outputs`` messages; with more than one the measurement begins when all of them come. With several
    workers it begins when each has partitions.

    Raises:
        NotMeasuredError: one has ended, none goes on, or all was done before there was anything to measure.
    """
    _rewind(stream, process.group)
    _empty_output(stream)
    before = visible(stream)
    log = folder / f"{process.group}.log"
    log.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **process.environment}
    with OrphanGuard() as guard:
        started = [start_logged(process.command, log, folder=folder, environment=environment) for _ in range(workers)]
        for child in started:
            guard.watch(-child.pid)
        try:
            return _follow(stream, process.group, started, before, outputs, log)
        finally:
            for child in started:
                _stop(child)


def visible(stream: BenchStream) -> int:
    """Offsets of the output up to what a reader of committed messages may see, ends of transactions included."""
    return sum(each.offset for each in _ends(stream, IsolationLevel.READ_COMMITTED))


def _follow(
    stream: BenchStream,
    group: str,
    children: Sequence["subprocess.Popen[bytes]"],
    before: int,
    outputs: int,
    log: Path,
) -> WatchedRun:
    processes = [psutil.Process(child.pid) for child in children]
    complete, first = len(children) == 1, None
    steps, resident, looks = [(0, 0)], 0.0, 0
    deadline = time.monotonic() + _START_SECONDS
    while True:
        now, looks = time.perf_counter(), looks + 1
        shown = visible(stream) - before
        done = shown if outputs == 1 else _committed(stream, group)
        if done > steps[-1][0]:
            steps.append((done, shown))
            deadline = time.monotonic() + _STILL_SECONDS
            if first is None and complete and _all_answer(steps, outputs):
                first = now, done, _cpu(processes)
        if done >= stream.records:
            break
        if any(child.poll() is not None for child in children) or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise NotMeasuredError(f"{group} reached {done:,} of {stream.records:,}; its log ends with:\n{tail}")
        if not complete and looks % 10 == 0:
            complete = _members(stream.admin, group) == len(children)
        if looks % 5 == 0:
            resident = max(resident, sum(process.memory_info().rss for process in processes) / 1e6)
        time.sleep(max(0.0, _LOOK_SECONDS - (time.perf_counter() - now)))
    if first is None or done == first[1]:
        raise NotMeasuredError(f"{group} finished before it could be measured; raise --records")
    measured = done - first[1]
    return WatchedRun(measured / (now - first[0]), (_cpu(processes) - first[2]) / measured * 1e6, resident)


def _all_answer(steps: Sequence[tuple[int, int]], outputs: int) -> bool:
    """Whether the last records, as far as one sees, had all their outputs: a second model may begin later."""
    if outputs == 1:
        return True
    if len(steps) <= _STEPS:
        return False
    (done, shown), (before, shown_before) = steps[-1], steps[-1 - _STEPS]
    return shown - shown_before > (outputs - 0.3) * (done - before)


def _committed(stream: BenchStream, group: str) -> int:
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(stream.source, p) for p in range(stream.partitions)])
    (future,) = stream.admin.list_consumer_group_offsets([wanted], request_timeout=_ADMIN_SECONDS).values()
    return sum(max(place.offset, 0) for place in future.result().topic_partitions)


def _cpu(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system for one in times)


def _members(admin: AdminClient, group: str) -> int:
    (future,) = admin.describe_consumer_groups([group], request_timeout=_ADMIN_SECONDS).values()
    members = future.result().members
    return sum(bool(member.assignment and member.assignment.topic_partitions) for member in members)


def _rewind(stream: BenchStream, group: str) -> None:
    """A group that goes on from the first record, whatever it has read before."""
    begin = [TopicPartition(stream.source, each, 0) for each in range(stream.partitions)]
    (future,) = stream.admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, begin)], request_timeout=_ADMIN_SECONDS
    ).values()
    future.result()


def _empty_output(stream: BenchStream) -> None:
    """What an earlier worker has written takes room on the disk only."""
    cut = _ends(stream, IsolationLevel.READ_UNCOMMITTED)
    for removed in stream.admin.delete_records(cut, request_timeout=_ADMIN_SECONDS).values():
        removed.result()


def _ends(stream: BenchStream, isolation: IsolationLevel) -> list[TopicPartition]:
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    wanted = {TopicPartition(stream.output, each): latest for each in range(stream.partitions)}
    found = stream.admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_ADMIN_SECONDS)
    return [TopicPartition(each.topic, each.partition, future.result().offset) for each, future in found.items()]


def _stop(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
