"""The MLflow registry as training and serving use it: which version, and its files loaded without pickle.

Reading leaves the registry as it is. A model is judged by its own files before anything in them is executed: another
serialization format than skops is refused unread, and skops builds the listed types only, whatever the model's own
files say may be trusted. The model file's hash stands in the registry, apart from the file, so that one that has been
altered since is refused unread, too.
"""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from contract.errors import UserError
from contract.models.bundle import ModelCard, read_card
from contract.models.mlflow_access import SQLITE, configure_mlflow, missing_package, mlflow_client
from contract.records import columns_frame
from contract.schema import Schema
from contract.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.models import Model

TRUSTED_TYPES = (
    "imblearn.pipeline.Pipeline",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)
"""Types that a model file may hold besides those that skops itself trusts (scikit-learn's and NumPy's).

None of them runs code of the file's choosing. ``Tree`` (decision tree, random forest) and ``Booster`` (XGBoost) take
arrays and bytes from the file as they are: a forged one could crash the process or read its memory, so a registry still
has to be one's own. No sampler is among them, nor a search tree: training leaves them out of what it saves.
"""
MODEL_FILE = "model.skops"
MODEL_HASH_TAG = "churnstream.model_sha256"
"""Tag of a version: SHA-256 (hex) of its model file when it was registered."""
TOLERANCE = 1e-6
"""How far a probability on the model's own input example may lie from the one at registration."""

_FORMAT = "skops"
_SQLITE_HEADER = b"SQLite format 3\0"


class Classifier(Protocol):
    """What is used of a scikit-learn classifier."""

    def predict_proba(self, X: "pd.DataFrame") -> npt.NDArray[np.floating[Any]]:
        """One row per row of ``X``: probabilities of label 0 and of label 1."""
        ...


@dataclass(frozen=True)
class FoundVersion:
    """A version as the registry names it, and when it was made (ms, UTC).

    Where a model was deleted and registered again, its numbers begin anew; the time tells such versions apart.
    """

    version: int
    created: int


@dataclass(frozen=True)
class Registered:
    """A registered version, loaded and checked; ``example`` has some rows that it has answered as it should."""

    version: int
    card: ModelCard
    classifier: Classifier
    example: "pd.DataFrame"


def registry_client(settings: Settings, *, create: bool = False) -> "MlflowClient":
    """A client of the registry. A database that is not there is made only if ``create``.

    Raises:
        UserError: the registry is a file that is not there or no database, or a database that cannot be opened. (A
            server is not contacted yet.)
    """
    uri = settings.mlflow_tracking_uri
    if uri.startswith(SQLITE):
        _check_database(Path(uri.removeprefix(SQLITE).partition("?")[0]), create)
    outages = registry_outages()
    try:
        return mlflow_client(uri)
    except outages as error:
        raise out_of_reach(settings, error) from error


def registry_outages() -> tuple[type[Exception], ...]:
    """What is raised where MLflow, its database or the network fails, whatever the model is like."""
    configure_mlflow()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    # a store of artifacts such as S3 asks for its package when the first file is fetched
    return MlflowException, SQLAlchemyError, OSError, ImportError


def find_version(client: "MlflowClient", settings: Settings, version: int | None = None) -> int | None:
    """The number of ``version`` if it is registered, else of the version with the alias; None if there is none.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    found = find_registered(client, settings, version)
    return None if found is None else found.version


def find_registered(client: "MlflowClient", settings: Settings, version: int | None = None) -> FoundVersion | None:
    """``version`` if it is registered, else the version with the alias; None if there is none.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        if version is None:
            found = client.get_model_version_by_alias(settings.model_name, settings.model_alias)
        else:
            found = client.get_model_version(settings.model_name, str(version))
    except MlflowException as error:
        # an alias that is not set is an invalid parameter to MLflow
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return FoundVersion(int(found.version), int(found.creation_timestamp))


def load_registered(settings: Settings, version: int, schema: Schema) -> Registered:
    """Load a version that exists, and check that it is for ``schema`` and answers as it did at registration.

    Raises:
        UserError: it is in another format, was made for another schema, is damaged, or answers differently.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    import mlflow.artifacts

    named = model_title(settings, version)
    uri = settings.mlflow_tracking_uri
    client = mlflow_client(uri)
    # what `models:/name/version` stands for, MLflow asks of the process's own registry, whichever it is told of
    source = client.get_model_version_download_uri(settings.model_name, str(version))
    with tempfile.TemporaryDirectory(prefix="churnstream-model-") as folder:
        local = Path(
            mlflow.artifacts.download_artifacts(
                artifact_uri=source, dst_path=folder, tracking_uri=uri, registry_uri=uri
            )
        )
        model = _read_description(local, named)
        _check_format(model, named)
        card = read_card(model.metadata, schema, named)
        _check_signature(model, schema, named)
        tags = client.get_model_version(settings.model_name, str(version)).tags
        _check_hash(local / MODEL_FILE, tags.get(MODEL_HASH_TAG), named)
        classifier = _read_classifier(local / MODEL_FILE, named)
        registered = Registered(version, card, classifier, _input_example(model, local, schema, named))
        _check_answer(registered, named)
    return registered


def positive_probabilities(classifier: Classifier, X: "pd.DataFrame") -> npt.NDArray[np.float64]:
    """Probability of label 1 for each row of ``X``, a frame as ``contract.records.columns_frame`` makes it."""
    return classifier.predict_proba(X)[:, 1].astype(np.float64)


def file_hash(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def model_title(settings: Settings, version: int) -> str:
    """How messages name a version."""
    return f"{settings.model_name} v{version}"


def out_of_reach(settings: Settings, error: Exception) -> UserError:
    """What a user is told when MLflow does not answer."""
    if isinstance(error, ImportError):
        return missing_package(settings.mlflow_tracking_uri, error)
    reason = _cause(error)
    return UserError(
        f"the model registry {settings.mlflow_tracking_uri} cannot be used ({reason}); start MLflow, or check "
        f"--tracking-uri and MLFLOW_TRACKING_URI"
    )


def _cause(error: BaseException) -> str:
    """What the system says of a connection that failed, which is the last of several wrappings; else the first line."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, OSError) and found.strerror:
            return str(found.strerror)
        inner = next((one for one in (*found.args, getattr(found, "reason", None)) if isinstance(one, Exception)), None)
        found = found.__cause__ or inner or found.__context__
    return str(error).strip().partition("\n")[0]


def _check_database(path: Path, create: bool) -> None:
    """MLflow itself goes on trying to open a wrong path for minutes, and would make a database in any folder."""
    if path.is_file():
        with path.open("rb") as file:
            header = file.read(len(_SQLITE_HEADER))
        if header and header != _SQLITE_HEADER:
            raise UserError(
                f"MLFLOW_TRACKING_URI names the file {path}, which is not a SQLite database; give another path"
            )
    elif not create:
        raise UserError(
            f"there is no model registry at {path} (MLFLOW_TRACKING_URI); register a model with `churnstream train`, "
            f"or set --tracking-uri to where one is"
        )
    elif path.is_dir() or not path.absolute().parent.is_dir():
        raise UserError(
            f"MLFLOW_TRACKING_URI names the file {path}, which cannot be created; give a path in an existing folder"
        )


def _read_description(folder: Path, named: str) -> "Model":
    from mlflow.models import Model

    # MLflow raises whatever a file that is not its own leads to
    try:
        return Model.load(str(folder))
    except Exception as error:
        raise UserError(
            f"model {named} has no readable description ({type(error).__name__}: {error}); train it again with "
            f"`churnstream train`"
        ) from error


def _check_format(model: "Model", named: str) -> None:
    flavor = model.flavors.get("sklearn", {})
    found = flavor.get("serialization_format")
    if found != _FORMAT or flavor.get("pickled_model") != MODEL_FILE:
        raise UserError(
            f"model {named} is saved as {found or 'something that is not a scikit-learn model'}, but only {_FORMAT} "
            "is loaded, because other formats can run any code; register one with `churnstream train`"
        )


def _check_signature(model: "Model", schema: Schema, named: str) -> None:
    inputs = model.signature.inputs.inputs if model.signature else []
    found = [(column.name, column.to_dict()["type"]) for column in inputs]
    # numbers were doubles once
    numbers = "double" if "double" in dict(found).values() else "any"
    expected = [(feature.name, "string" if feature.is_categorical else numbers) for feature in schema.features]
    if found != expected:
        raise UserError(
            f"model {named} does not have the signature that schema {schema.name} v{schema.version} gives it; train "
            "it again with `churnstream train`"
        )


def _check_hash(path: Path, expected: str | None, named: str) -> None:
    """A version from before the tag was there has none, and is judged by its answers alone."""
    if expected is not None and path.is_file() and file_hash(path) != expected:
        raise UserError(
            f"model {named} is refused: its file is not the one that was registered (the SHA-256 differs); restore the "
            f"file, or register a model again with `churnstream train`"
        )


def _read_classifier(path: Path, named: str) -> Classifier:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        loaded: Classifier = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise UserError(f"model {named} is refused: {error} Register one with `churnstream train`") from None
    # skops raises whatever a file that is not its own leads to
    except Exception as error:
        raise UserError(
            f"model {named} cannot be read ({type(error).__name__}: {error}); train it again with `churnstream train`"
        ) from error
    return loaded


def _input_example(model: "Model", folder: Path, schema: Schema, named: str) -> "pd.DataFrame":
    try:
        example: Any = model.load_input_example(str(folder))
        return columns_frame(schema, [example[name].tolist() for name in schema.names])
    except (OSError, TypeError, KeyError, ValueError, AttributeError):
        raise UserError(f"model {named} has no readable input example; train it again") from None


def _check_answer(registered: Registered, named: str) -> None:
    example = registered.example
    expected = np.array(registered.card.expected)
    if len(expected) == 0 or len(expected) != len(example):
        raise UserError(f"model {named} has no expected answer for its input example; train it again")
    # a classifier of other package versions fails in its own way
    try:
        answer = positive_probabilities(registered.classifier, example)
    except Exception as error:
        raise UserError(
            f"model {named} cannot score its own input example ({type(error).__name__}: {error}); use the package "
            f"versions in its requirements.txt, or train it again"
        ) from error
    distance = np.abs(answer - expected).max()
    if not distance <= TOLERANCE:
        raise UserError(
            f"model {named} does not answer as when it was registered (its answer to its own input example differs by "
            f"{distance:.2g}); use the package versions in its requirements.txt, or train it again"
        )
