"""Candidates on the toy table, small enough for a test."""

from imblearn.pipeline import Pipeline

from contract.schema import Schema
from training.kinds.kinds import KINDS, build
from training.kinds.sampling import Sampling
from training.kinds.spaces import Parameters

SMALL: dict[str, Parameters] = {
    "xgboost": {"n_estimators": 30},
    "forest": {"n_estimators": 10},
    "svm": {"components": 40},
    "mlp": {"layers": "8", "max_iter": 60, "learning_rate_init": 0.01},
}
MEMBERS = ("xgboost", "logistic", "naive_bayes")


def small_pipeline(kind: str, sampling: Sampling, schema: Schema, seed: int = 0, ratio: float = 2.0) -> Pipeline:
    """A pipeline of a kind, of the table of kinds, that is fitted in a moment; a stacking is of three such."""
    names = MEMBERS if KINDS[kind].of_best else ()
    members = [(name, small_pipeline(name, sampling, schema, seed, ratio)) for name in names]
    return build(
        KINDS[kind],
        sampling,
        schema,
        seed,
        SMALL.get(kind, {}),
        ratio=ratio,
        members=members,
    )
