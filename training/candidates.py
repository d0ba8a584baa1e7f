"""What can be trained: a schema's preprocessing and a classifier as one pipeline, unfitted."""

from typing import Any

from imblearn.pipeline import Pipeline
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier

from contract.schema import Schema

XGBOOST: dict[str, Any] = {
    "n_estimators": 200,
    "max_depth": 4,
    "learning_rate": 0.05,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "min_child_weight": 5,
    # a fit takes a fifth of a second; on a busy machine several threads wait for each other ten times as long
    "n_jobs": 1,
}


def xgboost_pipeline(schema: Schema, seed: int, **parameters: Any) -> Pipeline:
    """Preprocessing and gradient-boosted trees; ``parameters`` go over ``XGBOOST``.

    A category outside the schema's sets none of its columns, and a missing number stays NaN, which trees take as it is.
    The pipeline is imbalanced-learn's, so that a step that resamples would see training folds only.
    """
    classifier = XGBClassifier(**(XGBOOST | {"random_state": seed} | parameters))
    return Pipeline([("prepare", preprocessing(schema)), ("classify", classifier)])


def preprocessing(schema: Schema) -> ColumnTransformer:
    """Categorical features as one 0/1 column per category of the schema, then the numbers as they are."""
    categories = [list(schema.feature(name).categories) for name in schema.categorical]
    encoder = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("categories", encoder, list(schema.categorical)), ("numbers", "passthrough", list(schema.numeric))]
    )
