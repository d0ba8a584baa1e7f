"""MLflow's client as we want it: quiet, and an outage shows within seconds; who waits for MLflow decides how."""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from contract.errors import UserError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
"""What the address of a file begins with."""
_OPENING_SECONDS = 120
_ENVIRONMENT = {
    # MLflow's own retries go on for minutes and cannot be interrupted
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # a line with a link on standard output whenever a run on a server ends
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


# packages that are called otherwise than the module that is missing
_PACKAGES = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "azure": "azure-storage-blob",
    "google": "google-cloud-storage",
}


def configure_mlflow() -> None:
    """Set this process's MLflow variables, unless the user has; must come before MLflow is first imported."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def mlflow_client(tracking_uri: str) -> "MlflowClient":
    """A client of the server or database at ``tracking_uri``. Importing MLflow takes 2 to 3 s, once.

    Unless the user has set MLflow's variables, this process retries once, waits 30 s at most, and logs warnings only.

    Raises:
        UserError: the driver of the database is not installed.
        mlflow.exceptions.MlflowException, sqlalchemy.exc.SQLAlchemyError: a database cannot be opened. (A server is not
            contacted yet.)
    """
    configure_mlflow()
    from mlflow import MlflowClient

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(os.environ["MLFLOW_LOGGING_LEVEL"].upper())
    # who asks says once that MLflow is away: each attempt would be a line, and an error of the database a traceback
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        with _one_at_a_time(tracking_uri):
            return MlflowClient(tracking_uri, registry_uri=tracking_uri)
    except ImportError as error:
        raise missing_package(tracking_uri, error) from error


@contextmanager
def _one_at_a_time(tracking_uri: str) -> Iterator[None]:
    """Of several processes that open a new SQLite store at once, each would make its tables, and all but one fail."""
    if not tracking_uri.startswith(SQLITE):
        yield
        return
    path = Path(tracking_uri.removeprefix(SQLITE).partition("?")[0]).absolute()
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    lock = FileLock(Path(gettempdir()) / f"churnstream-{os.getuid()}-{name}.lock", timeout=_OPENING_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another process has been creating the store {path} for {_OPENING_SECONDS} s; stop it, or try again"
        ) from None
    try:
        yield
    finally:
        lock.release()


def missing_package(uri: str, error: ImportError) -> UserError:
    """What a user is told when a store of MLflow's needs a package that is not installed."""
    module = (error.name or "").partition(".")[0]
    if not module:
        return UserError(f"MLflow cannot use {uri} ({error}); install what it needs")
    package = _PACKAGES.get(module, module)
    return UserError(
        f"MLflow at {uri} (MLFLOW_TRACKING_URI) needs the Python package {module}, which is not installed; run: pip "
        f"install '{package}'"
    )
