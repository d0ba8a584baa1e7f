"""Fixtures of the tests that keep models in a real MLflow store."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from contract.models.registry import registry_client
from contract.settings import Settings
from tests.support.mlflow.store import make_template, store_in


@pytest.fixture(scope="session")
def store_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database, made once: MLflow takes seconds to make one."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_template: Path) -> Settings:
    """Settings with an empty MLflow store in the test's folder, where artifacts go too."""
    monkeypatch.chdir(tmp_path)
    return store_in(tmp_path, store_template)


@pytest.fixture
def client(settings: Settings) -> MlflowClient:
    return registry_client(settings)
