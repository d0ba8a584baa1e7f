"""``churnstream mlflow``: MLflow's pages on what a run has left, small enough for a laptop."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from churnstream.local_kafka.broker import HOST, is_free
from churnstream.processes.orphans import OrphanGuard
from contract.errors import UserError

STORE = "mlflow.db"
_MOST_PORT = 65_535
_ANSWERS_SECONDS = 1.0
_ENDS_SECONDS = 10.0


def newest_run(base: Path) -> Path:
    """The last demo run's folder below ``base``.

    Raises:
        UserError: there is none.
    """
    runs = sorted(path.parent for path in base.glob(f"*/{STORE}"))
    if not runs:
        raise UserError(f"there is no earlier demo in {base}; run `make demo`, or give a backtest's folder with --dir")
    return runs[-1]


def serve(folder: Path, port: int, experiment: str) -> None:
    """Print where to look, and run MLflow's server on the store in ``folder`` until Ctrl-C or SIGTERM.

    One worker and no job runners: 0.5 GB instead of 1.8.

    Raises:
        UserError: there is no store in ``folder``, or another program has the port.
    """
    store = folder.resolve() / STORE
    if not store.is_file():
        raise UserError(
            f"{folder} has no {STORE}; give the folder that `churnstream demo` or `churnstream backtest` printed"
        )
    refuse_taken(port)
    from mlflow import MlflowClient

    from monitor.mlflow_sink.chart_view import chart_link

    uri = f"sqlite:///{store}"
    found = MlflowClient(tracking_uri=uri).get_experiment_by_name(experiment)
    base = f"http://{HOST}:{port}"
    print(f"timelines: {chart_link(base, found.experiment_id, found.tags) if found else base}", flush=True)
    print("the page opens in a few seconds; Ctrl-C ends it", flush=True)
    address = ["--host", HOST, "--port", str(port), "--workers", "1"]
    run_server([sys.executable, "-m", "mlflow", "server", *address, "--backend-store-uri", uri])


def run_server(command: list[str]) -> None:
    """Run the server until somebody ends it.

    It has a session of its own: Ctrl-C that reaches a server which still imports MLflow would print tracebacks.

    Raises:
        UserError: it has ended by itself.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with OrphanGuard() as guard:
        server = subprocess.Popen(
            command, env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}, start_new_session=True
        )
        guard.watch(-server.pid)
        try:
            code = server.wait()
        finally:
            _end(server)
    raise UserError(f"MLflow's server has ended with exit code {code}; its own lines above say why")


def _end(server: "subprocess.Popen[bytes]") -> None:
    """End it and the workers that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(_ENDS_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def refuse_taken(port: int) -> None:
    """Say no before anybody is sent to another program's page.

    Raises:
        UserError: another program has the port of 127.0.0.1; the message names a free one.
    """
    if is_free(port) and not _answers(port):
        return
    other = next((near for near in range(port + 1, min(port + 100, _MOST_PORT + 1)) if is_free(near)), None)
    named = "--port" if other is None else f"--port {other}"
    raise UserError(f"port {port} of {HOST} is taken by another program (on a Mac, AirPlay uses 5000); give {named}")


def _answers(port: int) -> bool:
    """Whether somebody takes connections: some systems let us bind beside one who has the port of all addresses."""
    try:
        with socket.create_connection((HOST, port), timeout=_ANSWERS_SECONDS):
            return True
    except OSError:
        return False
