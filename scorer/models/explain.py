"""Contributions per feature to one prediction, by XGBoost's own SHAP values; they add up to the model's margin.

The values are Shapley values of the trees' conditional expectations (Lundberg, Erion and Lee, Consistent
Individualized Feature Attribution for Tree Ensembles, 2018). The margin is the log-odds of label 1. The 0/1 columns of
one categorical feature count together, as the feature's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from contract.arrays import Floats
from contract.errors import ChurnstreamError
from contract.records import feature_frame
from contract.schema import Schema
from scorer.models.direct import Encoding, encoding, is_pipeline
from scorer.models.loaded import Model

if TYPE_CHECKING:
    from xgboost import XGBClassifier


class NotExplainableError(ChurnstreamError):
    """The model has no such values. The message says why, and what to do."""


class Explanation(msgspec.Struct, frozen=True):
    """One record's prediction taken apart: ``bias`` and the contributions add up to ``margin`` (log-odds).

    ``contributions`` are by feature, in the schema's order; one that the model does not use has 0. ``bias`` is the
    mean of the margins of the rows that the model was trained on, weighed as its trees weigh them.
    """

    margin: float
    bias: float
    contributions: dict[str, float]


@dataclass(frozen=True, eq=False)
class Explainer:
    """A model's trees and which columns of their matrix are which feature's.

    It may be used from several threads at once: XGBoost's predictions, contributions among them, are thread-safe for
    trees since its version 1.4 (its manual, "Prediction", "Thread Safety"), and nothing here sets a parameter.
    """

    schema: Schema
    classifier: "XGBClassifier"
    encoding: Encoding
    before: tuple[Any, ...]
    """The steps that lead to the matrix through a frame, where there are others than the encoding."""

    def explain(self, features: Sequence[msgspec.Struct]) -> list[Explanation]:
        """One explanation per struct of ``contract.records.features_type``, in their order."""
        if not features:
            return []
        from xgboost import DMatrix

        trees = self.classifier
        data = DMatrix(self._matrix(features), missing=trees.missing, nthread=trees.n_jobs)
        options: dict[str, Any] = {"iteration_range": (0, _rounds(trees)), "validate_features": False}
        booster = trees.get_booster()
        margins = booster.predict(data, output_margin=True, **options)
        parts = booster.predict(data, pred_contribs=True, **options).astype(np.float64)
        totals = np.zeros((len(features), len(self.schema.features)))
        for one in self.encoding.columns:
            totals[:, one.position] += parts[:, one.start : one.stop].sum(axis=1)
        return [
            Explanation(margin, bias, dict(zip(self.schema.names, row, strict=True)))
            for margin, bias, row in zip(margins.tolist(), parts[:, -1].tolist(), totals.tolist(), strict=True)
        ]

    def _matrix(self, features: Sequence[msgspec.Struct]) -> Floats:
        if not self.before:
            return self.encoding.matrix(features)
        made: Any = feature_frame(self.schema, features)
        for step in self.before:
            made = step.transform(made)
        matrix: Floats = made
        return matrix


def explainer(model: Model) -> Explainer:
    """The explainer of a model that ends in XGBoost after a known encoding, as ``churnstream train`` makes it.

    Raises:
        NotExplainableError: the model is of another kind, is calibrated (its probability is not the margin's then), or
            its columns cannot be told apart by feature.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from xgboost import XGBClassifier

    named = f"{model.ref.name} v{model.ref.version}"
    classifier: Any = model.classifier
    is_calibrated = isinstance(classifier, CalibratedClassifierCV)
    pipeline = classifier.estimator if is_calibrated else classifier
    last = _last_step(pipeline)
    if type(last) is not XGBClassifier:
        raise NotExplainableError(
            f"{named} is of type {type(last).__name__}, and only XGBoost models can be explained; train one with "
            f"`churnstream train --data TABLE --force`"
        )
    if is_calibrated:
        raise NotExplainableError(
            f"{named} is calibrated ({classifier.method}), and contributions explain only XGBoost's answer before "
            "calibration; promote an XGBoost version whose card says that no calibration was needed: `churnstream "
            "promote VERSION`"
        )
    if is_pipeline(pipeline):
        before = [step for _, step in pipeline.steps[:-1]]
        found = encoding(before[-1], model.schema) if before else None
        if found is not None and _is_known(last) and all(_imputes(step, model.schema) for step in before[:-1]):
            return Explainer(model.schema, last, found, tuple(before) if len(before) > 1 else ())
    raise NotExplainableError(
        f"{named} is an XGBoost model that churnstream did not make, so its columns or margin are unknown; train "
        f"one with `churnstream train --data TABLE --force`"
    )


def _last_step(model: Any) -> Any:
    while is_pipeline(model):
        model = model.steps[-1][1]
    return model


def _is_known(trees: "XGBClassifier") -> bool:
    """Whether it is boosted trees whose margin is the log-odds of label 1."""
    return trees.booster in (None, "gbtree") and trees.objective == "binary:logistic"


def _rounds(trees: "XGBClassifier") -> int:
    """How many rounds of trees predict: 0, which is all, unless it was stopped early."""
    try:
        return int(trees.best_iteration) + 1
    except AttributeError:
        return 0


def _imputes(step: Any, schema: Schema) -> bool:
    """Whether a step fills gaps in the schema's columns, and each column stays what it was and keeps its name."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer

    if type(step) is not ColumnTransformer:
        return False
    parts = [part for _, part, _ in step.transformers_ if not (isinstance(part, str) and part == "drop")]
    return all(type(part) is SimpleImputer and not part.add_indicator for part in parts) and sorted(
        step.get_feature_names_out()
    ) == sorted(schema.names)
