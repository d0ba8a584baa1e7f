"""What a hyper-parameter may be: the values of a grid, or a range that a sampler draws from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Parameters = dict[str, Any]
Grid = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Between:
    """A number from ``low`` to ``high``, both included; whole if both are; ``log`` draws its logarithm evenly."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of some values; each is a number, a text or a truth value."""

    values: tuple[str | float | bool, ...]


Space = dict[str, Between | OneOf]


def distributions(space: Space) -> "dict[str, BaseDistribution]":
    """The space as Optuna takes it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    made: dict[str, BaseDistribution] = {}
    for name, part in space.items():
        if isinstance(part, OneOf):
            made[name] = CategoricalDistribution(part.values)
        elif isinstance(part.low, int) and isinstance(part.high, int):
            made[name] = IntDistribution(part.low, part.high, log=part.log)
        else:
            made[name] = FloatDistribution(part.low, part.high, log=part.log)
    return made
