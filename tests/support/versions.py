"""Versions of a model in a real store, good ones and ones broken as it really happens, and the alias among them."""

import secrets
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from contract.models.registry import MODEL_FILE, registry_client
from contract.records import features_type
from contract.schema import load_schema
from contract.settings import Settings
from scorer.models.loaded import load_model
from tests.support.kafka.topics import stream_settings
from tests.support.mlflow.store import copied_store, store_in
from tests.support.paths import SHIPPED_SCHEMA
from tests.support.shared import made_once
from tests.support.tables.toy import toy_table
from training.train import train

_ROWS = 600


class VersionKind(StrEnum):
    """What is made of a version, and how the reason of its refusal reads."""

    GOOD = ""
    ALTERED_FILE = "not the one that was registered"
    OTHER_SCHEMA = "was trained on schema"


FIVE = (VersionKind.GOOD, VersionKind.ALTERED_FILE, VersionKind.GOOD, VersionKind.OTHER_SCHEMA, VersionKind.GOOD)


def store_with(folder: Path, kinds: Sequence[VersionKind] = (VersionKind.GOOD,)) -> Settings:
    """Settings with a store in ``folder`` of one version of each kind; the first has the alias.

    The versions are trained once for all who want the same, so artifacts are elsewhere.
    """
    name = "-".join(["versions", *(kind.name.lower() for kind in kinds)])
    return copied_store(made_once(name, lambda made: _make_versions(made, kinds)), folder)


def stream_with_champion(broker: str, folder: Path, **changed: Any) -> Settings:
    """Settings of a stream of the test's own, its topics created, and of a store in ``folder`` with a champion."""
    store = store_with(folder)
    prefix = f"{folder.name}-{secrets.token_hex(4)}."
    return stream_settings(broker, prefix, folder, mlflow_tracking_uri=store.mlflow_tracking_uri, **changed)


def _make_versions(folder: Path, kinds: Sequence[VersionKind]) -> None:
    """Register one version of each kind, numbered from 1, each from a table of its own; the alias is the first's."""
    settings = store_in(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        _train_versions(settings, folder, kinds)
    move_alias(settings, 1)


def _train_versions(settings: Settings, folder: Path, kinds: Sequence[VersionKind]) -> None:
    for number, kind in enumerate(kinds, 1):
        given = settings
        if kind is VersionKind.OTHER_SCHEMA:
            given = settings.model_copy(update={"dataset": str(_other_schema(folder))})
        result = train(given, toy_table(_ROWS, seed=number))
        assert result.version == number
        if kind is VersionKind.ALTERED_FILE:
            _alter(folder, result.run_id)


def move_alias(settings: Settings, version: int, alias: str | None = None) -> None:
    """Make ``version`` the champion, or give it another alias, whatever it is like."""
    registry_client(settings).set_registered_model_alias(
        settings.model_name, alias or settings.model_alias, str(version)
    )


def probabilities(settings: Settings, version: int, features: Sequence[dict[str, Any]]) -> npt.NDArray[np.float64]:
    """What a good version says of customers, loaded anew; one row of ``features`` each."""
    kind = features_type(load_schema(settings.dataset))
    return load_model(settings, version).score([kind(**row) for row in features])[0]


def _other_schema(folder: Path) -> Path:
    path = folder / "other.toml"
    path.write_text(SHIPPED_SCHEMA.read_text().replace("max = 110", "max = 111"))
    return path


def _alter(folder: Path, run_id: str) -> None:
    """Change one bit of the model file: in the archive's comment length, which changes no answer."""
    [description] = [path for path in folder.rglob("MLmodel") if run_id in path.read_text()]
    file = description.parent / MODEL_FILE
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
