"""Where ``churnstream mlflow`` says no before it prints a link, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from churnstream.local_kafka.broker import HOST, is_free
from churnstream.mlflow_server import STORE, run_server, serve
from contract.errors import UserError


@pytest.mark.parametrize("address", [HOST, "0.0.0.0"])  # as other programs do
def test_a_port_that_is_taken_is_told_before_a_link_with_one_that_is_free(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / STORE).touch()
    with socket.create_server((address, 0)) as other:
        port = int(other.getsockname()[1])
        with pytest.raises(UserError, match=rf"port {port} of 127\.0\.0\.1 is taken .*; give --port \d+") as caught:
            serve(tmp_path, port, "churn monitor")
    assert is_free(int(str(caught.value).rpartition(" ")[2]))
    assert capsys.readouterr().out == ""


def test_a_folder_without_a_store_is_named_whatever_has_the_port(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other, pytest.raises(UserError, match=r"has no mlflow\.db; give"):
        serve(tmp_path, int(other.getsockname()[1]), "churn monitor")


STARTING = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
"""A server that still imports: Ctrl-C in its process group ends it with a traceback."""

COMMAND = """
import sys
from churnstream.mlflow_server import run_server
try:
    run_server([sys.executable, "-c", sys.argv[1]])
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_still_starts_ends_without_a_traceback(number: signal.Signals) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, STARTING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert command.stdout is not None
    server = int(command.stdout.readline())
    os.killpg(command.pid, number)  # as a terminal does
    _, told = command.communicate(timeout=60)
    assert (command.returncode, told) == (130, "")
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_a_server_that_ends_by_itself_is_an_error() -> None:
    with pytest.raises(UserError, match="ended with exit code 3"):
        run_server([sys.executable, "-c", "raise SystemExit(3)"])
