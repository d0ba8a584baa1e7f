"""How fast the REST service answers, beside ``mlflow models serve`` with the same model, on one machine in one run.

Prints a table of p50, p99 and requests per second of three servers: ``churnstream serve`` with Kafka (each answer
acknowledged by the broker), ``churnstream serve --local``, and ``mlflow models serve``; of single records and of lists
of 1,000, at several numbers of connections. A second table has the ratios. The model is the champion that
``churnstream train`` makes, here. Before anything is measured, all servers must give the same probabilities. Any
error ends the benchmark.

    python benchmarks/rest_latency.py [--seconds N] [--connections N ...] [--data FILE] [--without-mlflow]

The load comes from wrk. Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka.
"""

import argparse
import itertools
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker import broker

from churnstream.local_kafka.broker import free_port
from churnstream.processes.orphans import OrphanGuard
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.schema import FeatureKind, Schema, load_schema
from contract.settings import Settings, load_settings
from contract.topics import topic_specs
from producer.synthetic import write_csv
from training.table.prepare import read_table
from training.train import train

LIST = 1_000
KAFKA = "churnstream serve, Kafka"
LOCAL = "churnstream serve --local"
MLFLOW = "mlflow models serve"

_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_ANSWER_SECONDS = 30
_TOLERANCE = 1e-6
_FIELDS = ("requests", "duration", "p50", "p99", "status", "connect", "read", "write", "timeout")
_SCRIPT = """\
local requests, turn = {}, 0
function init(arguments)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format(nil, nil, nil, body)
  end
end
function request()
  turn = turn % #requests + 1
  return requests[turn]
end
function done(summary, latency)
  local errors = summary.errors
  print(string.format("\\nmeasured %d %d %f %f %d %d %d %d %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
"""

Row = dict[str, Any]
"""A record's features; None where one is missing."""


@dataclass(frozen=True)
class BenchmarkServer:
    """A server under load: where it answers, bodies (a file with one a line) by records in each, and what it says."""

    name: str
    address: str
    bodies: Mapping[int, Path]
    probabilities: Callable[[Any], list[float]]


@dataclass(frozen=True)
class Latencies:
    """Latencies in ms, and requests per second."""

    p50: float
    p99: float
    rate: float


Results = dict[tuple[str, int, int], Latencies]
"""By server, records in a request, and connections."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=10, help="length of a measurement")
    arguments.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    arguments.add_argument("--data", type=Path, help="table to train on, instead of 10,000 made-up customers")
    arguments.add_argument("--without-mlflow", action="store_true", help="leave out mlflow models serve")
    given = arguments.parse_args()
    wrk = shutil.which("wrk")
    if wrk is None:
        print("wrk is not on the PATH; install it with apt-get install wrk, or brew install wrk", file=sys.stderr)
        sys.exit(2)
    logging.disable(logging.WARNING)
    try:
        _benchmark(wrk, given.seconds, sorted(set(given.connections)), given.data, not given.without_mlflow)
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _benchmark(wrk: str, seconds: int, connections: Sequence[int], data: Path | None, beside_mlflow: bool) -> None:
    load = os.getloadavg()[0]
    data = data.absolute() if data else None
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        guard = stack.enter_context(OrphanGuard())
        settings = load_settings(
            kafka={"bootstrap.servers": stack.enter_context(broker(folder))},
            topic_prefix=f"bench{uuid.uuid4().hex[:8]}.",
            mlflow_tracking_uri=f"sqlite:///{folder}/mlflow.db",
            state_dir=folder,
            # as many lists may be in work as there are connections
            http_queue=max(20_000, max(connections) * LIST),
        )
        stack.callback(_delete_topics, settings)
        stack.callback(os.chdir, Path.cwd())
        os.chdir(folder)
        rows, schema = _train(settings, folder, data), load_schema(settings.dataset)
        servers = [stack.enter_context(_churnstream(settings, schema, rows, folder, guard, local)) for local in (0, 1)]
        if beside_mlflow:
            servers.append(stack.enter_context(_mlflow(settings, rows, folder, guard)))
        _compare(servers)
        results = _measure(wrk, servers, seconds, connections, folder, guard)
        _print_table(results, seconds, load)
        _print_ratios(results)


def _train(settings: Settings, folder: Path, data: Path | None) -> list[Row]:
    """Register the champion; the first ``LIST`` rows that it was made of, again from the first if there are fewer."""
    if data is None:
        data = folder / "training.csv"
        write_csv(data, 10_000, seed=42)
    train(settings, data)
    schema = load_schema(settings.dataset)
    table = read_table(data, schema).X.head(LIST)
    whole = {feature.name for feature in schema.features if feature.kind in (FeatureKind.ORDINAL, FeatureKind.FLAG)}
    rows: list[Row] = [
        {str(name): None if value != value else int(value) if name in whole else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]
    return list(itertools.islice(itertools.cycle(rows), LIST))


@contextmanager
def _churnstream(
    settings: Settings, schema: Schema, rows: Sequence[Row], folder: Path, guard: OrphanGuard, local: int
) -> Iterator[BenchmarkServer]:
    name, port = (LOCAL if local else KAFKA), free_port()
    items = [{"features": {one: row[one] for one in schema.names}} for row in rows]
    bodies = _bodies(folder / f"churnstream-{local}", items, items)
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka["bootstrap.servers"],
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "CHURNSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "CHURNSTREAM_STATE_DIR": str(folder),
        "CHURNSTREAM_HTTP_QUEUE": str(settings.http_queue),
        "CHURNSTREAM_HTTP_TOKEN": "",
    }
    command = [sys.executable, "-m", "churnstream", "serve", "--port", str(port), *(["--local"] if local else [])]
    address = f"http://127.0.0.1:{port}"
    with _started(name, command, folder, guard, environment) as process:
        _wait_until_ready(name, process, f"{address}/ready", folder)
        yield BenchmarkServer(name, f"{address}/predict", bodies, _ours)


@contextmanager
def _mlflow(settings: Settings, rows: Sequence[Row], folder: Path, guard: OrphanGuard) -> Iterator[BenchmarkServer]:
    def frame(some: Sequence[Row]) -> dict[str, Any]:
        # its signature has doubles for all numbers, and an integer in JSON is none
        data = [[float(one) if isinstance(one, int) else one for one in row.values()] for row in some]
        return {"dataframe_split": {"columns": list(rows[0]), "data": data}}

    port = free_port()
    model = f"models:/{settings.model_name}@{settings.model_alias}"
    serve = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model]
    environment = {
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it calls uvicorn by name
        "UVICORN_ACCESS_LOG": "false",  # a line for each request would only slow it down
    }
    address = f"http://127.0.0.1:{port}"
    bodies = _bodies(folder / "mlflow", [frame([row]) for row in rows], frame(rows))
    command = [*serve, "--env-manager", "local", "--port", str(port)]
    with _started(MLFLOW, command, folder, guard, environment) as process:
        _wait_until_ready(MLFLOW, process, f"{address}/ping", folder)
        yield BenchmarkServer(MLFLOW, f"{address}/invocations", bodies, _theirs)


def _bodies(stem: Path, singles: Sequence[object], whole_list: object) -> dict[int, Path]:
    files = {1: stem.with_suffix(".single"), LIST: stem.with_suffix(".list")}
    files[1].write_text("".join(json.dumps(one) + "\n" for one in singles), encoding="utf-8")
    files[LIST].write_text(json.dumps(whole_list) + "\n", encoding="utf-8")
    return files


def _ours(answer: Any) -> list[float]:
    return [one["probability"] for one in (answer if isinstance(answer, list) else [answer])]


def _theirs(answer: Any) -> list[float]:
    return [positive for _, positive in answer["predictions"]]


def _compare(servers: Sequence[BenchmarkServer]) -> None:
    """All servers must say the same of the same records, alone and in a list."""
    for records in (1, LIST):
        found = {server.name: _ask(server, records) for server in servers}
        first, *others = found
        for other in others:
            difference = max(abs(a - b) for a, b in zip(found[first], found[other], strict=True))
            if difference > _TOLERANCE:
                sys.exit(f"{first} and {other} differ by {difference:g} in the probability of the same record")


def _ask(server: BenchmarkServer, records: int) -> list[float]:
    with server.bodies[records].open("rb") as bodies:
        body = bodies.readline()
    request = urllib.request.Request(server.address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
        return server.probabilities(json.load(answer))


def _measure(
    wrk: str,
    servers: Sequence[BenchmarkServer],
    seconds: int,
    connections: Sequence[int],
    folder: Path,
    guard: OrphanGuard,
) -> Results:
    """One server after another in each setting, so that what else the machine does meets all of them."""
    script = folder / "load.lua"
    script.write_text(_SCRIPT)
    results = {}
    for records, count, server in itertools.product((1, LIST), connections, servers):
        target = [f"--connections={count}", f"--script={script}", server.address, "--", str(server.bodies[records])]
        for duration in (max(1, seconds // 5), seconds):  # the first one warms up
            _ask(server, 1)  # answered when what the last load has left is done with
            command = [wrk, "--threads=1", f"--duration={duration}s", f"--timeout={_ANSWER_SECONDS}s", *target]
            said = _load(command, folder, guard)
            faults = [f"{said[name]:.0f} of kind {name}" for name in _FIELDS[4:] if said[name]]
            if not said["requests"]:
                faults.append(f"no answer in {duration} s, so that more --seconds are needed")
            if faults:
                sys.exit(
                    f"{server.name}, {records:,} records a request, {count} connections: {', '.join(faults)}, beside "
                    f"{said['requests']:.0f} answers; its log ends with:\n{_log_end(server.name, folder)}"
                )
        rate = said["requests"] / said["duration"] * 1e6
        results[server.name, records, count] = Latencies(said["p50"] / 1e3, said["p99"] / 1e3, rate)
    return results


def _load(command: list[str], folder: Path, guard: OrphanGuard) -> dict[str, float]:
    with _started("wrk", command, folder, guard, {}) as process:
        code = process.wait()
    lines = (folder / "wrk.log").read_text(errors="replace").splitlines()
    measured = [line.split()[1:] for line in lines if line.startswith("measured ")]
    if code or not measured:
        sys.exit(f"wrk ended with exit code {code}:\n{_log_end('wrk', folder)}")
    return dict(zip(_FIELDS, map(float, measured[-1]), strict=True))


def _print_table(results: Results, seconds: int, load: float) -> None:
    print(f"{os.cpu_count()} CPUs, load average {load:.2f} at the start, {seconds} s each\n")
    print("| server | records a request | connections | p50 ms | p99 ms | requests/s | records/s |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for (server, records, count), one in results.items():
        rates = f"{one.rate:,.{0 if one.rate >= 100 else 1}f} | {one.rate * records:,.0f}"
        print(f"| {server} | {records:,} | {count} | {one.p50:.2f} | {one.p99:.2f} | {rates} |")


def _print_ratios(results: Results) -> None:
    servers = list(dict.fromkeys(server for server, _, _ in results))
    connections = list(dict.fromkeys(count for _, _, count in results))
    print("\n| in the same run | connections | " + " | ".join(servers) + " |")
    print("|---|--:|" + "--:|" * len(servers))

    def lines(what: str, value: Callable[[str, int], float]) -> None:
        for count in connections:
            values = " | ".join(f"{value(server, count):.2f}" for server in servers)
            print(f"| {what} | {count} | {values} |")

    def of_mlflow(records: int) -> Callable[[str, int], float]:
        return lambda server, count: results[server, records, count].rate / results[MLFLOW, records, count].rate

    lines("p50 of one record, ms", lambda server, count: results[server, 1, count].p50)
    if MLFLOW in servers:
        lines("requests/s, one record each, ÷ mlflow's", of_mlflow(1))
        lines(f"requests/s, {LIST:,} records each, ÷ mlflow's", of_mlflow(LIST))
    lines(
        f"records/s, {LIST:,} in a request ÷ one in a request",
        lambda server, count: LIST * results[server, LIST, count].rate / results[server, 1, count].rate,
    )


@contextmanager
def _started(
    name: str, command: list[str], folder: Path, guard: OrphanGuard, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process for the block, and whatever it starts. What it says is in its log."""
    with _log_path(name, folder).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # and so a process group of its own
        )
    guard.watch(-process.pid)
    try:
        yield process
    finally:
        try:
            process.terminate()
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill_group(process.pid)
            process.wait()
            guard.forget(-process.pid)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _wait_until_ready(name: str, process: "subprocess.Popen[bytes]", address: str, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=_ANSWER_SECONDS):
                return
        except OSError:
            time.sleep(0.2)
    sys.exit(f"{name} does not answer; its log ends with:\n{_log_end(name, folder)}")


def _log_path(name: str, folder: Path) -> Path:
    return folder / f"{name.replace(' ', '-')}.log"


def _log_end(name: str, folder: Path) -> str:
    return "\n".join(_log_path(name, folder).read_text(errors="replace").splitlines()[-10:])


def _delete_topics(settings: Settings) -> None:
    """Of what may be somebody's own broker."""
    admin = admin_client(settings)
    for name, future in admin.delete_topics([spec.name for spec in topic_specs(settings)]).items():
        if future.exception(_STOP_SECONDS):
            print(f"topic {name} is left on the broker", file=sys.stderr)


if __name__ == "__main__":
    main()
