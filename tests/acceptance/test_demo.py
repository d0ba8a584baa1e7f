"""``churnstream demo`` from outside: what it leaves, that it opens again, and that it leaves nothing running."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mlflow import MlflowClient

from churnstream.local_kafka.broker import LocalKafka
from contract.messages import ModelRef
from contract.settings import load_settings
from tests.support.dashboard import oracle
from tests.support.paths import ROOT
from tests.support.polling import eventually
from tests.support.sizes import size

MARK = "TEST_DEMO_MARK"
MOST_KAFKA_BYTES = 50_000_000
WINDOWS = 44
"""Of 3 days, one beginning each day, that hold a record of the six weeks."""
OF_MAKE = ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")
DEMO = [sys.executable, "-m", "churnstream", "demo", "--rows", "4000", "--dir", "runs"]


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """Put into the environment of what a test starts, and so of all that that starts."""
    return str(tmp_path)


def by_make(arguments: str) -> list[str]:
    """The README's ``make demo`` with the packages that the tests have, in any folder."""
    commands = Path(sys.executable).parent
    return ["make", "-f", os.fspath(ROOT / "Makefile"), "-o", ".venv/installed", f"BIN={commands}", "demo", arguments]


def start(command: list[str], folder: Path, mark: str, **variables: str) -> "subprocess.Popen[str]":
    # what is set for another stream must not reach the demo
    other = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "CHURNSTREAM_SLIDE": "1h",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
    }
    # a make below another, as in `make test`, says which folder it leaves; a user's does not
    surroundings = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    (folder / ".env").write_text("CHURNSTREAM_PARTITIONS=1\nKAFKA_SASL_USERNAME=nobody\n")
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**surroundings, **other, **variables, MARK: mark, "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_as_in_the_foreground,
    )


def _as_in_the_foreground() -> None:
    """A shell's background job ignores SIGINT and hands that on; a terminal's foreground job does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def marked(mark: str) -> list[psutil.Process]:
    """Living processes that the demo has started, itself included."""
    return [process for process in psutil.process_iter() if _environment(process).get(MARK) == mark]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return {} if process.status() == psutil.STATUS_ZOMBIE else process.environ()
    except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
        return {}


@pytest.mark.timeout(550)
def test_the_demo_tells_its_story_and_ends_without_a_trace(tmp_path: Path, mark: str) -> None:
    demo = start(by_make("ARGS=--rows 4000 --dir runs"), tmp_path, mark)
    output, _ = demo.communicate(timeout=400)
    assert demo.returncode == 0, output
    counts = re.search(r"4,000 records replayed, 4,000 predictions, (\d,\d+) outcomes, 0 dead letters", output)
    assert counts is not None, output
    # one label in ten never comes
    assert 3_500 < int(counts[1].replace(",", "")) < 3_700
    lived = re.search(
        r"(\d+) windows were provisional first, (\d+) of them with an estimate before half of their labels had "
        r"come; (\d+) were final while others were still",
        output,
    )
    assert lived is not None, output
    # how many of the windows are seen in time depends on the machine
    assert int(lived[1]) >= 10
    assert int(lived[2]) >= 1
    assert int(lived[3]) >= 1
    assert_three_acts(output)
    eventually(lambda: not marked(mark), timeout=30, message="processes left")

    (folder,) = (tmp_path / "runs").iterdir()
    report = re.search(r"strongest drift report: (.*\.html)", output)
    assert report is not None
    assert "Age" in Path(report.group(1)).read_text(encoding="utf-8")
    assert f"churnstream mlflow --dir runs/{folder.name}" in output
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("churn monitor")
    assert experiment is not None
    names = {run.info.run_name: run.info.run_id for run in client.search_runs([experiment.experiment_id])}
    for name, metric in (
        ("v1 realised", "performance/f1"),
        ("v1 provisional", "performance/f1"),
        ("v1 estimated", "performance/f1"),
        ("v1 trained", "performance/f1"),
        ("v1 inputs", "drift/share"),
    ):
        assert len(client.get_metric_history(names[name], metric)) >= 10, name

    page = re.search(r"the model's page: (http://127\.0\.0\.1:\d+)", output)
    assert page is not None, output
    told = (folder / "logs" / "dashboard.log").read_text(encoding="utf-8")
    assert page[1] in told, told
    assert sum(path.stat().st_size for path in (folder / "kafka").rglob("*")) < MOST_KAFKA_BYTES
    last = output.rstrip().rpartition("\n")[2].split()
    assert last == [os.fspath(Path(sys.executable).parent / "churnstream"), "dashboard", "--dir", f"runs/{folder.name}"]
    verdict = client.get_run(names["v1 realised"]).data.tags["churnstream.verdict"]
    assert_the_page_opens_again(last, tmp_path, mark, verdict, folder / "kafka")
    assert_another_window_has_a_report([*last[:1], "report", *last[2:], "2025-01-14"], tmp_path, mark)


def assert_three_acts(output: str) -> None:
    """Nothing, then other customers with a model that holds, then another relation with customers as before."""
    acts = re.findall(r"^\d\d \w{3} +(steady|other customers|another relation) +(.+)$", output, re.MULTILINE)
    assert [name for name, _ in acts] == ["steady", "other customers", "another relation"], output
    steady, customers, relation = (figures.strip().split(maxsplit=4) for _, figures in acts)
    assert steady[4] == relation[4] == "none"
    assert "Age" in customers[4]
    assert "IsActiveMember" in customers[4]
    estimated, f1, accuracy, brier = (float(figure) for figure in customers[:4])
    before = [float(figure) for figure in steady[:4]]
    assert f1 > estimated - 0.06
    assert f1 > before[1] - 0.06
    assert accuracy > before[2] - 0.03
    assert brier < before[3] * 1.1
    estimated, f1, accuracy, brier = (float(figure) for figure in relation[:4])
    assert f1 < estimated - 0.08
    assert accuracy < before[2] - 0.05
    assert brier > before[3] * 1.3
    verdicts = re.findall(r"^ +\d\d \w{3} \d{4} +([A-Z ]+?)(?: since .*)?$", output, re.MULTILINE)
    # on a machine that is busy the first ones may be passed over
    assert "CUSTOMERS CHANGED" in verdicts, output
    assert "WORSE" not in verdicts[: verdicts.index("CUSTOMERS CHANGED")], output
    assert verdicts[-1] == "WORSE", output


def assert_the_page_opens_again(command: list[str], folder: Path, mark: str, verdict: str, kafka: Path) -> None:
    """With all windows, each number as the topics have it, the champion's verdict, and this demo's own settings; and it
    takes its Kafka along.
    """
    again = start(command, folder, mark, CHURNSTREAM_DASHBOARD_PORT="0")
    try:
        assert again.stdout is not None
        line = again.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert address is not None, line + again.stdout.read()
        page: dict[str, Any] = {}

        def fetched(query: str = "") -> dict[str, Any]:
            with urllib.request.urlopen(f"{address[0]}/page.json?{query}", timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
            return found

        def complete() -> bool:
            page.update(fetched())
            return len(finals()) == WINDOWS

        def finals() -> set[int]:
            series = page["course"]["series"]
            return {point["start"] for each in series if each["kind"] == "final" for point in each["points"]}

        eventually(complete, timeout=60, message=f"{WINDOWS} windows on the page")
        settings = load_settings(kafka={"bootstrap.servers": LocalKafka(kafka).bootstrap_servers})
        model = ModelRef("churn", 1)
        assert list(oracle.of_all(fetched, oracle.read_topics(settings), model)) == []
        headline = page["headline"]
        assert f"{headline['word']} since {headline['since']}" == verdict
        assert headline["subject"].startswith("churn v1")
        again.send_signal(signal.SIGINT)
        output, _ = again.communicate(timeout=60)
        assert again.returncode == 0, output
        assert "Traceback" not in output
    finally:
        again.kill()
        again.communicate()
    eventually(lambda: not marked(mark), timeout=30, message="processes left")


def assert_another_window_has_a_report(command: list[str], folder: Path, mark: str) -> None:
    made = start([*command, "--out", "report.html"], folder, mark)
    output, _ = made.communicate(timeout=120)
    assert made.returncode == 0, output
    assert "Age" in (folder / "report.html").read_text(encoding="utf-8")
    eventually(lambda: not marked(mark), timeout=30, message="processes left")


@pytest.fixture
def interrupted(tmp_path: Path, mark: str) -> Iterator["subprocess.Popen[str]"]:
    demo = start(DEMO, tmp_path, mark)
    yield demo
    demo.kill()
    demo.communicate()


INTERRUPTS = size(
    ci=[("train", signal.SIGINT)],
    full=list(itertools.product(("train", "replay"), (signal.SIGINT, signal.SIGTERM))),
)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("step", "number"), INTERRUPTS)
def test_an_interrupt_ends_everything_that_was_started(
    interrupted: "subprocess.Popen[str]", tmp_path: Path, mark: str, step: str, number: signal.Signals
) -> None:
    eventually(
        lambda: list(tmp_path.glob(f"runs/*/logs/{step}.log")),
        timeout=120,
        message=f"no {step}",
        progress=lambda: [log.stat().st_size for log in sorted(tmp_path.glob("runs/*/logs/*.log"))],
    )
    eventually(lambda: len(marked(mark)) > 3, timeout=30, message="its processes")
    interrupted.send_signal(number)
    output, _ = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130, output
    assert "Traceback" not in output
    eventually(lambda: not marked(mark), timeout=30, message="processes left")
    assert not list(tmp_path.glob("runs/*/kafka"))


def test_a_killed_demo_takes_its_children_along(
    interrupted: "subprocess.Popen[str]", tmp_path: Path, mark: str
) -> None:
    eventually(lambda: list(tmp_path.glob("runs/*/logs/train.log")), timeout=120, message="no training")
    interrupted.kill()
    eventually(lambda: not marked(mark), timeout=60, message="processes left")


def test_a_table_that_is_not_there_is_a_clear_error(tmp_path: Path, mark: str) -> None:
    demo = start([*DEMO, "--data", "nowhere.csv"], tmp_path, mark)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 2
    assert output.startswith("error: --data nowhere.csv")
    assert "Traceback" not in output
