"""The registry in memory behaves as MLflow's does: each test runs against both."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from contract.errors import UserError
from contract.models.registry import registry_client
from contract.schema import load_schema
from scorer.models.loaded import ModelRegistry, ModelSource
from scorer.testing import MemoryRegistry
from tests.support.versions import FIVE, VersionKind, store_with

VERSIONS = range(1, len(FIVE) + 1)
DAMAGED = {number for number, kind in zip(VERSIONS, FIVE, strict=True) if kind is not VersionKind.GOOD}


class Half:
    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        return np.full((len(X), 2), 0.5)


@dataclass
class RegistrySubject:
    """A registry with the versions of ``FIVE``, the first with the alias, and what is done to it."""

    source: ModelSource
    register: Callable[[], int]
    move_alias: Callable[[int | None], None]
    delete: Callable[[int], None]
    delete_all: Callable[[], None]

    def found(self, version: int | None = None) -> int | None:
        found = self.source.find(version)
        return None if found is None else found.version


def in_memory() -> RegistrySubject:
    memory = MemoryRegistry(load_schema("bank_churn"), Half())
    for _ in VERSIONS[1:]:
        memory.register(Half())
    memory.damaged = set(DAMAGED)
    return RegistrySubject(memory, lambda: memory.register(Half()), memory.move_alias, memory.delete, memory.delete_all)


def in_mlflow(folder: Path) -> RegistrySubject:
    settings = store_with(folder, FIVE)
    client, name, alias = registry_client(settings), settings.model_name, settings.model_alias

    def register() -> int:
        if not client.search_registered_models(f"name = '{name}'"):
            client.create_registered_model(name)
        return int(client.create_model_version(name, source=(folder / "none").as_uri()).version)

    def move_alias(version: int | None) -> None:
        if version is None:
            client.delete_registered_model_alias(name, alias)
        else:
            client.set_registered_model_alias(name, alias, str(version))

    return RegistrySubject(
        ModelRegistry(settings),
        register,
        move_alias,
        lambda version: client.delete_model_version(name, str(version)),
        lambda: client.delete_registered_model(name),
    )


@pytest.fixture(params=["memory", "mlflow"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> RegistrySubject:
    return in_memory() if request.param == "memory" else in_mlflow(tmp_path)


def test_versions_are_found_by_number_and_by_the_alias(registry: RegistrySubject) -> None:
    assert (registry.found(), registry.found(3), registry.found(99)) == (1, 3, None)
    registry.move_alias(3)
    assert registry.found() == 3
    registry.move_alias(None)
    assert registry.found() is None
    with pytest.raises(MlflowException):
        registry.move_alias(99)


def test_a_deleted_version_takes_the_alias_with_it_and_its_number_is_not_given_again(registry: RegistrySubject) -> None:
    newest = VERSIONS[-1]
    registry.move_alias(newest)
    registry.delete(newest)
    assert (registry.found(), registry.found(newest)) == (None, None)
    with pytest.raises(MlflowException):
        registry.source.load(newest)
    assert registry.register() == newest + 1


def test_a_model_made_again_has_the_same_number_and_is_another(registry: RegistrySubject) -> None:
    before = registry.source.find(1)
    registry.delete_all()
    assert (registry.found(), registry.found(1)) == (None, None)
    assert registry.register() == 1
    registry.move_alias(1)
    after = registry.source.find()
    assert before is not None
    assert after is not None
    assert (after.version, after == before) == (1, False)


def test_a_good_version_is_loaded_under_its_name_and_a_damaged_one_refused(registry: RegistrySubject) -> None:
    for number in VERSIONS:
        if number in DAMAGED:
            with pytest.raises(UserError, match=f"churn v{number} "):
                registry.source.load(number)
        else:
            model = registry.source.load(number)
            assert (model.ref.name, model.ref.version) == ("churn", number)
            assert 0 < model.threshold < 1
