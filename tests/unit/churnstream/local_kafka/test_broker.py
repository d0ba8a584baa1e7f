"""How long a start of the local broker is waited for: as long as its log goes on, and no longer."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from churnstream.local_kafka import broker as module
from churnstream.local_kafka import runtime
from churnstream.local_kafka.broker import LocalKafka
from contract.errors import UserError
from tests.support.polling import eventually

# writes a line to its log 20 times, a tenth of a second apart, and then answers, or says nothing more
RECOVERING = """
import time
for number in range(20):
    print(f"Recovering log {number} of 20", flush=True)
    time.sleep(0.1)
if {answers}:
    print("answers", flush=True)
time.sleep(60)
"""


class RecoveringKafka(LocalKafka):
    """A broker whose process is a script; it answers once its log says so."""

    answers_at_last = True

    def _launch(self, _java: str, _libs: Path, _port: int) -> "subprocess.Popen[bytes]":
        with self.log_path.open("ab") as log:
            script = RECOVERING.replace("{answers}", str(self.answers_at_last))
            child = self._child = subprocess.Popen([sys.executable, "-c", script], stdout=log)
        self._write_state(module._State(1, child.pid, psutil.Process(child.pid).create_time()))
        return child

    def _answered(self, _admin: object, timeout: float) -> bool:
        time.sleep(min(timeout, 0.05))
        return "answers" in self._log_since(0)


@pytest.fixture(autouse=True)
def without_kafka(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runtime, "fetch", lambda: tmp_path)
    monkeypatch.setattr(runtime, "java", lambda: tmp_path / "java")


def test_a_broker_that_recovers_is_waited_for_while_its_log_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", 0.5)
    broker = RecoveringKafka(tmp_path / "kafka")
    told: list[str] = []
    try:
        broker.start(timeout=1.5, on_wait=told.append)
        assert broker.pid is not None
    finally:
        broker.kill()
    assert len(told) >= 2
    assert all(line.startswith("Recovering log ") for line in told)


def test_one_whose_log_stands_still_is_given_up(tmp_path: Path) -> None:
    broker = RecoveringKafka(tmp_path / "kafka")
    broker.answers_at_last = False
    with pytest.raises(UserError, match=r"it did not answer for \d+ s, and its log has not grown for \d+ s"):
        broker.start(timeout=1.5)
    assert broker.pid is None


def test_one_that_only_ever_writes_is_given_up_at_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST", 0.5)
    broker = RecoveringKafka(tmp_path / "kafka")
    with pytest.raises(UserError, match="it did not answer for"):
        broker.start(timeout=2.0)
    assert broker.pid is None


def test_a_broker_is_known_again_after_the_wall_clock_was_set(tmp_path: Path) -> None:
    directory = tmp_path / "kafka"
    directory.mkdir()
    wait = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen([*wait, "kafka.Kafka", "server.properties"], cwd=directory) as running:
        try:
            eventually(lambda: psutil.Process(running.pid).cmdline()[-1:] == ["server.properties"])
            an_hour_off = psutil.Process(running.pid).create_time() + 3_600
            for folder, pid in ((directory, running.pid), (tmp_path, None)):
                state = f'{{"port": 1, "pid": {running.pid}, "started": {an_hour_off}}}'
                (folder / "broker.json").write_text(state)
                assert LocalKafka(folder).pid == pid
        finally:
            running.kill()
