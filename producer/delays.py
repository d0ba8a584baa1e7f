"""How long after its record a label comes: distributions with a mean and a hard maximum, in event time."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtri

from contract.arrays import Floats
from contract.durations import DAY, parse_duration
from contract.errors import UserError
from producer.options import parse_number, parse_pairs, parse_span

Distribution = Literal["constant", "uniform", "exponential", "lognormal", "gamma"]

_SPREADS = {"lognormal": ("sigma", 1.0), "gamma": ("shape", 2.0)}


@dataclass(frozen=True)
class LabelDelay:
    """A distribution of delays: ``mean`` and ``maximum`` in ms.

    ``uniform`` spans 0 to twice the mean. ``spread`` is the sigma of ``lognormal`` (of the logarithm) and the shape of
    ``gamma``; the others have none. A delay above the maximum becomes the maximum: the mean holds while few are.
    """

    distribution: Distribution = "exponential"
    mean: int = 3 * DAY
    maximum: int = 20 * DAY
    spread: float = 1.0

    def sample(self, draws: Floats) -> NDArray[np.int64]:
        """Delays in whole ms, one for each uniform draw on [0, 1), by the inverse of the distribution function."""
        return np.minimum(np.rint(self._quantile(draws) * self.mean), self.maximum).astype(np.int64)

    def _quantile(self, draws: Floats) -> Floats:
        """The inverse distribution function for a mean of 1."""
        match self.distribution:
            case "constant":
                return np.ones_like(draws)
            case "uniform":
                return 2.0 * draws
            case "exponential":
                return -np.log1p(-draws)
            case "lognormal":
                # the mean of exp(N(mu, s²)) is exp(mu + s²/2)
                return np.asarray(np.exp(self.spread * ndtri(draws) - self.spread**2 / 2.0))
            case "gamma":
                return np.asarray(gammaincinv(self.spread, draws) / self.spread)


def parse_delay(text: str) -> LabelDelay:
    """``exponential:mean=3d,max=20d``, ``lognormal:mean=3d,sigma=0.8``, or ``3d`` for one constant delay.

    Without ``max`` it is 60 days, or the mean of a constant delay.

    Raises:
        UserError: the text says no such thing.
    """
    where = f"label delay {text!r}"
    name, colon, rest = text.partition(":")
    if not colon:
        try:
            span = parse_duration(text)
        except ValueError:
            rest = ""
        else:
            return LabelDelay("constant", span, span)
    known = ", ".join(get_args(Distribution))
    if name not in get_args(Distribution) or not rest:
        raise UserError(f"{where}: write DISTRIBUTION:mean=3d,max=20d with one of {known}; or a duration such as 3d")
    options = parse_pairs(rest, where)
    if "mean" not in options:
        raise UserError(f"{where}: the mean is missing; add mean=3d")
    mean = parse_span(options.pop("mean"), f"{where}, mean")
    maximum = mean if name == "constant" else 60 * DAY
    if "max" in options:
        maximum = parse_span(options.pop("max"), f"{where}, max")
    option, spread = _SPREADS.get(name, ("", 1.0))
    if option in options:
        spread = parse_number(options.pop(option), f"{where}, {option}")
    if options:
        allowed = ", ".join(filter(None, ["mean", "max", option]))
        raise UserError(f"{where}: option {next(iter(options))!r} is not known; {name} takes {allowed}")
    if spread <= 0:
        raise UserError(f"{where}: {option} got {spread}; give a number above 0")
    if maximum < mean:
        raise UserError(f"{where}: max is below mean; give a max of at least the mean")
    return LabelDelay(cast(Distribution, name), mean, maximum, spread)
