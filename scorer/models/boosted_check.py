"""Whether the compiled trees of a model give what its classifier gives, to the bit; if not, they are not used."""

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from contract.arrays import Floats
from contract.bounds import LARGEST_NUMBER
from contract.schema import Schema
from scorer.kernels.compiled import available, told_if_long
from scorer.models.columns import CheckedColumns, columns_of_frame
from scorer.models.direct import Direct, probes

if TYPE_CHECKING:
    import pandas as pd

    from scorer.models.boosted import Boosted

_log = logging.getLogger("churnstream.boosted")

_SAMPLE = 2_000
"""Random records besides the probes and the input example."""
_FEW = 3
"""Some of them also by themselves, because few records take another way than many."""
_MISSING = 0.1
"""Share of gaps in each feature of the sample."""


def with_compiled_trees(direct: Direct, schema: Schema, named: str, example: "pd.DataFrame") -> Direct:
    """``direct`` with the compiled trees, if it has such and they give the same bits; a warning says if they do not.

    They are compared with the classifier on the model's input ``example``, on records made from the schema, and on
    random ones whose numbers lie at the cuts of the trees, beside them, anywhere, or are missing.
    """
    if not available():
        return direct
    # here, because numba takes a while to import
    from scorer.models.boosted import boosted

    # a classifier that is not what it seems fails in its own way
    try:
        with told_if_long("the trees of XGBoost models"):
            found = boosted(direct.rest, direct.encoding, schema)
            if found is None:
                return direct
            if _agrees(found, direct, schema, example):
                return replace(direct, compiled=found)
        reason = "they differ from its result"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    _log.warning("model %s is scored by XGBoost, because compiled trees cannot be used: %s", named, reason)
    return direct


def _agrees(found: "Boosted", direct: Direct, schema: Schema, example: "pd.DataFrame") -> bool:
    structs = probes(schema)
    if not np.array_equal(found.probabilities(structs), direct.probabilities(structs)):
        return False
    for columns in (columns_of_frame(example, schema), sample(found, schema)):
        few = columns.part(0, _FEW)
        expected = direct.of_columns(columns)
        if not np.array_equal(found.of_columns(columns), expected) or not np.array_equal(
            found.of_columns(few), expected[:_FEW]
        ):
            return False
    return True


def sample(found: "Boosted", schema: Schema) -> CheckedColumns:
    """Random records whose numbers lie at the cuts of the trees, beside them or anywhere, with gaps."""
    rng = np.random.default_rng(0)
    values = np.empty((len(schema.features), _SAMPLE))
    for position, feature in enumerate(schema.features):
        values[position] = (
            rng.integers(0, len(feature.categories), _SAMPLE)
            if feature.is_categorical
            else rng.choice(_near(found.cuts_of(position)), _SAMPLE)
        )
    values[rng.random(values.shape) < _MISSING] = np.nan
    return CheckedColumns(values)


def _near(cuts: Floats) -> Floats:
    """The cuts, and numbers beside, between and beyond them."""
    single = cuts.astype(np.float32)
    beside = [np.nextafter(single, np.float32(side)).astype(np.float64) for side in (-np.inf, np.inf)]
    finer = [np.nextafter(cuts, side) for side in (-np.inf, np.inf)]
    between = (cuts[1:] + cuts[:-1]) / 2
    return np.concatenate([cuts, *beside, *finer, between, [0.0, -0.0, -LARGEST_NUMBER, LARGEST_NUMBER]])
