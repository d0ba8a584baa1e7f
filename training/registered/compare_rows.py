"""Which rows two models are compared on: only such as neither has learned from.

Of a version it is known by which seed its customers were divided, and which rows it learned from. So a row of a table
is new to it if its customer is on the test side of that seed and, where the table is another one than it was trained
on, the row is not among those it learned from either (earlier releases held out by a cut that moved a little when a
table grew). To a version that was divided by time, what came after all that it learned from is new.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from contract.arrays import Labels, Mask
from contract.errors import UserError
from contract.schema import Schema
from contract.split.held_out import SPLIT_RULE, held_out
from training.quality.clusters import Customers
from training.registered import tags
from training.registered.versions import Version, reference_rows
from training.table.prepare import MIN_ROWS_OF_CLASS, Table
from training.table.split_files import LEARNED_FROM, SPLIT_FOLDER

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Common:
    """Rows that neither model has learned from; ``source`` says in words which.

    ``customers`` says whom each is about; None where each is about another one.
    """

    X: pd.DataFrame
    y: Labels
    source: str
    customers: Customers | None = None


def kept_rows(client: "MlflowClient", first: Version, second: Version, schema: Schema) -> Common:
    """The held-out rows that are kept with ``first``, if ``second`` was made from the same split of the same data.

    Raises:
        UserError: it was not, or the rows cannot be read.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    for tag, what in (
        (tags.SPLIT_SEED, "split seeds"),
        (tags.DATA_HASH, "data"),
        (tags.SPLIT_RULE, "rules of the split"),
        (tags.TEST_SHARE, "test shares"),
        (tags.TEST_FROM, "moments of the split"),
    ):
        mine, other = first.tags.get(tag), second.tags.get(tag)
        # what earlier releases do not say was the same for all of them
        unknown = mine is None and tag in (() if first.by_time else (tags.SPLIT_SEED, tags.DATA_HASH))
        if unknown or mine != other:
            raise UserError(
                f"{first.title} and {second.title} were made with different or unknown {what}, so one has learned from "
                "held-out rows of the other; give a table with --data FILE, to compare them on those of its rows that "
                "neither has seen"
            )
    kept = reference_rows(client, first, schema)
    return Common(kept.X, kept.y, f"{len(kept.y):,} rows that were held out when both were trained", kept.customers)


def unseen_rows(client: "MlflowClient", versions: tuple[Version, Version], rows: Table, schema: Schema) -> Common:
    """Those of ``rows`` that neither version has learned from.

    Raises:
        UserError: of a version it cannot be known, or too few rows are left.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    first, second = (_unseen(client, version, rows, schema) for version in versions)
    both = first & second
    y = rows.y[both]
    counts = np.bincount(y, minlength=2)
    if min(counts) < MIN_ROWS_OF_CLASS:
        raise UserError(
            f"only {len(y):,} rows of the table were seen by neither {versions[0].title} nor {versions[1].title} "
            f"({counts[1]} of them positive), and {MIN_ROWS_OF_CLASS} of each label are needed; give a larger table, "
            f"or train both with the same --split-seed"
        )
    source = f"{len(y):,} rows that neither has seen"
    return Common(rows.X[both].reset_index(drop=True), y, source, rows.customers[both])


def _unseen(client: "MlflowClient", version: Version, rows: Table, schema: Schema) -> Mask:
    if version.by_time:
        if rows.times is None or version.learned_before is None:
            return new_to(client, version, rows.X, schema)
        newer: Mask = rows.times >= version.learned_before
        return newer
    seed = version.split_seed
    if seed is None or not seed.isdecimal():
        raise UserError(
            f"it is not known which rows {version.title} has learned from, because its split seed was not kept; "
            f"train it again with `churnstream train`"
        )
    test: Mask = held_out(rows.customers, int(seed), version.test_share)
    same_rule = version.tags.get(tags.SPLIT_RULE) == SPLIT_RULE
    if same_rule and version.tags.get(tags.DATA_HASH) == rows.data_hash:
        return test
    return test & new_to(client, version, rows.X, schema)


def new_to(client: "MlflowClient", version: Version, X: pd.DataFrame, schema: Schema) -> Mask:
    """Which rows of ``X`` are not, by all of their features, among those that the version has learned from.

    Raises:
        UserError: its run does not hold the rows that it learned from.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    return ~_among(X, _learned_from(client, version, schema), schema)


def _learned_from(client: "MlflowClient", version: Version, schema: Schema) -> pd.DataFrame:
    from mlflow.exceptions import MlflowException

    problem = (
        f"{version.title} was trained on a different table, or by an earlier release, and its run does not "
        f"hold the rows it learned from ({SPLIT_FOLDER}/{LEARNED_FROM}), so it cannot be known which rows are new to "
        f"it; train it again with `churnstream train`, or give the table that it was trained on"
    )
    with tempfile.TemporaryDirectory(prefix="churnstream-split-") as folder:
        try:
            path = client.download_artifacts(version.run_id, f"{SPLIT_FOLDER}/{LEARNED_FROM}", folder)
            return pd.read_parquet(Path(path), columns=list(schema.names))
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INTERNAL_ERROR"):
                raise
            raise UserError(problem) from None
        except (OSError, ValueError):
            raise UserError(problem) from None


def _among(X: pd.DataFrame, learned: pd.DataFrame, schema: Schema) -> Mask:
    """Which rows of ``X`` are rows of ``learned``, by all of their features."""
    known = set(_keys(learned, schema))
    return np.array([key in known for key in _keys(X, schema)], dtype=bool)


def _keys(frame: pd.DataFrame, schema: Schema) -> list[tuple[object, ...]]:
    columns = []
    for name in schema.names:
        column = frame[name]
        columns.append(column.where(column.notna(), None).astype(object).tolist())
    return list(zip(*columns, strict=True))
