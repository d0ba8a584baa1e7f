"""Fixtures of the tests that keep models in a real MLflow store."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from contract.models.registry import registry_client
from contract.settings import Settings
from tests.support.mlflow.store import store_in


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with an empty MLflow store in the test's folder, where artifacts go too."""
    monkeypatch.chdir(tmp_path)
    return store_in(tmp_path)


@pytest.fixture
def client(settings: Settings) -> MlflowClient:
    return registry_client(settings)
