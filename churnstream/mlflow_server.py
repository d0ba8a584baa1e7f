"""``churnstream mlflow``: MLflow's pages on what a run has left, small enough for a laptop."""

import os
import sys
from pathlib import Path

from contract.errors import UserError

STORE = "mlflow.db"


def newest_run(base: Path) -> Path:
    """The last demo run's folder below ``base``.

    Raises:
        UserError: there is none.
    """
    runs = sorted(path.parent for path in base.glob(f"*/{STORE}"))
    if not runs:
        raise UserError(f"no demo has left anything in {base}; run `make demo`, or name a folder with --dir")
    return runs[-1]


def serve(folder: Path, port: int, experiment: str) -> None:
    """Turn this process into MLflow's server on the store in ``folder``, and print where to look.

    One worker and no job runners: 0.5 GB instead of 1.8.

    Raises:
        UserError: there is no store in ``folder``.
    """
    from mlflow import MlflowClient

    from monitor.mlflow_sink.sink import chart_link

    store = folder.resolve() / STORE
    if not store.is_file():
        raise UserError(f"{folder} holds no {STORE}; give the folder that `churnstream demo` has printed")
    uri = f"sqlite:///{store}"
    found = MlflowClient(tracking_uri=uri).get_experiment_by_name(experiment)
    base = f"http://127.0.0.1:{port}"
    print(f"timelines: {chart_link(base, found.experiment_id) if found else base}", flush=True)
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *address, "--backend-store-uri", uri])
