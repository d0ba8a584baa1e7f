"""Models in the form in which the stream is scored, kept on this machine, so that a worker starts in a second.

Reading a model from the registry takes MLflow, scikit-learn and XGBoost, and seconds to import them. What is kept is
what came of it once: the compiled trees, the card, and what the classifier itself answered to some records. Those are
asked again at each start, and the answers must be the same, to the bit. A file belongs to one version of one model,
with one SHA-256, to one schema and to one release with its libraries; for any other the registry is read.
"""

import hashlib
import importlib.metadata
import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt

from contract.arrays import Floats
from contract.errors import ChurnstreamError
from contract.models.bundle import ModelCard
from contract.models.lookup import LookedUp
from contract.models.registry import MODEL_HASH_TAG, TOLERANCE
from contract.schema import Schema
from contract.settings import Settings
from scorer.kernels.boosted import Planes, Trees
from scorer.kernels.compiled import sources_digest
from scorer.kernels.unused import mark_used, remove_unused
from scorer.models.boosted import Boosted, places_of
from scorer.models.calibrators import restored, saved
from scorer.models.columns import CheckedColumns

MOST_KEPT = 20
"""Models in a folder. Those that were used last stay."""
_FORMAT = 1
_SAMPLE_BYTES = 2_000_000
"""Of the records whose answers are kept with a model."""
_LEAST_RECORDS = 20
_FEW = 3
"""Some of the records also by themselves, because few take another way than many."""
_MAKERS = ("boosted", "calibrators", "columns", "direct", "kept", "planes", "xgboost_trees")
_LIBRARIES = (("numpy",), ("scikit-learn",), ("scipy",), ("skops",), ("xgboost", "xgboost-cpu"))
"""By the names under which each is published; the image has XGBoost without what graphics cards need."""
_PLANES, _TREES, _CALIBRATOR = "planes.", "trees.", "calibrator."
_SUFFIX = ".npz"
_log = logging.getLogger("churnstream.kept")

Arrays = Mapping[str, npt.NDArray[Any]]


class NotTheSameError(ChurnstreamError):
    """What was kept answers otherwise than it did."""


class KeptModels:
    """The models of one schema that are kept in a folder of the state directory."""

    def __init__(self, settings: Settings, schema: Schema) -> None:
        self._folder = settings.state_dir / "models"
        self._schema = schema
        self._registry = settings.mlflow_tracking_uri
        self._model = settings.model_name

    def read(self, version: LookedUp) -> tuple[ModelCard, Boosted] | None:
        """The card and the trees of a version, if they are kept and answer as they should."""
        path = self._path(version)
        if path is None:
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                found = _read(dict(file), self._schema)
        except FileNotFoundError:
            return None
        # a damaged file fails in its own way
        except Exception as error:
            _log.warning(
                "the copy in %s of %s v%d cannot be used (%s: %s), so the model is read from the registry",
                path,
                self._model,
                version.version,
                type(error).__name__,
                error,
            )
            # one that cannot be removed is found damaged again at the next start
            with suppress(OSError):
                path.unlink()
            return None
        mark_used(path)
        return found

    def write(
        self, version: LookedUp, card: ModelCard, trees: Boosted, columns: CheckedColumns, answers: Floats
    ) -> None:
        """Keep a version, whose classifier gives these ``answers`` to ``columns``.

        The first of the columns are the model's input example. Where there is no room, nothing is kept.
        """
        path = self._path(version)
        calibrator = saved(trees.calibrator)
        if path is None or calibrator is None:
            return
        most = max(_SAMPLE_BYTES // (8 * len(self._schema.features)), _LEAST_RECORDS, len(card.expected))
        asked = columns.part(0, most)
        arrays: dict[str, npt.NDArray[Any]] = {
            "card": np.frombuffer(msgspec.json.encode(card), np.uint8),
            "start": np.array(trees.start, np.float32),
            "columns": asked.values,
            "answers": answers[:most],
            **{_PLANES + name: value for name, value in trees.planes._asdict().items()},
            **{_TREES + name: value for name, value in trees.trees._asdict().items()},
            **{_CALIBRATOR + name: value for name, value in calibrator.items()},
        }
        try:
            # what was not kept as it is, is not kept
            _read(arrays, self._schema)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, arrays)
        except (OSError, NotTheSameError) as error:
            _log.info("%s v%d is not kept for the next start (%s)", self._model, version.version, error)
        else:
            remove_unused(self._folder, f"*{_SUFFIX}", MOST_KEPT)

    def _path(self, version: LookedUp) -> Path | None:
        """The file of a version; None of one that cannot be told from another with the same number."""
        file_hash = version.tags.get(MODEL_HASH_TAG)
        if not file_hash:
            return None
        named = self._registry, self._model, version.version, version.created, file_hash, self._schema.fingerprint
        name = hashlib.sha256(json.dumps([_FORMAT, *named, _makers_digest()]).encode()).hexdigest()[:32]
        return self._folder / f"{name}{_SUFFIX}"


def _makers_digest() -> str:
    """Changes with the code and the libraries that make what is kept, or apply it."""
    room = Path(__file__).parent
    found = hashlib.sha256(sources_digest().encode())
    for name in _MAKERS:
        found.update((room / f"{name}.py").read_bytes())
    for names in _LIBRARIES:
        found.update(f"{names[0]} {_version_of(names)}\n".encode())
    return found.hexdigest()


def _version_of(names: Sequence[str]) -> str:
    for name in names:
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    return ""


def _read(arrays: Arrays, schema: Schema) -> tuple[ModelCard, Boosted]:
    """Raises:
    NotTheSameError: the trees do not give the answers.
    KeyError, ValueError, TypeError: these are no arrays of ``KeptModels.write``.
    """
    card = msgspec.json.decode(arrays["card"].tobytes(), type=ModelCard)
    planes = Planes(**_part(arrays, _PLANES))
    trees = Boosted(
        places_of(planes, schema),
        len(schema.features),
        planes,
        Trees(**_part(arrays, _TREES)),
        np.float32(arrays["start"]),
        restored(_part(arrays, _CALIBRATOR)),
    )
    columns, answers = CheckedColumns(arrays["columns"]), arrays["answers"]
    if len(columns.values) != trees.features or not len(columns) or card.schema_fingerprint != schema.fingerprint:
        raise NotTheSameError("it has another schema")
    few = columns.part(0, _FEW)
    if not np.array_equal(trees.of_columns(columns), answers) or not np.array_equal(
        trees.of_columns(few), answers[:_FEW]
    ):
        raise NotTheSameError("its trees give other results than the model")
    expected = np.array(card.expected)
    if not len(expected) or not np.abs(answers[: len(expected)] - expected).max() <= TOLERANCE:
        raise NotTheSameError("it gives other results than when it was registered")
    return card, trees


def _part(arrays: Arrays, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _replace(path: Path, arrays: Arrays) -> None:
    """Write the whole file or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            _save(file, arrays)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _save(file: BinaryIO, arrays: Arrays) -> None:
    np.savez(file, allow_pickle=False, **arrays)
