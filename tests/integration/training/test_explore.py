"""``churnstream explore`` and the report's and the regression's runs, on a real MLflow store."""

from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from churnstream.cli import app
from contract.errors import UserError
from contract.schema import load_schema
from contract.settings import Settings
from tests.support.tables.toy import toy_table
from training.explore.explore import FOLDER, PAGE, explore
from training.protocol import regression, study
from training.protocol.study import FIGURE
from training.registered import tags
from training.registered.mlflow_runs import EXPERIMENT
from training.table.prepare import read_table

SCHEMA = load_schema("bank_churn")


@pytest.fixture
def settings(store: Settings) -> Settings:
    return store


def test_the_pictures_are_logged_and_written(settings: Settings, client: MlflowClient, tmp_path: Path) -> None:
    toy_table().to_csv(tmp_path / "customers.csv", index=False)
    arguments = ["explore", "--data", "customers.csv", "--out", "out", "--tracking-uri", settings.mlflow_tracking_uri]
    shown = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    assert "13 pictures of 600 customers" in shown.stdout
    assert f"Page: {Path('out') / PAGE}" in shown.stdout
    identity = client.get_experiment_by_name(EXPERIMENT).experiment_id
    (run,) = client.search_runs([identity])
    assert (run.info.run_name, run.info.status) == ("explore", "FINISHED")
    logged = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, FOLDER)}
    assert logged == {file.name for file in (tmp_path / "out").iterdir()}
    assert run.data.metrics["churn_rate"] == pytest.approx(toy_table()["Exited"].mean())


def test_a_folder_that_cannot_be_written_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="another --out"):
        explore(settings, toy_table(), out=tmp_path / "file" / "out")


def test_the_reports_protocol_is_logged_beside_the_honest_one_and_registers_nothing(
    settings: Settings, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.protocol.reproduction.RATES", (0.1,))
    monkeypatch.setattr("training.protocol.reproduction.DEPTHS", (3,))
    result = study.run(settings, read_table(toy_table(), SCHEMA), SCHEMA, seed=0)
    parent = client.get_run(result.run_id)
    assert parent.data.tags[tags.PROTOCOL] == tags.STUDY
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{result.run_id}'", order_by=["attribute.start_time"]
    )
    protocols = {child.info.run_name: child.data.tags[tags.PROTOCOL] for child in children}
    assert protocols == {
        "report, before SMOTE": "report",
        "report, after SMOTE": "report",
        "honest, no SMOTE": "honest",
        "honest, SMOTE in training": "honest",
    }
    for child in children:
        assert {"f1", "f1_low", "f1_high", "r2", "r2_low", "roc_auc", "accuracy", "duration_seconds"} <= set(
            child.data.metrics
        )
        assert all(np.isfinite(value) for value in child.data.metrics.values())
    assert parent.data.metrics["f1_after_smote"] == result.found.after.metrics["f1"]
    assert Path(result.figure).read_bytes().startswith(b"\x89PNG")
    assert result.figure.endswith(FIGURE)
    assert client.search_registered_models() == []
    lines = "\n".join(result.show_lines())
    assert "drops Geography" in lines
    assert f"{result.found.after.metrics['f1']:.3f}" in lines


def test_the_regression_is_logged_and_registers_nothing(settings: Settings, client: MlflowClient) -> None:
    rows = read_table(toy_table(), SCHEMA)
    result = regression.run(settings, rows, SCHEMA, seed=0)
    again = regression.run(settings, rows, SCHEMA, seed=0)
    assert again.metrics == result.metrics
    logged = client.get_run(result.run_id).data.metrics
    for name in ("r2", "mae", "rmse", "f1"):
        assert logged[name] == result.metrics[name]
        assert logged[f"{name}_low"] <= logged[name] <= logged[f"{name}_high"]
    assert client.search_registered_models() == []
    assert "R²" in "\n".join(result.show_lines())


def test_a_failure_leaves_a_failed_run(
    settings: Settings, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MlflowClient, "log_artifact", broken)
    with pytest.raises(UserError, match="No space left"):
        explore(settings, toy_table())
    identity = client.get_experiment_by_name(EXPERIMENT).experiment_id
    assert [run.info.status for run in client.search_runs([identity])] == ["FAILED"]
