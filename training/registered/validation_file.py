"""A candidate's out-of-fold probabilities as an artifact of its run, so that any two candidates can be compared."""

import io
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from contract.arrays import Floats, Integers, Labels
from contract.errors import UserError
from contract.models.bundle import CUSTOMER_COLUMN, LABEL_COLUMN, SCORE_COLUMN
from training.quality.clusters import Customers, clusters_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

VALIDATION_ARTIFACT = "churnstream/validation.parquet"
"""Artifact of a candidate's run: ``label`` and out-of-fold ``score`` of each training row, in the table's order; where
customers repeat, their numbers, too."""


def validation_bytes(y: Labels, scores: Floats, customers: Customers | None = None) -> bytes:
    """The artifact's content."""
    buffer = io.BytesIO()
    frame = pd.DataFrame({LABEL_COLUMN: y, SCORE_COLUMN: scores})
    if (numbers := clusters_of(customers)) is not None:
        frame[CUSTOMER_COLUMN] = numbers
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def read_validation(client: "MlflowClient", run_id: str) -> tuple[Labels, Floats, Integers | None] | None:
    """Labels, out-of-fold probabilities and, where they repeat, customers of a run; None if it has none.

    Raises:
        UserError: what it has is no such table.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    folder, _, _ = VALIDATION_ARTIFACT.rpartition("/")
    if VALIDATION_ARTIFACT not in {file.path for file in client.list_artifacts(run_id, folder)}:
        return None
    with tempfile.TemporaryDirectory(prefix="churnstream-validation-") as local:
        try:
            frame = pd.read_parquet(client.download_artifacts(run_id, VALIDATION_ARTIFACT, local))
            y, scores = frame[LABEL_COLUMN].to_numpy(np.int64), frame[SCORE_COLUMN].to_numpy(np.float64)
            customers = frame[CUSTOMER_COLUMN].to_numpy(np.int64) if CUSTOMER_COLUMN in frame.columns else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{VALIDATION_ARTIFACT} of run {run_id} cannot be read ({type(error).__name__}); train again"
            ) from None
    return y, scores, customers
