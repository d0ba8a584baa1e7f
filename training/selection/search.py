"""Search over kinds of model and samplings, within a budget of time or a number of trials.

Every pair of kind and sampling is first measured with the kind's defaults on all folds, whatever the budget. Then the
pairs are searched in turn, the one that has had the least time first, each trial on ``SEARCH_FOLDS`` folds of another
division (on as many as the report for its grid). The best of each search is measured on the folds that the defaults
were measured on, and the better of the two stands for the pair. The kinds made of the best others come last, the same
way. A grid is tried whole unless the plan limits it; what was tried of it is said with each candidate
(``Candidate.searched``). Without a budget, the same seed gives the same result.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.pipeline import Pipeline

from contract.arrays import Labels
from contract.schema import Schema
from training.defaults import SearchName
from training.kinds.kinds import KINDS, ModelKind, build
from training.kinds.sampling import SAMPLINGS, Sampling
from training.kinds.spaces import Parameters
from training.selection.listening import Listener
from training.selection.measure import Candidate, Searched, measure
from training.selection.proposals import LISTED, Proposals, points, proposals
from training.selection.rule import rank
from training.table.split import FOLDS, Fold, folds

SEARCH_FOLDS = 4
DEFAULT_TRIALS = 20
"""Trials of a search without an end, where nothing limits it."""
BUDGET_TRIALS = 60
"""Trials of such a search at most, where only the time is limited."""
COMPOSITE_TRIALS = 3
"""Trials of such a search at most for a kind that is made of others: each costs as much as a dozen of the others'."""
OBJECTIVE = "roc_auc"
"""What a search maximises: less at the mercy of a few rows than F1 at the best threshold."""

_STACKING_COST = 2.0  # of what its members cost alone; its inner folds have fewer rows
_FINISH_SECONDS = 30.0  # figures, files and the registration of the chosen one


@dataclass(frozen=True)
class Plan:
    """What to search. ``budget`` is in seconds for everything that ``train`` does, ``trials`` per pair.

    Without both, a grid is tried whole, and a search without an end stops after ``DEFAULT_TRIALS``.
    """

    search: SearchName = "random"
    kinds: tuple[str, ...] = tuple(KINDS)
    samplings: tuple[Sampling, ...] = SAMPLINGS
    budget: float | None = None
    trials: int | None = None
    seed: int = 42
    jobs: int = 1


@dataclass
class _Search:
    kind: ModelKind
    sampling: Sampling
    proposals: Proposals
    limit: int
    points: int | None
    default: Candidate
    members: tuple[Candidate, ...]
    longest: float
    best: Candidate | None = None
    trials: int = 0
    spent: float = 0.0
    stands: bool = False

    @property
    def found_better(self) -> bool:
        """Whether the best trial has yet to be measured as the defaults were."""
        return self.best is not None and self.best.parameters != self.default.parameters

    @property
    def expected(self) -> float:
        """Seconds that it will go on, as far as can be told from what it has taken."""
        if self.stands:
            return 0.0
        each = self.spent / self.trials if self.trials else self.longest
        return (self.limit - self.trials) * each + (self.longest if self.limit else 0.0)


@dataclass
class Searcher:
    """One search over all pairs of a plan. ``clock`` is monotonic, in seconds; ``started`` its reading at the start."""

    X: pd.DataFrame
    y: Labels
    customers: npt.NDArray[np.object_]
    schema: Schema
    plan: Plan
    listener: Listener
    clock: Callable[[], float] = time.monotonic
    started: float | None = None
    _final: list[Fold] = field(init=False)
    _searching: list[Fold] = field(init=False)
    _begun: list[_Search] = field(init=False, default_factory=list)
    _pairs: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.started is None:
            self.started = self.clock()
        seed = self.plan.seed
        self._final = folds(self.customers, self.y, seed)
        count = FOLDS if self.plan.search == "grid" else SEARCH_FOLDS
        self._searching = folds(self.customers, self.y, seed + 1, count)
        self._ratio = float((self.y == 0).sum() / (self.y == 1).sum())

    @property
    def splits(self) -> list[Fold]:
        """The folds that every candidate is measured on."""
        return self._final

    def run(self) -> list[Candidate]:
        """The best candidate of each pair."""
        simple = [KINDS[name] for name in self.plan.kinds if not KINDS[name].of_best]
        composite = [KINDS[name] for name in self.plan.kinds if KINDS[name].of_best]
        self._pairs = len(self.plan.kinds) * len(self.plan.samplings)
        searches = [self._begin(kind, sampling, ()) for kind in simple for sampling in self.plan.samplings]
        found = self._compete(searches, reserved=self._later(searches, composite))
        made = [
            self._begin(kind, sampling, members)
            for kind in composite
            for sampling in self.plan.samplings
            if (members := self._best(found, kind, sampling))
        ]
        return found + self._compete(
            made, reserved=_FINISH_SECONDS + 2 * max((each.longest for each in made), default=0)
        )

    def _begin(self, kind: ModelKind, sampling: Sampling, members: tuple[Candidate, ...]) -> _Search:
        self.listener.started(kind.name, sampling)
        self._tell(f"{kind.title}, {sampling}")
        before = self.clock()
        default = self._measure(kind, sampling, kind.defaults, members, self._final)
        count = points(self.plan.search, kind)
        limit = self._limit(kind, count)
        made = proposals(kind, self.plan.search, self.plan.seed)
        begun = _Search(kind, sampling, made, limit, count, default, members, longest=self.clock() - before)
        self._begun.append(begun)
        return begun

    def _limit(self, kind: ModelKind, count: int | None) -> int:
        """Trials of a pair at most; ``count`` are the points of its grid, None where there is no end."""
        if self.plan.trials is not None:
            limit = self.plan.trials
        elif count is not None:
            limit = count
        else:
            limit = BUDGET_TRIALS if self.plan.budget else DEFAULT_TRIALS
        if count is not None:
            return min(limit, count)
        return min(limit, COMPOSITE_TRIALS) if kind.of_best else limit

    def _compete(self, searches: list[_Search], reserved: float) -> list[Candidate]:
        """Search in turn until the time is up or all have had their trials; then what stands for each pair."""
        while (turn := self._next(searches, reserved)) is not None:
            self._try(turn)
            self._tell(f"{turn.kind.title}, {turn.sampling}: trial {turn.trials} of {turn.limit}")
        return [self._stand(search) for search in searches]

    def _next(self, searches: list[_Search], reserved: float) -> _Search | None:
        open_ = [search for search in searches if search.trials < search.limit]
        if self.plan.budget is None:
            return open_[0] if open_ else None
        again = sum(search.longest for search in searches if search.found_better)
        left = self.plan.budget - reserved - again - self._elapsed()
        open_ = [search for search in open_ if search.longest <= left]
        return min(open_, key=lambda search: search.spent, default=None)

    def _try(self, search: _Search) -> None:
        before = self.clock()
        parameters = search.proposals.ask()
        if parameters is None:
            search.limit = search.trials
            return
        trial = self._measure(search.kind, search.sampling, parameters, search.members, self._searching)
        search.proposals.tell(trial.metrics[OBJECTIVE])
        search.trials += 1
        if search.best is None or trial.metrics[OBJECTIVE] > search.best.metrics[OBJECTIVE]:
            search.best = trial
        took = self.clock() - before
        search.spent += took
        search.longest = max(search.longest, took)
        self.listener.tried(trial)

    def _stand(self, search: _Search) -> Candidate:
        chosen = search.default
        if search.best is not None and search.found_better:
            again = self._measure(search.kind, search.sampling, search.best.parameters, search.members, self._final)
            chosen = (chosen, again)[rank(self.y, (chosen, again), self.customers).winner]
        listed = search.points if self.plan.search in LISTED else None
        chosen = replace(chosen, searched=Searched(search.trials, listed) if search.trials else None)
        search.stands = True
        self.listener.finished(chosen, search.trials)
        return chosen

    def _measure(
        self,
        kind: ModelKind,
        sampling: Sampling,
        parameters: Parameters,
        members: Sequence[Candidate],
        splits: list[Fold],
    ) -> Candidate:
        pipeline = build(
            kind,
            sampling,
            self.schema,
            self.plan.seed,
            parameters,
            ratio=self._ratio,
            members=[(member.kind, member.pipeline) for member in members],
        )
        names = tuple(member.kind for member in members)
        return measure(kind.name, sampling, parameters, pipeline, self.X, self.y, splits, self.plan.jobs, names)

    def _best(self, found: list[Candidate], kind: ModelKind, sampling: Sampling) -> tuple[Candidate, ...]:
        """The best of the same sampling by the rule, as many as ``kind`` is made of; none if there are too few."""
        usable = [
            candidate
            for candidate in found
            if candidate.sampling == sampling and (kind.takes_margins or _gives_probabilities(candidate.pipeline))
        ]
        if len(usable) < 2:
            return ()
        order = rank(self.y, usable, self.customers).order
        return tuple(usable[place] for place in order[: kind.of_best])

    def _later(self, searches: list[_Search], composite: list[ModelKind]) -> float:
        """Seconds that the composite kinds and the end will need, from what the defaults of the others took."""
        took = {(search.kind.name, search.sampling): search.longest for search in searches}
        defaults = [search.default for search in searches]
        made = 0.0
        for kind in composite:
            for sampling in self.plan.samplings:
                members = sum(took[each.kind, sampling] for each in self._best(defaults, kind, sampling))
                made += members * (_STACKING_COST if kind.takes_margins else 1)
        return _FINISH_SECONDS + made

    def _elapsed(self) -> float:
        return self.clock() - (self.started or 0.0)

    def _tell(self, doing: str) -> None:
        """Say how far everything is: the share of the budget, or of the seconds that it is expected to take."""
        elapsed = self._elapsed()
        whole = self.plan.budget or elapsed + self._expected()
        self.listener.progress(min(elapsed / whole, 1.0) if whole > 0 else 0.0, doing)

    def _expected(self) -> float:
        """Seconds to come; a pair that has not begun is taken to go on as long as those that have, on average."""
        if not self._begun:
            return float("inf")
        to_come = self._pairs - len(self._begun)
        each = sum(search.longest + search.expected + search.spent for search in self._begun) / len(self._begun)
        return sum(search.expected for search in self._begun) + to_come * each


def _gives_probabilities(pipeline: Pipeline) -> bool:
    return hasattr(pipeline, "predict_proba")
