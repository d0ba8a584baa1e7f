"""The table that a retraining learns from, as a frame that training takes: the stream's rows, and a table's."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Mask
from contract.errors import UserError
from contract.history.known import NEVER_KNOWN, label_known_at, plausible
from contract.schema import ROW_NUMBER, Schema
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.reading import open_table
from contract.tables.times import EVENT_TIME, LABEL_TIME, TimeOptions
from training.outcomes.rows import ScoredRecords

TIME_COLUMN, LABEL_TIME_COLUMN = "event time (churnstream)", "label time (churnstream)"
"""Columns of the frame that no feature's name can be."""
TIMES = TimeOptions(TIME_COLUMN, label_column=LABEL_TIME_COLUMN)
"""How training is told of them. They are ms, which is told from their size."""


def stream_frame(records: ScoredRecords, taken: Mask, schema: Schema) -> pd.DataFrame:
    """The records ``taken`` as rows of a table under ``schema``, with their times, in order of time."""
    labels = records.labels[taken]
    columns = {feature.table_column: records.X[feature.name].to_numpy()[taken] for feature in schema.features}
    return _with_id(
        pd.DataFrame(
            {
                **columns,
                schema.label.column: _values(labels, schema),
                TIME_COLUMN: records.times[taken],
                # a label is dated before its record where labels carry no time of day
                LABEL_TIME_COLUMN: np.maximum(records.label_times[taken], records.times[taken]),
            }
        ),
        records.customers[taken],
        schema,
    )


def table_frame(path: Path, schema: Schema, first: int, options: ReadOptions = AS_FOUND) -> pd.DataFrame:
    """A table's labelled rows in the same form. Without a time of its own a row lies before ``first`` (ms), the time of
    the stream's first record.

    Raises:
        UserError: the table cannot be read, or no row of it has a label.
    """
    opened = open_table(path, schema, str(path), options=options, times=schema.time is not None)
    rows = pd.concat(list(opened.chunks()), ignore_index=True) if opened.rows else pd.DataFrame()
    if not len(rows):
        raise UserError(f"{path} has no rows; give a table with labels, or leave --data out")
    codes = rows[schema.label.column].to_numpy().astype(np.int64)
    times = np.full(len(rows), first - 1, dtype=np.int64)
    known = times
    if schema.time is not None:
        own = rows[EVENT_TIME].to_numpy()
        label_times = rows[LABEL_TIME].to_numpy() if schema.label_time is not None else None
        dated = plausible(own)
        times = np.where(dated, own, times)
        known = np.where(dated, label_known_at(own, label_times, codes, schema), times)
    kept: Mask = ((codes == 0) | (codes == 1)) & (known != NEVER_KNOWN)
    if not kept.any():
        raise UserError(f"{path} has no row with a known label; give a table with labels")
    rows, codes = rows[kept], codes[kept]
    return _with_id(
        pd.DataFrame(
            {
                **{feature.table_column: rows[feature.name].to_numpy() for feature in schema.features},
                schema.label.column: _values(codes, schema),
                TIME_COLUMN: times[kept],
                LABEL_TIME_COLUMN: known[kept],
            }
        ),
        rows[schema.id_column].to_numpy(dtype=object),
        schema,
    )


def frame_hash(frame: pd.DataFrame) -> str:
    """SHA-256 (hex) of the rows in their order, ids and times included."""
    digest = hashlib.sha256("\n".join(map(str, frame.columns)).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _with_id(frame: pd.DataFrame, customers: npt.NDArray[np.object_], schema: Schema) -> pd.DataFrame:
    # where a schema counts rows, whoever reads the frame counts them, too
    if schema.id_column != ROW_NUMBER:
        frame.insert(0, schema.id_column, customers)
    return frame


def _values(labels: npt.NDArray[Any], schema: Schema) -> list[int | str]:
    """As the schema's table has them."""
    return [schema.label.positive if label == 1 else schema.label.negative for label in labels.tolist()]
