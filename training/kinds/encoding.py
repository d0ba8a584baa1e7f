"""How a schema's columns become numbers, for the kinds of model that need them so.

Everywhere, a category outside the schema's (a missing one, too) sets none of its columns.
"""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, OneHotEncoder, PolynomialFeatures, StandardScaler

from contract.schema import Feature, FeatureKind, Schema

Steps = list[tuple[str, Any]]

DEGREE = 3
FEW = 20
"""An ordinal of at most so many values in the schema has a column for each of its commonest, too."""
_LEVELS = 5  # so many columns; the other values share the last


def trees(schema: Schema) -> Steps:
    """0/1 columns of the categories, then the numbers as they are; a missing number stays NaN, which trees take."""
    return [("prepare", ColumnTransformer([_categories(schema), ("numbers", "passthrough", list(schema.numeric))]))]


def scaled(schema: Schema) -> Steps:
    """Mean 0 and variance 1 for every column; a missing number becomes the median of the training rows.

    Ordinals of few values have columns for these, too, for their effect may go up and down.
    """
    numbers = make_pipeline(_median(), StandardScaler())
    parts = [_categories(schema), ("numbers", numbers, list(schema.numeric)), *_levels(schema)]
    return [("prepare", ColumnTransformer(parts)), ("scale", StandardScaler())]


def polynomial(schema: Schema) -> Steps:
    """Powers of each number up to the third, whether it is above 0, and the products of any two of all columns.

    This is what lets a linear model see that the effect of age depends on the number of products.
    """
    powers = make_pipeline(_median(), StandardScaler(), PolynomialFeatures(DEGREE, include_bias=False))
    numbers = [
        feature.name for feature in schema.features if feature.kind in (FeatureKind.NUMERIC, FeatureKind.ORDINAL)
    ]
    flags = [feature.name for feature in schema.features if feature.kind is FeatureKind.FLAG]
    columns = ColumnTransformer(
        [
            _categories(schema),
            *((f"powers of {name}", powers, [name]) for name in numbers),
            *([("above zero", make_pipeline(_median(), Binarizer()), numbers)] if numbers else []),
            *_levels(schema),
            *([("flags", _median(), flags)] if flags else []),
        ]
    )
    products = PolynomialFeatures(2, interaction_only=True, include_bias=False)
    return [
        ("prepare", columns),
        ("varying", VarianceThreshold()),
        ("products", products),
        ("varying products", VarianceThreshold()),
        ("scale", StandardScaler()),
    ]


def imputed(schema: Schema) -> Steps:
    """The schema's own columns without gaps, as a frame: the median for a number, the empty text for a category."""
    parts = []
    if schema.categorical:
        names = SimpleImputer(missing_values=None, strategy="constant", fill_value="")
        parts.append(("categories", names, list(schema.categorical)))
    if schema.numeric:
        parts.append(("numbers", _median(), list(schema.numeric)))
    whole = ColumnTransformer(parts, verbose_feature_names_out=False)
    return [("impute", whole.set_output(transform="pandas"))]


def _categories(schema: Schema) -> tuple[str, Any, list[str]]:
    categories = [list(schema.feature(name).categories) for name in schema.categorical]
    encoder = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False)
    return ("categories", encoder, list(schema.categorical))


def _levels(schema: Schema) -> list[tuple[str, Any, list[str]]]:
    ordinals = [
        feature.name for feature in schema.features if feature.kind is FeatureKind.ORDINAL and _has_few(feature)
    ]
    encoder = OneHotEncoder(max_categories=_LEVELS, handle_unknown="infrequent_if_exist", sparse_output=False)
    return [("levels", make_pipeline(_median(), encoder), ordinals)] if ordinals else []


def _has_few(feature: Feature) -> bool:
    low, high = feature.minimum, feature.maximum
    return low is not None and high is not None and high - low < FEW


def _median() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)
