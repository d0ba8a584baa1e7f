"""Training and loading on a real MLflow store: a SQLite file and artifacts in the test's own folder."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from churnstream.local_kafka.broker import free_port
from contract.errors import UserError
from contract.models.bundle import LABEL_COLUMN, REFERENCE_ARTIFACT, SCORE_COLUMN, TRAINING_SAMPLE_ARTIFACT
from contract.models.calibration import attached_calibration
from contract.models.registry import MODEL_HASH_TAG, file_hash, positive_probabilities, registry_client
from contract.records import features_type
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.split.held_out import held_out
from scorer.models.direct import Direct
from scorer.models.loaded import load_model
from tests.support.mlflow.server import mlflow_server
from tests.support.mlflow.store import full_disk
from tests.support.paths import REAL_TABLE, ROOT, SHIPPED_SCHEMA
from tests.support.tables.toy import SURNAME, toy_table
from training.defaults import NOT_PROMOTED
from training.table.prepare import read_table
from training.train import TrainingResult, train

SCHEMA = load_schema("bank_churn")
ROWS = 2_000


@pytest.fixture
def settings(store: Settings) -> Settings:
    return store


def probabilities(settings: Settings, table: pd.DataFrame, version: int | None = None) -> list[float]:
    kind = features_type(SCHEMA)
    records = [kind(**row) for row in table[list(SCHEMA.names)].to_dict("records")]
    scores: list[float] = load_model(settings, version).score(records)[0].tolist()
    return scores


def model_folder(result: TrainingResult) -> Path:
    """Where the files of the version are."""
    files = [path for path in Path("mlruns").rglob("MLmodel") if result.run_id in path.read_text()]
    assert len(files) == 1
    return files[0].parent


def reference(
    settings: Settings, result: TrainingResult, folder: Path, artifact: str = REFERENCE_ARTIFACT
) -> pd.DataFrame:
    path = registry_client(settings).download_artifacts(result.run_id, artifact, str(folder))
    return pd.read_parquet(path)


def noise(table: pd.DataFrame) -> pd.DataFrame:
    """The table, with ages that say nothing about the labels in the rows that are not held out."""
    shuffled = table.sample(frac=1, random_state=1).reset_index(drop=True)
    spoiled = table.copy()
    spoiled.loc[~held_out_rows(table), "Age"] = shuffled["Age"]
    return spoiled


def held_out_rows(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    return held_out(table["CustomerId"].astype(str).to_numpy(object))


def test_a_trained_model_is_registered_with_all_that_serving_and_monitoring_need(
    settings: Settings, tmp_path: Path
) -> None:
    table = toy_table(ROWS)
    result = train(settings, table)
    assert (result.version, result.verdict.promoted) == (1, True)

    model = load_model(settings)
    assert (model.ref.name, model.ref.version, model.threshold) == ("churn", 1, result.threshold)
    assert isinstance(model.direct, Direct)
    assert model.direct.compiled is not None, "trees that training registers are applied by compiled loops"
    sample = reference(settings, result, tmp_path)
    assert list(sample.columns) == [*SCHEMA.names, SCORE_COLUMN, LABEL_COLUMN]
    test = held_out_rows(table)
    assert sample[LABEL_COLUMN].tolist() == table.loc[test, "Exited"].tolist()
    assert probabilities(settings, table[test]) == sample[SCORE_COLUMN].tolist()
    learned = reference(settings, result, tmp_path, TRAINING_SAMPLE_ARTIFACT)
    assert list(learned.columns) == [*SCHEMA.names, SCORE_COLUMN, LABEL_COLUMN]
    assert sorted(learned["EstimatedSalary"]) == sorted(table.loc[~test, "EstimatedSalary"])
    assert learned[LABEL_COLUMN].sum() == table.loc[~test, "Exited"].sum()
    calibration = attached_calibration(learned)
    assert calibration is not None
    assert sum(calibration.positives) == table["Exited"].sum()
    assert sum(calibration.negatives) == (table["Exited"] == 0).sum()

    run = registry_client(settings).get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["churnstream.data_hash"] == read_table(table, SCHEMA).data_hash
    assert run.data.tags["churnstream.schema_fingerprint"] == SCHEMA.fingerprint
    logged = run.data.metrics
    assert sum(logged[f"test_{name}"] for name in ("tn", "fp", "fn", "tp")) == test.sum() == result.test_rows
    assert sum(logged[name] for name in ("tn", "fp", "fn", "tp")) == result.train_rows
    assert logged["test_brier"] == pytest.approx(((sample["score"] - sample["label"]) ** 2).mean())
    assert logged["test_f1_low"] < logged["test_f1"] < logged["test_f1_high"]
    assert logged["duration_seconds"] > 0
    assert run.data.tags["churnstream.split_seed"] == "0"
    assert run.data.tags["churnstream.split_hash"] == result.split_hash
    version = registry_client(settings).get_model_version("churn", "1")
    assert version.tags["churnstream.split_hash"] == result.split_hash
    assert f"{logged['test_roc_auc']:.3f}" in str(version.description)
    assert run.data.params["seed"] == "42"
    description = mlflow.models.Model.load(str(model_folder(result)))
    types = [(column.name, column.to_dict()["type"]) for column in description.signature.inputs]
    assert types == [(f.name, "string" if f.is_categorical else "any") for f in SCHEMA.features]


def test_mlflows_own_loader_gives_the_same_probabilities(settings: Settings) -> None:
    table = toy_table(ROWS)
    train(settings, table)
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    X = read_table(table, SCHEMA).X.head(50)
    loaded = mlflow.pyfunc.load_model("models:/churn@champion")
    assert loaded.predict(X)[:, 1].tolist() == probabilities(settings, table.head(50))


def test_the_documented_way_through_mlflows_own_loader_takes_the_table_that_was_trained_on(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = toy_table(ROWS)
    train(settings, table)
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "training.md").read_text(), re.DOTALL)
    table.to_csv(tmp_path / "customers.csv", index=False)
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    names: dict[str, Any] = {"mlflow": mlflow, "pandas": pd}
    exec(snippet, names)
    assert names["churn"].tolist() == probabilities(settings, table)


def test_mlflows_own_loader_takes_the_very_frame_that_was_trained_on(settings: Settings) -> None:
    table = toy_table(ROWS)
    train(settings, table)
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    loaded = mlflow.pyfunc.load_model("models:/churn/1")
    frame = table[list(SCHEMA.names)].head(50)
    assert "int64" in {str(dtype) for dtype in frame.dtypes}
    expected = probabilities(settings, table.head(50))
    for kind in (None, "int32", "int64", "Int64", "float64"):
        # the two columns with fractions stay as they are
        whole = [name for name in SCHEMA.numeric if (frame[name] % 1 == 0).all()] if kind else []
        assert loaded.predict(frame.astype(dict.fromkeys(whole, kind)))[:, 1].tolist() == expected
    # columns in another order, and more of them, as in the file
    assert loaded.predict(table.head(50)[table.columns[::-1]])[:, 1].tolist() == expected


def test_a_model_whose_signature_says_double_is_still_loaded(settings: Settings) -> None:
    folder = model_folder(train(settings, toy_table()))
    text = (folder / "MLmodel").read_text()
    assert '"type": "any"' in text
    (folder / "MLmodel").write_text(text.replace('"type": "any"', '"type": "double"'))
    assert load_model(settings).ref.version == 1


def test_no_artifact_is_a_pickle_or_holds_a_surname(settings: Settings, tmp_path: Path) -> None:
    table = toy_table(ROWS)
    table.to_csv(tmp_path.parent / "customers.csv", index=False)
    train(settings, tmp_path.parent / "customers.csv")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {
        ".skops", ".parquet", ".csv", ".json", ".yaml", ".txt", ".toml", ".md", ".html", ".db", ""
    }  # fmt: skip
    for path in files:
        content = path.read_bytes()
        assert SURNAME.encode() not in content, path
        assert content[:1] != b"\x80", f"{path} begins as a pickle does"
    for path in (path for path in files if path.suffix == ".parquet"):
        sample = pd.read_parquet(path)
        assert not sample.astype(str).apply(lambda column: column.str.contains(SURNAME)).to_numpy().any()


def test_the_same_table_gives_the_same_model(settings: Settings) -> None:
    table = toy_table(ROWS)
    first, second = train(settings, table), train(settings, table)
    assert second.threshold == first.threshold
    assert probabilities(settings, table, 1) == probabilities(settings, table, 2)


def test_a_challenger_takes_the_alias_only_if_it_is_better_by_more_than_noise(settings: Settings) -> None:
    table = toy_table(ROWS)
    train(settings, noise(table))
    better = train(settings, table)
    assert better.verdict.promoted
    assert load_model(settings).ref.version == 2

    equal, worse = train(settings, table, seed=1), train(settings, noise(table))
    assert not equal.verdict.promoted
    assert not worse.verdict.promoted
    assert "--force" not in worse.verdict.reason
    assert "churn v4 does not take @champion from churn v2" in worse.verdict.reason
    assert load_model(settings).ref.version == 2
    assert load_model(settings, 4).ref.version == 4

    forced = train(settings, noise(table), force=True)
    assert forced.verdict.promoted
    assert load_model(settings).ref.version == forced.version


def test_a_model_for_another_schema_is_refused_and_not_replaced_unasked(settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    shipped = SHIPPED_SCHEMA.read_text()
    other.write_text(shipped.replace("max = 110", "max = 111"))
    train(settings, toy_table())
    changed = settings.model_copy(update={"dataset": str(other)})
    with pytest.raises(UserError, match="was trained on schema"):
        load_model(changed)
    result = train(changed, toy_table())
    assert not result.verdict.promoted
    assert "--force" in result.verdict.reason
    assert train(changed, toy_table(), force=True).verdict.promoted
    assert load_model(changed).ref.version == 3


@pytest.mark.parametrize("format_", ["cloudpickle", "pickle"])
def test_a_pickled_model_is_refused_unread(settings: Settings, format_: str) -> None:
    folder = model_folder(train(settings, toy_table()))
    description = yaml.safe_load((folder / "MLmodel").read_text())
    description["flavors"]["sklearn"].update(serialization_format=format_, pickled_model="model.pkl")
    (folder / "MLmodel").write_text(yaml.safe_dump(description))
    marker = folder / "was-run"
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch " + bytes(marker.absolute()) + b"'\ntR.")
    with pytest.raises(UserError, match=f"saved as {format_}"):
        load_model(settings)
    assert not marker.exists()


def seal(settings: Settings, folder: Path) -> None:
    """Make the registry take the model file for the one that was registered."""
    client = registry_client(settings)
    client.set_model_version_tag("churn", "1", MODEL_HASH_TAG, file_hash(folder / "model.skops"))


def test_a_model_file_with_a_bit_of_it_altered_is_refused(settings: Settings) -> None:
    folder = model_folder(train(settings, toy_table()))
    content = bytearray((folder / "model.skops").read_bytes())
    content[-1] ^= 1  # in the archive's comment length, which changes no answer
    (folder / "model.skops").write_bytes(content)
    with pytest.raises(UserError, match="not the one that was registered"):
        load_model(settings)


def test_a_type_that_is_not_on_our_list_is_refused_whatever_the_model_says(settings: Settings) -> None:
    import skops.io
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    folder = model_folder(train(settings, toy_table()))
    skops.io.dump(Pipeline([("run", FunctionTransformer(os.system))]), folder / "model.skops")
    description = yaml.safe_load((folder / "MLmodel").read_text())
    description["flavors"]["sklearn"]["skops_trusted_types"].append("posix.system")
    (folder / "MLmodel").write_text(yaml.safe_dump(description))
    with pytest.raises(UserError, match="not the one that was registered"):
        load_model(settings)
    seal(settings, folder)
    with pytest.raises(UserError, match=r"refused: Untrusted types.*posix.system"):
        load_model(settings)


def test_a_model_that_answers_otherwise_than_it_did_is_refused(settings: Settings) -> None:
    folder = model_folder(train(settings, toy_table()))
    description = yaml.safe_load((folder / "MLmodel").read_text())
    description["metadata"]["churnstream"]["expected"][3] += 2e-6
    (folder / "MLmodel").write_text(yaml.safe_dump(description))
    with pytest.raises(UserError, match="does not answer as when it was registered"):
        load_model(settings)


def test_a_damaged_file_and_a_changed_signature_are_refused(settings: Settings) -> None:
    folder = model_folder(train(settings, toy_table()))
    (folder / "model.skops").write_bytes(b"no zip")
    seal(settings, folder)
    with pytest.raises(UserError, match="cannot be read"):
        load_model(settings)
    text = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(text.replace('"type": "any"', '"type": "float"'))
    with pytest.raises(UserError, match="does not have the signature"):
        load_model(settings)


def test_a_model_that_cannot_score_its_example_or_has_no_description_is_refused(settings: Settings) -> None:
    import skops.io
    from sklearn.linear_model import LogisticRegression

    folder = model_folder(train(settings, toy_table()))
    skops.io.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), folder / "model.skops")
    seal(settings, folder)
    with pytest.raises(UserError, match="cannot score its own input example"):
        load_model(settings)
    (folder / "MLmodel").write_text("flavors: {")
    with pytest.raises(UserError, match="no readable description"):
        load_model(settings)
    (folder / "MLmodel").unlink()
    with pytest.raises(UserError, match="no readable description"):
        load_model(settings)


def test_a_model_or_alias_that_is_not_there_is_told_with_its_remedy(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"no model 'churn' with alias @champion.*churnstream train"):
        load_model(settings)
    train(settings, toy_table())
    with pytest.raises(UserError, match="alias @other"):
        load_model(settings.model_copy(update={"model_alias": "other"}))
    with pytest.raises(UserError, match="version 9"):
        load_model(settings, 9)


def test_a_failure_while_logging_leaves_a_failed_run_and_no_version(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow.sklearn, "log_model", full_disk)
    with pytest.raises(UserError, match="No space left"):
        train(settings, toy_table())
    client = registry_client(settings)
    experiment = client.get_experiment_by_name("churn training")
    assert experiment is not None
    assert [run.info.status for run in client.search_runs([experiment.experiment_id])] == ["FAILED"]
    assert client.search_registered_models() == []


def test_the_command_shows_metrics_and_what_to_do_next(settings: Settings, tmp_path: Path) -> None:
    from churnstream.cli import app

    table = toy_table()
    table.loc[0, "Age"] = 3
    table.to_csv(tmp_path / "customers.csv", index=False)
    arguments = ["train", "--data", str(tmp_path / "customers.csv"), "--tracking-uri", settings.mlflow_tracking_uri]
    first, second = (CliRunner().invoke(app, arguments, catch_exceptions=False) for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, NOT_PROMOTED)
    assert "churn v1 on 82 held-out rows" in first.stdout  # some 15 % of 599, by their hashes
    assert "Next: churnstream score" in first.stdout
    assert "churn v2 does not take @champion" in second.stdout
    assert SURNAME not in first.output


def test_a_process_that_trains_is_quiet(tmp_path: Path) -> None:
    toy_table().to_csv(tmp_path / "customers.csv", index=False)
    own_store = f"sqlite:///{tmp_path / 'mlflow.db'}"  # MLFLOW_TRACKING_URI is what the test before has set
    done = subprocess.run(
        [sys.executable, "-m", "churnstream", "train", "--data", "customers.csv", "--tracking-uri", own_store],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "INFO" not in done.stderr
    assert "arning" not in done.stderr


def test_the_store_of_a_real_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with mlflow_server(tmp_path, free_port()) as uri:
        settings = load_settings(mlflow_tracking_uri=uri)
        with pytest.raises(UserError, match="no model 'churn'"):
            load_model(settings)
        table = toy_table()
        assert train(settings, table).verdict.promoted
        assert not train(settings, table).verdict.promoted
        scores = probabilities(settings, table)
    assert np.std(scores) > 0
    with pytest.raises(UserError, match="cannot be used"):
        load_model(settings)
    with pytest.raises(UserError, match="cannot be used"):
        train(settings, table)


@pytest.mark.skipif(not REAL_TABLE.is_file(), reason="the public bank-churn table is not in ../shared/data")
def test_the_public_table_gives_the_honest_figures(settings: Settings) -> None:
    result = train(settings, REAL_TABLE)
    assert result.metrics["roc_auc"] >= 0.85
    assert 0.58 <= result.metrics["f1"] <= 0.67
    assert result.metrics["brier"] <= 0.108
    assert (result.train_rows, result.test_rows, result.table.duplicates) == (8_493, 1_507, 0)


def test_positive_probabilities_are_doubles(settings: Settings) -> None:
    train(settings, toy_table())
    scores = positive_probabilities(load_model(settings).classifier, read_table(toy_table(), SCHEMA).X)
    assert scores.dtype == np.float64
