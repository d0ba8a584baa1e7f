"""What a search tries next: the points of a grid, or what a sampler draws from a kind's space.

The points of a grid come in an order drawn at random, so that a search that is cut short has not seen a corner of the
grid but some of all of it (Bergstra & Bengio, JMLR 13, 2012). Pure: the same kind, search, seed and scores give the
same proposals.
"""

import itertools
from random import Random
from typing import TYPE_CHECKING, Protocol

from training.defaults import SearchName
from training.kinds.kinds import ModelKind
from training.kinds.spaces import Grid, Parameters, distributions

if TYPE_CHECKING:
    from optuna import Study, Trial


LISTED: tuple[SearchName, ...] = ("grid", "exhaustive")
"""Searches that have an end: the points of a grid."""
STARTUP_TRIALS = 8
"""Trials that the Bayesian search draws at random before it has something to go by."""


class Proposals(Protocol):
    """One search's source of parameters."""

    def ask(self) -> Parameters | None:
        """The next parameters, over the kind's defaults; None when there are no more."""
        ...

    def tell(self, score: float) -> None:
        """How good the parameters asked for last were; higher is better."""
        ...


def proposals(kind: ModelKind, search: SearchName, seed: int) -> Proposals:
    """Random and Bayesian search begin with the kind's defaults and never end, unless there is nothing to choose."""
    if search not in LISTED and kind.space:
        return _Sampled(kind, search, seed)
    grids: dict[str, Grid] = {"grid": kind.grid, "exhaustive": kind.exhaustive}
    return _Listed(kind.defaults, grids.get(search, {}), seed)


def points(search: SearchName, kind: ModelKind) -> int | None:
    """How many proposals there are; None if there is no end."""
    if search not in LISTED:
        return None if kind.space else 1
    grid = kind.grid if search == "grid" else kind.exhaustive
    return len(list(itertools.product(*grid.values())))


class _Listed:
    def __init__(self, defaults: Parameters, grid: Grid, seed: int) -> None:
        listed = [{**defaults, **dict(zip(grid, values, strict=True))} for values in itertools.product(*grid.values())]
        Random(seed).shuffle(listed)
        self._points = iter(listed)

    def ask(self) -> Parameters | None:
        return next(self._points, None)

    def tell(self, score: float) -> None:
        pass


class _Sampled:
    def __init__(self, kind: ModelKind, search: SearchName, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = (
            optuna.samplers.RandomSampler(seed=seed)
            if search == "random"
            else optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS)
        )
        self._defaults = kind.defaults
        self._distributions = distributions(kind.space)
        self._study: Study = optuna.create_study(direction="maximize", sampler=sampler)
        self._study.enqueue_trial({name: kind.defaults[name] for name in kind.space if name in kind.defaults})
        self._trial: Trial | None = None

    def ask(self) -> Parameters | None:
        self._trial = self._study.ask(self._distributions)
        return {**self._defaults, **self._trial.params}

    def tell(self, score: float) -> None:
        if self._trial is not None:
            self._study.tell(self._trial, score)
