"""MLflow's client as we want it: quiet, and an outage shows within seconds; who waits for MLflow decides how."""

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ENVIRONMENT = {
    # MLflow's own retries go on for minutes and cannot be interrupted
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # a line with a link on standard output whenever a run on a server ends
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def configure_mlflow() -> None:
    """Set this process's MLflow variables, unless the user has; must come before MLflow is first imported."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def mlflow_client(tracking_uri: str) -> "MlflowClient":
    """A client of the server or database at ``tracking_uri``. Importing MLflow takes 2 to 3 s, once.

    Unless the user has set MLflow's variables, this process retries once, waits 30 s at most, and logs warnings only.

    Raises:
        mlflow.exceptions.MlflowException, sqlalchemy.exc.SQLAlchemyError: a database cannot be opened. (A server is not
            contacted yet.)
    """
    configure_mlflow()
    from mlflow import MlflowClient

    for logger in ("mlflow", "alembic"):
        logging.getLogger(logger).setLevel(os.environ["MLFLOW_LOGGING_LEVEL"].upper())
    return MlflowClient(tracking_uri, registry_uri=tracking_uri)
