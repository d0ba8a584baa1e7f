"""What is done about the rarer class: nothing, class weights, or synthetic rows (SMOTE), in training folds only.

Each is part of the pipeline. imbalanced-learn's pipeline resamples when it is fitted and never when it predicts, so a
fold's validation rows and the test rows are always real rows, and the sampler can be left out of the saved model.
"""

from typing import Any, Literal, get_args

from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from imblearn.pipeline import Pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline as SkPipeline

from contract.schema import FeatureKind, Schema
from training.kinds.encoding import Steps, imputed

Sampling = Literal["plain", "weights", "smote"]
SAMPLINGS: tuple[Sampling, ...] = get_args(Sampling)
SAMPLER = "sample"


def smote_steps(schema: Schema, seed: int) -> Steps:
    """Imputation, then as many rows of the rarer class as of the other one, on the schema's own columns.

    A synthetic row lies between a real one and one of its five nearest neighbours; its categories and flags are the
    commonest among the neighbours' (SMOTENC; Chawla et al., JAIR 16, 2002, section 6.1). SMOTEN or SMOTE where a schema
    has only the one or only the other sort of columns.
    """
    named = [feature.name for feature in schema.features if feature.kind in (FeatureKind.CATEGORICAL, FeatureKind.FLAG)]
    sampler: Any
    if len(named) == len(schema.features):
        sampler = SMOTEN(random_state=seed)
    elif named:
        sampler = SMOTENC(categorical_features=named, random_state=seed)
    else:
        sampler = SMOTE(random_state=seed)
    return [*imputed(schema), (SAMPLER, sampler)]


def oversampler(seed: int) -> RandomOverSampler:
    """Repeats rows of the rarer class until there are as many: the same as weights, for what takes no weights.

    For k-nearest neighbours, a repeated row is that many neighbours at one place, which is a weight on its vote.
    """
    return RandomOverSampler(random_state=seed)


def strip_training(fitted: object) -> None:
    """Take out of a fitted model, wherever it stands, what only its fitting needed; its predictions stay the same.

    So a model file needs no sampler's types among the trusted ones, and holds no synthetic rows.
    """
    if isinstance(fitted, Pipeline):
        fitted.steps = [(name, step) for name, step in fitted.steps if name != SAMPLER]
    if isinstance(fitted, MLPClassifier):
        vars(fitted).pop("_optimizer", None)
    if isinstance(fitted, StackingClassifier):
        fitted.cv = None
    for part in _parts(fitted):
        strip_training(part)


def _parts(fitted: object) -> list[object]:
    """The models that a pipeline, a stacking or a calibrated model holds, fitted and unfitted."""
    if isinstance(fitted, Pipeline | SkPipeline):
        return [step for _, step in fitted.steps]
    if isinstance(fitted, StackingClassifier | VotingClassifier):
        return [*getattr(fitted, "estimators_", []), *(member for _, member in fitted.estimators)]
    if isinstance(fitted, CalibratedClassifierCV):
        return [fitted.estimator, *(each.estimator for each in getattr(fitted, "calibrated_classifiers_", []))]
    return []
