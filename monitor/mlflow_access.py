"""MLflow's client as the monitor wants it: an outage shows within seconds, and who waits for it decides how."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

_RETRIES, _TIMEOUT = "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"


def mlflow_client(tracking_uri: str) -> "MlflowClient":
    """A client of the server or database at ``tracking_uri``. Importing MLflow takes 2 to 3 s, once.

    MLflow's own retries go on for minutes and cannot be interrupted. The monitor has its spool and its cache instead,
    so unless the user has set MLflow's variables, this process retries once and waits 30 s at most.

    Raises:
        mlflow.exceptions.MlflowException: a database cannot be opened. (A server is not contacted yet.)
    """
    os.environ.setdefault(_RETRIES, "1")
    os.environ.setdefault(_TIMEOUT, "30")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri, registry_uri=tracking_uri)
