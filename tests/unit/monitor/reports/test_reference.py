import dataclasses
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.bundle import REFERENCE_ARTIFACT
from contract.panes import SampleRow
from contract.schema import load_schema
from contract.segments import SegmentTable, read_segments
from contract.settings import Settings, load_settings
from monitor.reports import reference
from monitor.reports.reference import NoReferenceError, ReferenceCache, References
from monitor.timeline.samples import Sample
from tests.support.messages import features
from tests.support.mlflow.store import store_in

SCHEMA = load_schema("bank_churn")
MODEL = ModelRef("churn & bank", 1)
AWAY = "http://127.0.0.1:9"


def reference_frame(rows: int = 30) -> pd.DataFrame:
    return pd.DataFrame([features(i) for i in range(rows)]).assign(score=0.25, label=0)


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return store_in(tmp_path).mlflow_tracking_uri


def register(uri: str, frame: pd.DataFrame | None, tmp_path: Path) -> str:
    """A registered version, with ``frame`` as its run's reference sample; the run's id."""
    client = MlflowClient(uri)
    (experiment,) = [each for each in client.search_experiments() if each.name == "churn training"]
    run_id = str(client.create_run(experiment.experiment_id).info.run_id)
    if frame is not None:
        folder, _, name = REFERENCE_ARTIFACT.rpartition("/")
        frame.to_parquet(tmp_path / name)
        client.log_artifact(run_id, str(tmp_path / name), folder)
    client.create_registered_model(MODEL.name)
    client.create_model_version(MODEL.name, f"runs:/{run_id}/model", run_id)
    return run_id


def test_a_reference_has_the_schemas_columns_and_types(uri: str, tmp_path: Path) -> None:
    register(uri, reference_frame().assign(Surname="x"), tmp_path)
    _, frame = ReferenceCache(uri, tmp_path / "cache", SCHEMA).load(MODEL)
    assert list(frame.columns) == [*SCHEMA.names, "score", "label"]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        **dict.fromkeys(SCHEMA.numeric, "float64"),
        **dict.fromkeys(SCHEMA.categorical, "object"),
        "score": "float64",
        "label": "int64",
    }
    assert frame["Age"].tolist() == [float(20 + i) for i in range(30)]


def test_segments_have_a_reference_of_their_own(uri: str, tmp_path: Path) -> None:
    register(uri, reference_frame(), tmp_path)
    bands = read_segments({"Age": SegmentTable(bands=(30,))}, {"Age": ()}, "test")
    schema = dataclasses.replace(SCHEMA, segments=bands)
    references = References(ReferenceCache(uri, tmp_path / "cache", schema), Settings(), schema)
    assert references.segments(MODEL) is None
    references.prepare(MODEL)
    found = references.segments(MODEL)
    assert found is not None
    assert dict(zip(found.names, found.records.sum(axis=1).tolist(), strict=True)) == {
        "Age: below 30": 10,
        "Age: 30 and above": 20,
        "Age: missing": 0,
    }
    assert references_at(uri, tmp_path).segments(MODEL) is None


def test_a_restart_while_mlflow_is_away_finds_the_reference(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = register(uri, reference_frame(), tmp_path)
    path = ReferenceCache(uri, tmp_path / "cache", SCHEMA).path(MODEL)
    assert run_id in path.name
    restarted = ReferenceCache(AWAY, tmp_path / "cache", SCHEMA)
    assert restarted.path(MODEL) == path
    assert len(restarted.load(MODEL)[1]) == 30
    assert "MLflow does not answer" in caplog.text
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [path.name]


def test_another_registry_with_the_same_version_is_not_mistaken(uri: str, tmp_path: Path) -> None:
    register(uri, reference_frame(30), tmp_path)
    assert len(ReferenceCache(uri, tmp_path / "cache", SCHEMA).load(MODEL)[1]) == 30
    (tmp_path / "other").mkdir()
    other = store_in(tmp_path / "other").mlflow_tracking_uri
    register(other, reference_frame(40), tmp_path)
    assert len(ReferenceCache(other, tmp_path / "cache", SCHEMA).load(MODEL)[1]) == 40


def test_mlflow_away_and_nothing_cached_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none is cached.*MLFLOW_TRACKING_URI"):
        ReferenceCache(AWAY, tmp_path / "cache", SCHEMA).load(MODEL)


def test_a_run_without_a_reference_says_what_to_do(uri: str, tmp_path: Path) -> None:
    register(uri, None, tmp_path)
    with pytest.raises(UserError, match=r"has no artifact churnstream/training_sample\.parquet; train"):
        ReferenceCache(uri, tmp_path / "cache", SCHEMA).load(MODEL)


def test_an_unknown_version_says_what_to_do(uri: str, tmp_path: Path) -> None:
    register(uri, reference_frame(), tmp_path)
    with pytest.raises(UserError, match=r"has no model churn & bank v7 .*; register"):
        ReferenceCache(uri, tmp_path / "cache", SCHEMA).load(ModelRef(MODEL.name, 7))


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (reference_frame().drop(columns=["Age", "score"]), "has no column Age, score"),
        (reference_frame().assign(Age="old"), "of a different kind"),
        (reference_frame().assign(label=np.nan), "of a different kind"),
    ],
)
def test_a_reference_that_does_not_fit_the_schema_is_refused(
    uri: str, tmp_path: Path, frame: pd.DataFrame, complaint: str
) -> None:
    register(uri, frame, tmp_path)
    with pytest.raises(UserError, match=complaint):
        ReferenceCache(uri, tmp_path / "cache", SCHEMA).load(MODEL)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged as a warning or worse, whatever level another test has left behind."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_file_of_a_version_that_was_deleted_is_used(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register(uri, reference_frame(), tmp_path)
    path, _ = ReferenceCache(uri, tmp_path / "cache", SCHEMA).load(MODEL)
    MlflowClient(uri).delete_model_version(MODEL.name, "1")
    references = references_at(uri, tmp_path)
    references.prepare(MODEL)
    assert references.path(MODEL) == path
    assert references.judge(MODEL, sample(30)).judged
    (line,) = warnings_in(caplog)
    assert line.startswith("the model is no longer registered")


def test_a_version_that_was_deleted_and_has_no_file_is_not_judged_and_told_once(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register(uri, reference_frame(), tmp_path)
    MlflowClient(uri).delete_model_version(MODEL.name, "1")
    references = references_at(uri, tmp_path)
    assert not references.is_ready(MODEL)
    references.prepare(MODEL)
    assert references.is_ready(MODEL)
    assert references.path(MODEL) is None
    assert not references.judge(MODEL, sample(30)).judged
    (line,) = warnings_in(caplog)
    assert line.startswith("drift of churn & bank v1 is not judged until the monitor starts again: MLflow at")


def test_a_registry_that_is_away_is_asked_again(uri: str, tmp_path: Path) -> None:
    references = references_at(AWAY, tmp_path)
    with pytest.raises(UserError, match="start MLflow") as raised:
        references.prepare(MODEL)
    assert not isinstance(raised.value, NoReferenceError)
    assert not references.is_ready(MODEL)
    register(uri, reference_frame(), tmp_path)
    references = references_at(uri, tmp_path)
    references.prepare(MODEL)
    assert references.is_ready(MODEL)


def test_a_damaged_file_is_fetched_anew(uri: str, tmp_path: Path) -> None:
    register(uri, reference_frame(), tmp_path)
    cache = ReferenceCache(uri, tmp_path / "cache", SCHEMA)
    path, frame = cache.load(MODEL)
    path.write_bytes(path.read_bytes()[:-100])
    assert cache.load(MODEL)[1].equals(frame)


def test_a_sample_that_fits_no_schema_is_not_judged(uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    register(uri, reference_frame().drop(columns=["Age"]), tmp_path)
    references = references_at(uri, tmp_path)
    references.prepare(MODEL)
    assert not references.judge(MODEL, sample(30)).judged
    assert "has no column Age" in caplog.text


def test_a_window_of_records_of_another_schema_is_not_judged(
    uri: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    register(uri, reference_frame(), tmp_path)
    references = references_at(uri, tmp_path)
    references.prepare(MODEL)
    whole = sample(30)
    assert references.judge(MODEL, whole).judged
    assert not references.judge(MODEL, dataclasses.replace(whole, columns=whole.columns[:-1])).judged
    assert "these predictions have 9 features, but schema bank_churn has 10" in caplog.text


def test_samples_in_memory_are_bounded_and_read_again_from_their_files(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "_MOST_SAMPLES", 1)
    monkeypatch.setattr(reference, "_MOST_MODELS", 2)
    register(uri, reference_frame(), tmp_path)
    other, third = ModelRef(MODEL.name, 1, "challenger"), ModelRef(MODEL.name, 9)
    references = references_at(uri, tmp_path)
    references.prepare(MODEL)
    references.prepare(other)
    assert references.judge(MODEL, sample(30)) == references.judge(other, sample(30))
    references.prepare(third)
    assert [references.is_ready(model) for model in (MODEL, other, third)] == [False, True, True]


def references_at(uri: str, tmp_path: Path) -> References:
    settings: Settings = load_settings(min_records=10)
    return References(ReferenceCache(uri, tmp_path / "cache", SCHEMA), settings, SCHEMA)


def sample(count: int) -> Sample:
    rows = [
        SampleRow(i, str(i), 0.25, 0, None, tuple(features(i)[name] for name in SCHEMA.names)) for i in range(count)
    ]
    return Sample.of_rows(rows, count)
