"""What MLflow's client says by itself, and what it leaves to its caller."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from contract.models.mlflow_access import mlflow_client
from tests.support.mlflow.store import DATABASE, store_in


def test_an_error_of_the_database_is_raised_and_prints_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As on a full disk, or where another process keeps the file locked."""
    client = mlflow_client(store_in(tmp_path).mlflow_tracking_uri)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as store:
        store.execute("DROP TABLE experiments")
    with pytest.raises(MlflowException, match="no such table: experiments"):
        client.get_experiment_by_name("churn")
    assert "Traceback" not in capfd.readouterr().err
