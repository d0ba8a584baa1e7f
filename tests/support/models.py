"""Candidates on the toy table, small enough for a test."""

from imblearn.pipeline import Pipeline

from contract.schema import Schema, parse_schema
from training.kinds.kinds import KINDS, build
from training.kinds.sampling import Sampling
from training.kinds.spaces import Parameters

CALLS = parse_schema(
    {
        "name": "calls",
        "id": "id",
        "on_violation": "score",
        "label": {"column": "left"},
        "features": {
            "calls": {"kind": "numeric", "missing": True},
            "plan": {"kind": "categorical", "categories": ["flat", "prepaid", "business"], "missing": True},
            "tier": {"kind": "ordinal", "min": 0, "max": 5, "missing": True},
            "region": {"kind": "categorical", "categories": ["north", "süd"]},
            "abroad": {"kind": "flag", "missing": True},
            "months": {"kind": "numeric", "min": 0, "max": 99.5},
        },
    }
)
"""A schema of each kind of feature, most of which may be missing."""

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
