"""Relations between columns: found where no single column tells, quiet where nothing has changed."""

import numpy as np
import pandas as pd

from contract.schema import parse_schema
from contract.windows import Drift
from monitor.inputs.rule import InputReference, InputRule, judge

SCHEMA = parse_schema(
    {
        "name": "t",
        "id": "Id",
        "label": {"column": "y"},
        "features": {
            "Country": {"kind": "categorical", "categories": ["A", "B", "C"]},
            "Age": {"kind": "numeric"},
            "Income": {"kind": "numeric"},
            "Balance": {"kind": "numeric"},
        },
    }
)
RULE = InputRule()


def people(generator: np.random.Generator, size: int, related: float = 0.4, empty_in_a: float = 0.0) -> pd.DataFrame:
    """Income goes with age (skewed, with outliers); nobody's account is empty in A."""
    country = generator.choice(["A", "B", "C"], size, p=[0.3, 0.4, 0.3])
    age = generator.normal(40, 10, size)
    income = np.exp(related * (age - 40) / 10 + np.sqrt(1 - related**2) * generator.standard_t(3, size))
    empty = generator.random(size) < np.where(country == "A", empty_in_a, 0.5)
    balance = np.where(empty, 0.0, generator.gamma(2.0, 100.0, size))
    return pd.DataFrame(
        {
            "Country": country.astype(object),
            "Age": age,
            "Income": income,
            "Balance": balance,
            "score": generator.random(size),
        }
    )


def verdicts(size: int, windows: int, seed: int, **changed: float) -> list[Drift]:
    generator = np.random.default_rng(seed)
    reference = InputReference.of(people(generator, 5_000), SCHEMA)
    return [judge(people(generator, size, **changed), reference, rule=RULE) for _ in range(windows)]


def test_nothing_is_found_where_nothing_has_changed() -> None:
    found = [one.dependence for size in (200, 1_000) for one in verdicts(size, 60, 1)]
    assert all(one is not None for one in found)
    assert not any(one.drifted for one in found if one is not None)


def test_two_columns_that_are_no_longer_related_are_named() -> None:
    for verdict in verdicts(1_000, 10, 2, related=0.0):
        assert verdict.drifted_columns == ["Age × Income"]
        assert verdict.drifted
        assert verdict.share == 0.0
        assert verdict.dependence is not None
        assert verdict.dependence.kind == "correlation"
        assert verdict.dependence.then - verdict.dependence.now > 0.25


def test_values_that_were_never_together_are_found_before_their_column_tells() -> None:
    for verdict in verdicts(1_000, 10, 3, empty_in_a=0.04):
        assert verdict.drifted_columns == ["Balance × Country"]
        assert verdict.dependence is not None
        assert verdict.dependence.kind == "together"
        assert 0.005 <= verdict.dependence.now < 0.03


def test_a_change_of_a_correlation_too_small_to_matter_is_not_called_drift() -> None:
    for verdict in verdicts(20_000, 2, 4, related=0.33):
        assert verdict.dependence is not None
        assert not verdict.dependence.drifted


def test_a_schema_of_one_column_has_no_dependence() -> None:
    schema = parse_schema({"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"X": {"kind": "numeric"}}})
    generator = np.random.default_rng(5)
    frame = pd.DataFrame({"X": generator.random(500), "score": generator.random(500)})
    assert judge(frame, InputReference.of(frame, schema), rule=RULE).dependence is None
