"""Apache Kafka on this machine: one KRaft node on 127.0.0.1 that keeps all it writes in one folder.

What it guarantees: data that a client was told is committed survives SIGKILL of the broker and of its owner, and is
there again, on the same port, after a restart on the same folder. A broker ends with the process that started it,
however that one ends, unless it is ``detached``.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import msgspec
import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from filelock import FileLock

from churnstream.local_kafka import config as broker_config
from churnstream.local_kafka import runtime as kafka_runtime
from churnstream.processes.logged import start_logged
from churnstream.processes.orphans import OrphanGuard
from contract.errors import ChurnstreamError, UserError

HOST = "127.0.0.1"
FREE_BYTES_TO_START = 500_000_000
MAX_LOG_BYTES = 10_000_000
# Below the ports that systems hand out to outgoing connections (from 32768 on Linux, 49152 on macOS): a client that
# keeps knocking while the broker restarts could be given the broker's own port otherwise.
FREE_PORTS = range(20_000, 32_000)
OnWait = Callable[[str], None]
"""Is told the last line of the log of a broker that is still starting."""
_BROKER = ["kafka.Kafka", "server.properties"]
_LONGEST = 30  # times the time-out, for a broker that logs on and on
_SECONDS_BETWEEN_LINES = 10.0


@dataclass(frozen=True)
class _State:
    """What another process must know: the port, and the process while one runs (pid and start time)."""

    port: int
    pid: int | None = None
    started: float | None = None


class LocalKafka:
    """A broker whose data, configuration, log and state are in ``directory``.

    ``port`` is the clients' port; without it the folder's last one is taken, or any free one the first time.
    A ``detached`` broker outlives the process that starts it. A ``lasting`` one, as a detached one is, takes more CPU
    time in its first minutes, and less from then on. ``properties`` of the broker are in the place of ours;
    ``listeners`` are further ones, beside the clients' own.
    """

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        detached: bool = False,
        lasting: bool = False,
        listeners: Sequence[str] = (),
        properties: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.directory = directory.absolute()
        self._listeners = listeners
        self._properties = properties
        self._wanted_port = port
        self._detached = detached
        self._lasting = lasting or detached
        self._child: subprocess.Popen[bytes] | None = None
        self._guard: OrphanGuard | None = None

    @property
    def port(self) -> int | None:
        """The clients' port, also while the broker is down; None before the first start."""
        state = self._read_state()
        return state.port if state else self._wanted_port

    @property
    def bootstrap_servers(self) -> str:
        """``127.0.0.1:PORT``."""
        if self.port is None:
            raise RuntimeError("the broker has no port before its first start")
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process, whoever started it; None when none runs."""
        process = self._process()
        return process.pid if process else None

    @property
    def log_path(self) -> Path:
        return self.directory / "kafka.log"

    def answers(self, timeout: float = 2.0) -> bool:
        """Whether this broker, and not another on its port, answers a metadata request within ``timeout`` seconds."""
        return self._answered(self._admin(), timeout)

    def start(self, timeout: float = 60.0, on_wait: OnWait = lambda _line: None) -> None:
        """Start the broker and wait until it answers. Downloads Kafka if need be.

        One that was killed reads its logs again first, which may take minutes; so ``timeout`` is how many seconds its
        log may stand still, and 30 times as long is the end in any case. ``on_wait`` is told the log's last line now
        and then.

        Raises:
            UserError: it runs already, the port is taken, there is no room or no network, or it does not come up.
        """
        libs = kafka_runtime.fetch()
        java = str(kafka_runtime.java())
        self._make_directory()
        with FileLock(self.directory / "lock"):
            if self.pid is not None:
                raise UserError(
                    f"a broker already runs in {self.directory} ({self.bootstrap_servers}, pid {self.pid}): use it, "
                    f"stop it with 'churnstream kafka stop --dir {self.directory}', or choose another folder"
                )
            state = self._read_state()
            fixed_port = self._wanted_port or (state.port if state else None)
            for last in (False, False, True):
                if fixed_port is not None and not _becomes_free(fixed_port):
                    raise UserError(
                        f"port {fixed_port} (--port) of {HOST} is taken by another program: "
                        f"end that program or choose another port"
                    )
                log_start = self._begin_log()
                try:
                    child = self._launch(java, libs, fixed_port or free_port())
                    self._wait_until_it_answers(child, timeout, on_wait)
                except _DidNotStartError as error:
                    self.kill()
                    # between our look at the ports and the broker's, another program may have taken one
                    if last or "BindException" not in self._log_since(log_start):
                        raise UserError(self._explain(str(error), log_start)) from None
                except BaseException:
                    self.kill()
                    raise
                else:
                    return

    def stop(self, timeout: float = 30.0) -> None:
        """End the broker: SIGTERM, then SIGKILL after ``timeout`` seconds. None running is fine."""
        process = self._process()
        if process:
            process.send_signal(signal.SIGTERM)
            self._wait(process, timeout)
        self.kill()

    def kill(self) -> None:
        """End the broker by SIGKILL, as a crash would, and wait until it is gone. None running is fine."""
        process = self._process()
        if process:
            process.kill()
            self._wait(process, timeout=None)
        if self._child:
            self._child.wait()
            self._child = None
        if self._guard:
            self._guard.close()
            self._guard = None
        state = self._read_state()
        if state and state.pid is not None:
            # a process that is gone is known by its number and its start, so a full disk keeps nobody from stopping
            with contextlib.suppress(OSError):
                self._write_state(_State(state.port))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self.directory).free
        except OSError as error:
            raise UserError(
                f"the broker's folder {self.directory} (--dir) cannot be created: {error.strerror}; choose another one"
            ) from None
        if free < FREE_BYTES_TO_START:
            raise UserError(
                f"not enough room for the broker in {self.directory} (--dir): {free // 1_000_000} MB are free, "
                f"{FREE_BYTES_TO_START // 1_000_000} MB are needed; make room or choose another folder"
            )

    def _launch(self, java: str, libs: Path, port: int) -> "subprocess.Popen[bytes]":
        controller_port = free_port(other_than=port)
        text = broker_config.server_properties(port, controller_port, self._listeners, self._properties)
        (self.directory / "server.properties").write_text(text)
        (self.directory / "log4j2.properties").write_text(broker_config.LOG4J2_PROPERTIES)
        classes = ["-cp", f"{libs.absolute()}/*"]
        self._format([java, *broker_config.jvm_options(lasting=False), *classes])
        if not self._detached:
            self._guard = OrphanGuard()
        command = [java, *broker_config.jvm_options(lasting=self._lasting), *classes, *_BROKER]
        child = self._child = start_logged(command, self.log_path, folder=self.directory)
        if self._guard:
            self._guard.watch(child.pid)
        self._write_state(_State(port, child.pid, psutil.Process(child.pid).create_time()))
        return child

    def _format(self, command: list[str]) -> None:
        if self._cluster_id() is not None:
            return
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ["format", "--ignore-formatted", f"--cluster-id={cluster_id}", "--config=server.properties"]
        with self.log_path.open("ab") as log:
            done = subprocess.run(
                [*command, "kafka.tools.StorageTool", *arguments],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise _DidNotStartError("its data folder could not be formatted")

    def _cluster_id(self) -> str | None:
        try:
            lines = (self.directory / "data" / "meta.properties").read_text().splitlines()
        except FileNotFoundError:
            return None
        return next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), None)

    def _wait_until_it_answers(
        self, child: "subprocess.Popen[bytes]", timeout: float, on_wait: OnWait = lambda _line: None
    ) -> None:
        began = moved = told = time.monotonic()
        size = self._log_size()
        admin = self._admin()
        while not self._answered(admin, timeout=0.5):
            if child.poll() is not None:
                raise _DidNotStartError(f"it ended with code {child.returncode}")
            now = time.monotonic()
            if self._log_size() != size:
                size, moved = self._log_size(), now
            if now - moved > timeout or now - began > _LONGEST * timeout:
                raise _DidNotStartError(
                    f"it did not answer for {now - began:.0f} s, and its log has not grown for {now - moved:.0f} s"
                )
            if now - told > _SECONDS_BETWEEN_LINES:
                told = now
                on_wait(next(iter(self._log_since(max(size - 2_000, 0)).splitlines()[-1:]), ""))

    def _admin(self) -> AdminClient:
        # log_level: librdkafka would write to the terminal that nobody answers yet
        return AdminClient(
            {"bootstrap.servers": self.bootstrap_servers, "log_level": 0, "reconnect.backoff.max.ms": 200}
        )

    def _answered(self, admin: AdminClient, timeout: float) -> bool:
        try:
            metadata = admin.list_topics(timeout=timeout)
        except KafkaException:
            return False
        return bool(metadata.brokers) and metadata.cluster_id == self._cluster_id()

    def _log_size(self) -> int:
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def _begin_log(self) -> int:
        """Put a large log aside and return where this start's lines will begin."""
        if not self.log_path.exists():
            return 0
        size = self.log_path.stat().st_size
        if size < MAX_LOG_BYTES:
            return size
        self.log_path.replace(self.log_path.with_suffix(".log.1"))
        return 0

    def _log_since(self, position: int) -> str:
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def _explain(self, reason: str, log_start: int) -> str:
        last_lines = "\n".join(f"  {line}" for line in self._log_since(log_start).splitlines()[-12:])
        return (
            f"the local Kafka did not start: {reason}; see {self.log_path}, start with an empty folder (--dir), "
            f"or set KAFKA_BOOTSTRAP_SERVERS to your own broker. The log's last lines:\n{last_lines}"
        )

    def _process(self) -> psutil.Process | None:
        """The running broker. A process that merely got its number is not taken for it."""
        state = self._read_state()
        if state is None or state.pid is None or state.started is None:
            return None
        if self._child and self._child.pid == state.pid and self._child.poll() is not None:
            return None
        try:
            process = psutil.Process(state.pid)
            same = abs(process.create_time() - state.started) < 2 or self._is_a_broker_here(process)
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def _is_a_broker_here(self, process: psutil.Process) -> bool:
        """What a process is tells it, too: its start time moves with the wall clock where that is set anew."""
        try:
            return process.cmdline()[-2:] == _BROKER and Path(process.cwd()) == self.directory.resolve()
        except psutil.AccessDenied:
            return False

    def _wait(self, process: psutil.Process, timeout: float | None) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired, psutil.TimeoutExpired):
            if self._child and self._child.pid == process.pid:
                self._child.wait(timeout)
            else:
                process.wait(timeout)

    @property
    def _state_path(self) -> Path:
        return self.directory / "broker.json"

    def _read_state(self) -> _State | None:
        try:
            return msgspec.json.decode(self._state_path.read_bytes(), type=_State)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UserError(
                f"{self._state_path} does not hold the state of a broker: delete it, or choose another folder (--dir)"
            ) from None

    def _write_state(self, state: _State) -> None:
        part = self._state_path.with_suffix(".part")
        part.write_text(json.dumps(asdict(state)))
        part.replace(self._state_path)


class _DidNotStartError(ChurnstreamError):
    """Why this start failed; the log knows more."""


def free_port(other_than: int | None = None) -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    for _ in range(1_000):
        port = FREE_PORTS.start + secrets.randbelow(len(FREE_PORTS))
        if port != other_than and is_free(port):
            return port
    raise UserError(f"no free port from {FREE_PORTS.start} to {FREE_PORTS.stop} on {HOST}; end a program that uses one")


def _becomes_free(port: int, timeout: float = 2.0) -> bool:
    """Whether nobody listens on the port. The threads of a killed broker may outlive its process by a moment."""
    deadline = time.monotonic() + timeout
    while not (free := is_free(port)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return free


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of 127.0.0.1 now."""
    with socket.socket() as probe:
        if os.name == "posix":  # connections that are still closing do not count; elsewhere the option means more
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
