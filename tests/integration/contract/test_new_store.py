"""A new MLflow store in a file, opened by several processes at once, as training and the workers of a new stream do."""

import subprocess
import sys
from pathlib import Path

from mlflow import MlflowClient

CODE = """
import sys
import mlflow
from contract.models.registry import registry_client
from contract.settings import load_settings
print("imported", flush=True)
sys.stdin.readline()
registry_client(load_settings(mlflow_tracking_uri=sys.argv[1]), create=True).search_registered_models()
"""


def test_processes_that_open_a_new_store_at_once_all_get_it(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    processes = [
        subprocess.Popen([sys.executable, "-c", CODE, uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "imported\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert MlflowClient(uri).search_registered_models() == []
