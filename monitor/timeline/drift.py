"""A window's sample as the table that drift is judged on (``monitor.inputs``) and reports are made of."""

import numpy as np
import pandas as pd

from contract.errors import UserError
from contract.models.bundle import SCORE_COLUMN
from contract.records import columns_frame
from contract.schema import Feature, Schema
from monitor.timeline.samples import Column, Sample, objects


def sample_frame(schema: Schema, sample: Sample) -> pd.DataFrame:
    """A sample as a table, one row per record: the schema's columns as ``feature_frame`` has them, and ``score``.

    Raises:
        UserError: it is of records of another schema.
    """
    if len(sample) and not _fits(schema, sample):
        raise UserError(
            f"these predictions have {len(sample.columns)} features, but schema {schema.name} has "
            f"{len(schema.features)}; give the schema that they were scored with"
        )
    columns = sample.columns if len(sample) else (np.empty(0),) * len(schema.features)
    typed = [
        objects(column) if feature.is_categorical else column
        for feature, column in zip(schema.features, columns, strict=True)
    ]
    frame = columns_frame(schema, typed)
    frame[SCORE_COLUMN] = sample.probabilities
    return frame


def _fits(schema: Schema, sample: Sample) -> bool:
    return len(sample.columns) == len(schema.features) and all(map(_is_of, schema.features, sample.columns))


def _is_of(feature: Feature, column: Column) -> bool:
    """Whether a column may be a feature's; one without any value may be of each."""
    return (column.dtype == object) == feature.is_categorical or bool(pd.isna(column).all())
