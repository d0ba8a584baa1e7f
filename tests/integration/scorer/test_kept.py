"""A model that was read from a real store once is kept, and the next start takes it, or the store where it must not."""

import importlib.metadata
import json
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.models.lookup import LookedUp, NotAnsweredError, look_up
from contract.models.registry import MODEL_HASH_TAG, find_registered, registry_client
from contract.records import features_type
from contract.schema import load_schema
from contract.settings import Settings
from scorer.models.boosted import Boosted
from scorer.models.direct import Direct
from scorer.models.loaded import Model, ModelRegistry
from tests.support.kafka.topics import environment
from tests.support.mlflow.store import full_disk
from tests.support.tables.toy import toy_table
from tests.support.versions import VersionKind, move_alias, store_with
from training.train import train

SCHEMA = load_schema("bank_churn")
HEAVY = {"mlflow", "sklearn", "xgboost", "pandas", "skops", "sqlalchemy", "imblearn"}
ROWS: list[dict[str, Any]] = toy_table(300, seed=5)[list(SCHEMA.names)].to_dict("records")
START = """
import json, sys
from contract.records import features_type
from contract.schema import load_schema
from contract.settings import load_settings
from scorer.models.loaded import ModelRegistry
from scorer.models.swap import Champion
settings = load_settings()
champion = Champion(settings, source=ModelRegistry(settings, kept=True))
champion.load()
kind = features_type(load_schema("bank_churn"))
scores, _ = champion.model.score([kind(**row) for row in json.load(sys.stdin)])
import scorer.stream.worker, scorer.models.challenger, contract.worker.process
print(json.dumps({"scores": scores.tolist(), "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A store of two good versions and one whose file was altered; nothing is kept yet."""
    kinds = (VersionKind.GOOD, VersionKind.GOOD, VersionKind.ALTERED_FILE)
    state = tmp_path / "state"
    return store_with(tmp_path, kinds).model_copy(
        update={"state_dir": state, "kafka": {"bootstrap.servers": "127.0.0.1:1"}}
    )


def load(settings: Settings, version: int = 1) -> Model:
    return ModelRegistry(settings, kept=True).load(version)


def is_kept(model: Model) -> bool:
    """Whether it was kept; else it was read from the store."""
    assert isinstance(model.direct, Direct | Boosted)
    return isinstance(model.direct, Boosted)


def scores(model: Model, rows: Sequence[dict[str, Any]] = ROWS) -> list[float]:
    kind = features_type(SCHEMA)
    found: list[float] = model.score([kind(**row) for row in rows])[0].tolist()
    return found


def the_file(settings: Settings) -> Path:
    [path] = (settings.state_dir / "models").glob("*.npz")
    return path


def test_a_library_may_be_installed_under_its_other_name(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    true = importlib.metadata.version

    def version(name: str) -> str:
        if name == "xgboost":
            raise importlib.metadata.PackageNotFoundError(name)
        return true("xgboost" if name == "xgboost-cpu" else name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    load(settings)
    assert is_kept(load(settings))


def test_a_damaged_copy_that_cannot_be_removed_stops_no_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(settings)
    the_file(settings).write_bytes(b"damaged")

    def refuse(path: Path) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert not is_kept(load(settings))


def test_a_warm_start_imports_no_library_of_models_and_gives_the_same_bits(settings: Settings) -> None:
    first = load(settings)
    assert not is_kept(first)
    program = (sys.executable, "-c", START)
    done = subprocess.run(
        program, input=json.dumps(ROWS), env=environment(settings), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert HEAVY & set(told["modules"]) == set(), "each of these takes a part of a second to import, or more"
    assert told["scores"] == scores(first)
    again = load(settings)
    assert is_kept(again)
    assert scores(again) == scores(first)
    assert (again.ref, again.threshold, again.card) == (first.ref, first.threshold, first.card)
    assert the_file(settings).stat().st_mode & 0o077 == 0


def test_without_being_told_to_nothing_is_kept_or_taken(settings: Settings) -> None:
    load(settings)
    assert not is_kept(ModelRegistry(settings).load(1))
    ModelRegistry(settings).load(2)
    the_file(settings)


def test_what_was_damaged_is_read_anew(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    expected = scores(load(settings))
    path = the_file(settings)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert not is_kept(load(settings))
    assert "cannot be used" in caplog.text
    model = load(settings)
    assert is_kept(model)
    assert scores(model) == expected


@pytest.mark.parametrize("name", ["trees.leaves", "trees.mark", "planes.cuts", "answers", "start", "card"])
def test_what_answers_otherwise_is_not_taken(settings: Settings, caplog: pytest.LogCaptureFixture, name: str) -> None:
    load(settings)
    path = the_file(settings)
    with np.load(path) as file:
        arrays = dict(file)
    changed = arrays[name].copy()
    if name == "card":
        changed = np.frombuffer(changed.tobytes().replace(b'"expected":[0.', b'"expected":[1.'), np.uint8)
    elif changed.dtype == np.uint8:
        changed[changed < 255] += 1
    else:
        changed += np.float32(0.01)
    assert changed.tobytes() != arrays[name].tobytes()
    np.savez(path, **(arrays | {name: changed}))
    assert not is_kept(load(settings))
    assert "answer" in caplog.text


def test_a_model_made_anew_under_the_same_number_is_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load(settings)
    registry_client(settings).delete_registered_model("churn")
    monkeypatch.chdir(settings.state_dir)
    assert train(settings, toy_table(400, seed=9)).version == 1
    found = load(settings)
    assert not is_kept(found)
    assert scores(found) != scores(before)


def test_a_version_without_a_hash_is_not_kept(settings: Settings) -> None:
    registry_client(settings).delete_model_version_tag("churn", "2", MODEL_HASH_TAG)
    assert not is_kept(load(settings, 2))
    assert not is_kept(load(settings, 2))


def test_a_disk_without_room_costs_no_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full_disk)
        load(settings)
    assert "is not kept" in caplog.text
    assert list((settings.state_dir / "models").iterdir()) == []
    assert not is_kept(load(settings))


def by_mlflow(settings: Settings, version: int | None = None) -> tuple[int, int] | None:
    found = find_registered(registry_client(settings), settings, version)
    return None if found is None else (found.version, found.created)


def looked_up(settings: Settings, version: int | None = None) -> tuple[int, int] | None:
    found = look_up(settings, version)
    return None if found is None else (found.version, found.created)


def test_the_store_is_looked_into_as_mlflow_does(settings: Settings) -> None:
    client = registry_client(settings)
    other = settings.model_copy(update={"model_alias": "no such"})
    move_alias(settings, 2)
    client.delete_model_version("churn", "1")
    for version in (None, 1, 2, 3, 4):
        assert looked_up(settings, version) == by_mlflow(settings, version)
    assert looked_up(other) is None
    assert by_mlflow(other) is None
    found = look_up(settings)
    assert isinstance(found, LookedUp)
    assert found.tags == client.get_model_version("churn", "2").tags


@pytest.mark.parametrize(
    "uri", ["sqlite:///nowhere.db", "http://127.0.0.1:1", "http://a:b@127.0.0.1:1", "postgresql://x"]
)
def test_the_rest_is_left_to_mlflow(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotAnsweredError):
        look_up(settings.model_copy(update={"mlflow_tracking_uri": uri}))
    assert not (tmp_path / "nowhere.db").exists()


def test_a_user_s_own_way_to_the_registry_is_left_to_mlflow(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look_up(settings) is not None
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    with pytest.raises(NotAnsweredError):
        look_up(settings)
