"""The shell lines of README and of the pages that a newcomer follows do what these say."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import msgspec
import pytest
from mlflow import MlflowClient

from churnstream.local_kafka.broker import free_port
from contract.topics import LABELS
from contract.windows import Window, window_message_type
from tests.support.kafka.topics import committed, stream_settings
from tests.support.paths import ROOT
from tests.support.polling import eventually
from tests.support.service.process import served
from tests.support.sizes import LONG
from tests.support.versions import stream_with_champion

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/compose.md",
    "docs/demo.md",
    "docs/own-kafka.md",
    "docs/troubleshooting.md",
)
OWN_KAFKA = ("docs/own-kafka.md",)
COMPOSE = {
    "make env",
    "docker compose up -d --wait",
    "docker compose logs -f producer",
    "docker compose run --rm replay",
    "docker compose up -d --wait --scale scorer=3 --scale join=2",
    "DATA=./history.csv SCHEMA=./mine.toml docker compose up -d --wait",
    "docker compose down",
    "docker compose down -v",
}
"""Run by tests/compose."""
MADE = {"demo": "churnstream demo", "install": "venv", "lint": "mypy", "test": "pytest"}
"""Targets of make that the pages name, and what each runs."""
MLFLOW = "churnstream mlflow --dir demo-runs/…"
AFTERWARDS = (
    MLFLOW,
    "churnstream dashboard --dir demo-runs/…",
    "churnstream report --dir demo-runs/… 2025-01-14",
)
"""Run on what a demo has left; the last two by the demo's test."""
SERVICE = "churnstream serve"
WORKERS = ("churnstream score", "churnstream join", "churnstream monitor")
PAGE = "churnstream dashboard"
STATUS = "churnstream status"


def shell_blocks(pages: Sequence[str] = PAGES) -> list[str]:
    """The pages' shell blocks."""
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in pages]
    return [block for text in texts for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)]


def shell_lines(pages: Sequence[str] = PAGES) -> list[str]:
    """All lines of these shell blocks, without their comments; not the one of requests, which is run whole."""
    blocks = [block for block in shell_blocks(pages) if "curl" not in block]
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def environment(**changed: str) -> dict[str, str]:
    """The shell's environment with this interpreter's commands first on the path."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **changed}


@contextmanager
def background(line: str, folder: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Run a line until the block ends; then SIGTERM must end it, well."""
    log = folder / f"{line.split()[1]}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["sh", "-c", f"exec {line}"], cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT, text=True
        )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, f"{line}:\n{log.read_text()}"
    finally:
        process.kill()
        process.wait()


def test_every_line_is_known_to_these_tests() -> None:
    assert set(shell_lines()) == {
        *(f"make {target}" for target in MADE),
        *AFTERWARDS,
        ".venv/bin/churnstream backtest history.csv",
        "export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092",
        "export MLFLOW_TRACKING_URI=http://127.0.0.1:5000",
        "export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092 MLFLOW_TRACKING_URI=http://127.0.0.1:5000",
        "churnstream doctor",
        "churnstream train --data customers.csv",
        *WORKERS,
        "churnstream replay --data customers.csv",
        STATUS,
        PAGE,
        SERVICE,
        *COMPOSE,
    }


def test_the_page_of_benchmarks_has_those_that_these_tests_run() -> None:
    run = {"python benchmarks/scoring/scorer_throughput.py --quick", "python benchmarks/rest_latency.py"}
    assert run <= set(shell_lines(("docs/benchmarks.md",)))


@pytest.mark.parametrize("target", MADE)
def test_make_knows_the_commands(target: str) -> None:
    shown = subprocess.run(
        ["make", "-n", "-W", "pyproject.toml", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert MADE[target] in shown.stdout


@pytest.mark.timeout(300)
def test_the_commands_make_a_stream_on_a_kafka_and_an_mlflow_of_ones_own(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    lines = [line for line in shell_lines(OWN_KAFKA) if line.startswith("churnstream")]
    settings = stream_settings(broker, topic_prefix, tmp_path / "state")
    port = free_port()
    env = environment(
        KAFKA_BOOTSTRAP_SERVERS=broker,
        MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlflow.db'}",
        CHURNSTREAM_TOPIC_PREFIX=topic_prefix,
        CHURNSTREAM_STATE_DIR=str(tmp_path / "state"),
        CHURNSTREAM_PARTITIONS=str(settings.partitions),
        CHURNSTREAM_DASHBOARD_PORT=str(port),
        # the lines do not speak of reports, whose process takes seconds to start
        CHURNSTREAM_MAX_REPORTS="0",
    )

    def run(line: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(["sh", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert run("churnstream data synth --rows 2000 --out customers.csv").returncode == 0
    doctor, train, replay = (next(line for line in lines if word in line) for word in ("doctor", "train", "replay"))
    ill = run(doctor)
    assert ill.returncode == 1
    assert "churnstream train" in ill.stdout
    trained = run(train)
    assert trained.returncode == 0, trained.stderr
    assert run(doctor).returncode == 0
    with (
        background(WORKERS[0], tmp_path, env),
        background(WORKERS[1], tmp_path, env),
        background(WORKERS[2], tmp_path, env) as monitor,
        background(PAGE, tmp_path, env),
    ):
        replayed = run(replay)
        assert replayed.returncode == 0, replayed.stderr

        def finals() -> int:
            assert monitor.poll() is None, (tmp_path / "monitor.log").read_text()
            written = [m for m in committed(settings, "windows") if window_message_type(m.key()) is Window]
            windows = {message.key(): _window(message.value()) for message in written}.values()
            return sum(w.records for w in windows if w.status == "final" and w.start % (w.end - w.start) == 0)

        eventually(lambda: finals() == 2_000, timeout=120, interval=0.5)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/page.json", timeout=30) as shown:
            assert len(json.loads(shown.read())["axis"]["starts"]) > 1
        status = run(STATUS)
        # whether the model is called well is not the point here
        assert status.returncode in (0, 1), status.stderr
        assert "newest window" in status.stdout
        assert "is running" not in status.stdout
    assert MlflowClient(env["MLFLOW_TRACKING_URI"]).get_experiment_by_name(settings.experiment) is not None


@pytest.mark.timeout(180)
def test_the_requests_are_answered(broker: str, tmp_path: Path) -> None:
    settings = stream_with_champion(broker, tmp_path)
    (block,) = [block for block in shell_blocks() if "curl" in block]
    with served(settings, tmp_path) as service:
        script = block.replace("http://127.0.0.1:8080", service.address).replace("curl -s", "curl -sf -w '\n'")
        shown = subprocess.run(["sh", "-ec", script], capture_output=True, text=True, check=False)
        assert shown.returncode == 0, service.log
    answer, accepted, model = (json.loads(line) for line in shown.stdout.splitlines())
    assert answer["record_id"] == "visit-1"
    assert accepted == {"accepted": 1}
    assert model["model"] == answer["model"]
    (label,) = [json.loads(message.value() or b"") for message in committed(settings, LABELS)]
    assert label["customer_id"] == answer["customer_id"]


@pytest.mark.timeout(180)
def test_mlflow_opens_on_what_a_demo_has_left(tmp_path: Path) -> None:
    run = tmp_path / "demo-runs" / "20250101-000000"
    run.mkdir(parents=True)
    identity = MlflowClient(f"sqlite:///{run / 'mlflow.db'}").create_experiment("churn monitor")
    port = free_port()
    process = subprocess.Popen(
        [*MLFLOW.replace("…", run.name).split(), "--port", str(port)],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == (
            f"timelines: http://127.0.0.1:{port}/#/experiments/{identity}/runs?compareRunsMode=CHART"
            f"&workflowType=machine_learning"
        )
        eventually(lambda: _answers(f"http://127.0.0.1:{port}/health"), timeout=90)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _window(value: bytes | None) -> Window:
    return msgspec.json.decode(value or b"", type=Window)


@pytest.mark.skipif(not LONG, reason="a minute for its workers alone; with CHURNSTREAM_LONG_TESTS=1")
@pytest.mark.timeout(300)
def test_the_benchmark_prints_a_table_with_ratios(broker: str, tmp_path: Path) -> None:
    size = ["--only", "ratio", "--records", "50000", "--batch", "5000", "--repeats", "1", "--out", str(tmp_path)]
    shown = subprocess.run(
        [sys.executable, "benchmarks/scoring/scorer_throughput.py", *size],
        cwd=ROOT,
        env=environment(KAFKA_BOOTSTRAP_SERVERS=broker),
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    for worker in ("copy, transactional", "scorer, 300 × 5 trees"):
        row = rf"^\| {worker} \| 1 \| 1 \| 50,000 \| \d+ \| [\d,]+ \| \d+\.\d\d \|"
        assert re.search(row, shown.stdout, flags=re.MULTILINE), shown.stdout + shown.stderr
    found = json.loads((tmp_path / "scorer_throughput.json").read_text(encoding="utf-8"))
    assert [one["case"]["job"] for one in found["sections"]["ratio"]] == ["copy", "score"]
    assert (tmp_path / "scorer_throughput.png").stat().st_size > 0


@pytest.mark.timeout(180)
def test_the_benchmark_of_the_service_prints_a_table_with_ratios(broker: str) -> None:
    if shutil.which("wrk") is None:
        pytest.skip("there is no wrk")
    shown = _latencies(environment(KAFKA_BOOTSTRAP_SERVERS=broker), "--seconds", "1", "--connections", "1")
    assert shown.returncode == 0, shown.stderr
    for server in ("churnstream serve, Kafka", "churnstream serve --local"):
        for records in ("1", "1,000"):
            row = rf"^\| {server} \| {records} \| 1 \| \d+\.\d\d \| \d+\.\d\d \| [\d,.]+ \| [\d,]+ \|$"
            assert re.search(row, shown.stdout, flags=re.MULTILINE), shown.stdout
    for ratio in ("p50 of one record, ms", "records/s, 1,000 in a request ÷ one in a request"):
        row = rf"^\| {ratio} \| 1 \| \d+\.\d\d \| \d+\.\d\d \|$"
        assert re.search(row, shown.stdout, flags=re.MULTILINE), shown.stdout


def test_the_benchmark_of_the_service_says_what_it_lacks_without_wrk(tmp_path: Path) -> None:
    shown = _latencies(environment(PATH=str(tmp_path)))
    assert shown.returncode == 2
    assert shown.stdout == ""
    assert shown.stderr == "wrk is not on the PATH; install it with apt-get install wrk, or brew install wrk\n"


def _latencies(env: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "benchmarks/rest_latency.py", "--without-mlflow", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
