"""The first step of a model's pipeline without a data frame: the same matrix from feature structs, to the bit.

For a model whose pipeline begins with a ColumnTransformer of 0/1 columns for categories and of numbers as they are
(XGBoost, decision tree and random forest, as ``churnstream train`` makes them). For one record, scikit-learn's own way
through a frame takes ten times as long as the trees. Whatever is not known here to be the same goes through the frame.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np

from contract.arrays import Floats
from contract.bounds import LARGEST_NUMBER
from contract.models.registry import Classifier, positive_probabilities
from contract.records import feature_frame, features_type
from contract.schema import Feature, Schema
from scorer.models.columns import CheckedColumns

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer


_log = logging.getLogger("churnstream.direct")


@dataclass(frozen=True, eq=False)
class EncodedFeature:
    """The columns ``start`` to ``stop`` (not included) of the matrix, which come from one feature.

    ``position`` is the feature's in the schema. A number is one column as it is. A categorical feature's value has a
    row number in ``codes``, and its columns are that row of ``rows``; any other value's are the last row, all 0.
    ``by_place`` has the same rows in the order of the schema's categories, and the last for null.
    """

    position: int
    start: int
    codes: dict[str, int] | None
    rows: Floats
    by_place: Floats

    @property
    def stop(self) -> int:
        return self.start + int(self.rows.shape[1])


@dataclass(frozen=True, eq=False)
class Encoding:
    """What a ColumnTransformer makes of a schema's features."""

    columns: tuple[EncodedFeature, ...]
    width: int

    def matrix(self, features: Sequence[msgspec.Struct]) -> Floats:
        """One row per struct of ``contract.records.features_type`` (at least one), C order; a null number is NaN."""
        values = list(zip(*map(msgspec.structs.astuple, features), strict=True))
        matrix = np.empty((len(features), self.width))
        for one in self.columns:
            column = values[one.position]
            if one.codes is None:
                matrix[:, one.start] = np.array(column, dtype=np.float64)
            else:
                found = map(one.codes.get, column, repeat(len(one.codes)))
                matrix[:, one.start : one.stop] = one.rows[np.fromiter(found, np.intp, len(features))]
        return matrix

    def matrix_of_columns(self, columns: CheckedColumns) -> Floats:
        """As ``matrix`` of the same records."""
        matrix = np.empty((len(columns), self.width))
        for one in self.columns:
            values = columns.values[one.position]
            if one.codes is None:
                matrix[:, one.start] = values
            else:
                places = np.where(np.isnan(values), len(one.by_place) - 1, values).astype(np.intp)
                matrix[:, one.start : one.stop] = one.by_place[places]
        return matrix


class Compiled(Protocol):
    """What gives the same probabilities without the matrix."""

    def probabilities(self, features: Sequence[msgspec.Struct]) -> Floats: ...

    def of_columns(self, columns: CheckedColumns) -> Floats: ...


@dataclass(frozen=True, eq=False)
class Direct:
    """A classifier that is applied to the matrix of its first step, and what makes this matrix.

    Where it is ``compiled`` there is no matrix.
    """

    encoding: Encoding
    rest: Any
    compiled: Compiled | None = None

    def probabilities(self, features: Sequence[msgspec.Struct]) -> Floats:
        """Probability of label 1 for each struct, of which there is at least one."""
        if self.compiled is not None:
            return self.compiled.probabilities(features)
        return self._probabilities(self.encoding.matrix(features))

    def of_columns(self, columns: CheckedColumns) -> Floats:
        """The same from columns."""
        if self.compiled is not None:
            return self.compiled.of_columns(columns)
        return self._probabilities(self.encoding.matrix_of_columns(columns))

    def _probabilities(self, matrix: Floats) -> Floats:
        found: Floats = self.rest.predict_proba(matrix)[:, 1].astype(np.float64)
        return found


def checked_direct(classifier: Classifier, schema: Schema, named: str) -> Direct | None:
    """The direct way, if there is one and it gives what the frame gives; where it does not, a warning says so.

    They are compared on records made from the schema: its categories and bounds, other values, nulls.
    """
    # a classifier that is not what it seems fails in its own way, and then the frame is the only judge
    try:
        found = direct(classifier, schema)
        if found is None or _agrees(found, classifier, schema):
            return found
        reason = "it differs from the frame's result"
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    _log.warning("model %s is scored through a data frame, because the direct way cannot be used: %s", named, reason)
    return None


def direct(classifier: Any, schema: Schema) -> Direct | None:
    """The direct way of a fitted pipeline, or of a calibrated one; None where it may not give the same."""
    from sklearn.calibration import CalibratedClassifierCV

    if type(classifier) is CalibratedClassifierCV and len(classifier.calibrated_classifiers_) == 1:
        inner = classifier.calibrated_classifiers_[0]
        found = _of_pipeline(inner.estimator, schema)
        return None if found is None else Direct(found.encoding, _calibrated(classifier, inner, found.rest))
    return _of_pipeline(classifier, schema)


def encoding(step: Any, schema: Schema) -> Encoding | None:
    """What a fitted step makes of the schema's features; None where it is no such ColumnTransformer.

    Each part is a OneHotEncoder of categorical features, an unknown category setting none of its columns, or numeric
    features as they are; any other column is dropped.
    """
    from sklearn.compose import ColumnTransformer

    if type(step) is not ColumnTransformer or step.transformer_weights or step.remainder != "drop":
        return None
    columns: list[EncodedFeature] = []
    start = 0
    for name, part, names in step.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        made = _part(part, names, schema, start)
        if made is None:
            return None
        columns += made
        start = made[-1].stop if made else start
        if step.output_indices_[name].stop != start and made:
            return None
    return Encoding(tuple(columns), start)


def is_pipeline(model: object) -> bool:
    """Whether it is a pipeline of scikit-learn or imbalanced-learn, and of no class derived from them."""
    from imblearn.pipeline import Pipeline
    from sklearn.pipeline import Pipeline as SkPipeline

    return type(model) in (Pipeline, SkPipeline)


def _of_pipeline(pipeline: Any, schema: Schema) -> Direct | None:
    if not is_pipeline(pipeline) or len(pipeline.steps) < 2:
        return None
    first, *others = [step for _, step in pipeline.steps]
    # one that has been fitted to named columns wants them again
    if any(hasattr(step, "feature_names_in_") for step in others):
        return None
    found = encoding(first, schema)
    if found is None:
        return None
    return Direct(found, others[0] if len(others) == 1 else pipeline[1:])


def _calibrated(whole: Any, inner: Any, rest: object) -> object:
    """The calibrated classifier with ``rest`` in place of its pipeline."""
    inner, whole = copy.copy(inner), copy.copy(whole)
    inner.estimator = rest
    whole.calibrated_classifiers_ = [inner]
    return whole


def _part(part: Any, names: object, schema: Schema, start: int) -> list[EncodedFeature] | None:
    """The columns from ``start`` on that one part of a ColumnTransformer makes of the features ``names``."""
    if not isinstance(names, list) or not all(isinstance(name, str) and name in schema.names for name in names):
        return None
    positions = [schema.names.index(name) for name in names]
    if not names:
        return []
    if _passes_on(part):
        if any(schema.features[position].is_categorical for position in positions):
            return None
        return [
            EncodedFeature(position, start + offset, None, np.ones((1, 1)), np.ones((1, 1)))
            for offset, position in enumerate(positions)
        ]
    if not _is_indicator(part) or not all(schema.features[position].is_categorical for position in positions):
        return None
    made = []
    for position, categories in zip(positions, part.categories_, strict=True):
        if categories.dtype != object or not all(isinstance(category, str) for category in categories):
            return None
        count = len(categories)
        codes = {category: code for code, category in enumerate(categories)}
        rows = np.eye(count + 1, count)
        by_place = rows[[*(codes.get(name, count) for name in schema.features[position].categories), count]]
        made.append(EncodedFeature(position, start, codes, rows, by_place))
        start += count
    return made


def _passes_on(part: Any) -> bool:
    from sklearn.preprocessing import FunctionTransformer

    if isinstance(part, str):
        return part == "passthrough"
    # what scikit-learn puts in the place of "passthrough"
    return type(part) is FunctionTransformer and part.func is None and not part.validate


def _is_indicator(part: Any) -> bool:
    from sklearn.preprocessing import OneHotEncoder

    return (
        type(part) is OneHotEncoder
        and part.handle_unknown == "ignore"
        and part.sparse_output is False
        and part.drop is None
        and part.min_frequency is None
        and part.max_categories is None
        and np.dtype(part.dtype) == np.float64
    )


def probes(schema: Schema) -> list[msgspec.Struct]:
    """Records in which each value of ``_values`` stands at least once."""
    values = [_values(feature) for feature in schema.features]
    make = features_type(schema)
    return [
        make(**{name: each[row % len(each)] for name, each in zip(schema.names, values, strict=True)})
        for row in range(max(map(len, values)))
    ]


def _agrees(found: Direct, classifier: Any, schema: Schema) -> bool:
    features = probes(schema)
    frame = feature_frame(schema, features)
    pipeline = classifier if is_pipeline(classifier) else classifier.calibrated_classifiers_[0].estimator
    first: ColumnTransformer = pipeline.steps[0][1]
    same_matrix = np.array_equal(first.transform(frame), found.encoding.matrix(features), equal_nan=True)
    return same_matrix and np.array_equal(positive_probabilities(classifier, frame), found.probabilities(features))


def _values(feature: Feature) -> list[str | float | None]:
    if feature.is_categorical:
        return [*feature.categories, "a category that is in no schema", "", None]
    given = (feature.minimum, feature.maximum)
    bounds = [bound for bound in given if bound is not None and abs(bound) <= LARGEST_NUMBER]
    return [*bounds, sum(bounds) / 2 + 1 / 3, 0, None, -LARGEST_NUMBER, LARGEST_NUMBER]
