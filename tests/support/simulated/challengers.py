"""Models whose distance from the truth is known, for simulations of who takes the alias."""

from dataclasses import dataclass

import numpy as np

from contract.arrays import Floats, Labels

SHARED = 0.3
"""Standard deviation, in log-odds, of what all models of the same rows get wrong alike."""

GAIN = 0.005
BETTER, WORSE = 0.1, 0.546
"""Errors of two models, likewise; the first is better by ``GAIN`` in the Brier score, on average."""


@dataclass(frozen=True)
class TrueRows:
    """Rows whose true probabilities are known, with the labels that were drawn from them.

    With the shares of churners and of explained variance that the public table has: a fifth, and a Brier score of 0.10.
    """

    odds: Floats
    y: Labels

    @classmethod
    def drawn(cls, rng: np.random.Generator, count: int) -> "TrueRows":
        truth = rng.beta(0.334, 1.336, count).clip(0.002, 0.998)
        odds = np.log(truth / (1 - truth))
        return cls(odds + rng.normal(0, SHARED, count), (rng.random(count) < truth).astype(np.int64))

    def model(self, rng: np.random.Generator, error: float) -> Floats:
        """Probabilities of a model that is off by ``error`` (standard deviation, log-odds) of its own."""
        noise = rng.normal(0, error, len(self.odds)) if error else 0.0
        return np.asarray(1 / (1 + np.exp(-(self.odds + noise))), dtype=np.float64)

    def gains(self, champion: Floats, challenger: Floats) -> Floats:
        """Squared errors of the champion minus the challenger's."""
        return np.asarray((champion - self.y) ** 2 - (challenger - self.y) ** 2, dtype=np.float64)
