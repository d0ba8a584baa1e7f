"""Which version of a model there is, asked of the registry without MLflow's client, which takes seconds to import.

Whatever is not known here to be what MLflow would answer is left to MLflow.
"""

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from contract.errors import ChurnstreamError
from contract.models.mlflow_access import SQLITE
from contract.settings import Settings

_REVISIONS = frozenset({"dc11669786a5"})
"""Revisions of MLflow's tables that the queries below were written for: MLflow 3.17's."""
_URI = "MLFLOW_TRACKING_URI"
_WORKSPACE = "default"
_DELETED = "Deleted_Internal"
_SECONDS = 5.0
_LARGEST = 1_000_000
"""Bytes of an answer."""
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""A version that is not there, and an alias that is not set."""
_OF_ALIAS = "SELECT version FROM registered_model_aliases WHERE workspace = ? AND name = ? AND alias = ?"
_VERSION = "SELECT creation_time, current_stage FROM model_versions WHERE workspace = ? AND name = ? AND version = ?"
_TAGS = "SELECT key, value FROM model_version_tags WHERE workspace = ? AND name = ? AND version = ?"


class NotAnsweredError(ChurnstreamError):
    """Only MLflow can tell."""


class LookedUp(NamedTuple):
    """A version's number, when it was made (ms, UTC), and its tags."""

    version: int
    created: int
    tags: Mapping[str, str]


def look_up(settings: Settings, version: int | None = None) -> LookedUp | None:
    """``version`` if it is registered, else the version with the alias; None if there is none.

    Raises:
        NotAnsweredError: the registry is of a kind, or in a state, that is MLflow's to deal with.
    """
    uri = settings.mlflow_tracking_uri
    if any(name.startswith(("MLFLOW_TRACKING_", "MLFLOW_WORKSPACE")) for name in os.environ.keys() - {_URI}):
        raise NotAnsweredError("MLflow's own variables say how to ask the registry")
    try:
        if uri.startswith(SQLITE):
            return _in_database(uri.removeprefix(SQLITE), settings, version)
        if urlsplit(uri).scheme in ("http", "https") and not urlsplit(uri).username:
            return _on_server(uri.rstrip("/"), settings, version)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, sqlite3.Error) as error:
        raise NotAnsweredError(f"{type(error).__name__}: {error}") from error
    raise NotAnsweredError("the registry is neither a file nor a server without a login")


def _in_database(path: str, settings: Settings, version: int | None) -> LookedUp | None:
    if "?" in path:
        raise NotAnsweredError("the database's address has options")
    address = f"{Path(path).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_SECONDS)) as database:
        # one state of the database for all queries
        database.execute("BEGIN")
        if {row[0] for row in database.execute("SELECT version_num FROM alembic_version")} - _REVISIONS:
            raise NotAnsweredError("the database is of another version of MLflow")
        named = _WORKSPACE, settings.model_name
        if version is None:
            found = database.execute(_OF_ALIAS, (*named, settings.model_alias)).fetchone()
            if found is None:
                return None
            version = int(found[0])
        row = database.execute(_VERSION, (*named, version)).fetchone()
        if row is None or row[1] == _DELETED:
            return None
        tags = {str(key): str(value) for key, value in database.execute(_TAGS, (*named, version))}
    return LookedUp(version, int(row[0]), tags)


def _on_server(uri: str, settings: Settings, version: int | None) -> LookedUp | None:
    if version is None:
        place, asked = "registered-models/alias", {"name": settings.model_name, "alias": settings.model_alias}
    else:
        place, asked = "model-versions/get", {"name": settings.model_name, "version": str(version)}
    try:
        with urlopen(f"{uri}/api/2.0/mlflow/{place}?{urlencode(asked)}", timeout=_SECONDS) as response:
            answer: Any = json.loads(response.read(_LARGEST))
    except HTTPError as error:
        with error:
            if json.loads(error.read(_LARGEST))["error_code"] in _ABSENT:
                return None
        raise
    found = answer["model_version"]
    tags = {str(tag["key"]): str(tag["value"]) for tag in found.get("tags", [])}
    return LookedUp(int(found["version"]), int(found["creation_timestamp"]), tags)
