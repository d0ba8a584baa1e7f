"""The rule by which one of several candidates is chosen, on the same validation rows. Pure.

The rule, in full:

1. F1 at each candidate's own threshold. Candidates whose F1 is lower than the highest by no more than one standard
   error of the difference on the same rows count as equal: the threshold was chosen on these rows, and so much is luck.
2. Of these, the highest ROC AUC, which no threshold has a part in.
3. Another with an AUC less than ``AUC_TIE`` lower wins if its kind scores quicker (``candidates.Pace``).

The standard error is that of the mean of the rows' influences on F1 (the delta method: F1 = 2 Σ tp / Σ (said + true)),
paired, so what is hard for both candidates cancels out. One standard error is what the field takes for "as good as"
where many candidates compete (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from contract.arrays import Floats, Integers, Labels
from training.kinds.kinds import PACES, Pace
from training.quality.clusters import Customers, clusters_of
from training.quality.clusters import standard_error as clustered_error

AUC_TIE = 0.0005
RULE = (
    "highest F1 at the chosen threshold (equal: within one paired standard error), then highest ROC AUC "
    f"(equal: within {AUC_TIE}), then scoring time (by the kind: quick, medium or slow)"
)


class Competitor(Protocol):
    """What the rule looks at: out-of-fold probabilities and threshold, their metrics, and how quickly it scores."""

    @property
    def scores(self) -> Floats: ...
    @property
    def threshold(self) -> float: ...
    @property
    def metrics(self) -> dict[str, float]: ...
    @property
    def pace(self) -> Pace: ...


@dataclass(frozen=True)
class Ranking:
    """Positions of the candidates, best first, and how many of the first ones are equal in F1."""

    order: tuple[int, ...]
    equal: int
    reason: str

    @property
    def winner(self) -> int:
        return self.order[0]


def rank(y: Labels, candidates: Sequence[Competitor], customers: Customers | None = None) -> Ranking:
    """Order at least one candidate by the rule; ``customers`` says whom each row is about."""
    clusters = clusters_of(customers)
    f1 = [candidate.metrics["f1"] for candidate in candidates]
    auc = [candidate.metrics["roc_auc"] for candidate in candidates]
    best = max(range(len(candidates)), key=lambda place: (f1[place], auc[place]))
    equal = [place for place in range(len(candidates)) if _as_good(y, candidates, place, best, clusters)]
    equal.sort(key=lambda place: (-auc[place], -f1[place]))
    others = sorted((place for place in range(len(candidates)) if place not in equal), key=lambda place: -f1[place])
    reason = f"F1 {f1[equal[0]]:.4f}"
    if len(equal) > 1:
        reason = f"of {len(equal)} candidates equal in F1 it has the highest ROC AUC, {auc[equal[0]]:.4f}"
    quick = _quicker(candidates, equal)
    if quick != equal[0]:
        reason = f"of {len(equal)} candidates equal in F1 it is as good in ROC AUC and quickest to score"
        equal.remove(quick)
        equal.insert(0, quick)
    return Ranking((*equal, *others), len(equal), reason)


def standard_error(y: Labels, first: Competitor, second: Competitor, clusters: Integers | None = None) -> float:
    """Of the first candidate's F1 minus the second's, on the same rows; ``clusters`` numbers those that belong
    together."""
    difference = _influence(y, first) - _influence(y, second)
    if clusters is not None:
        return clustered_error(difference, clusters)[0]
    return float(difference.std() / np.sqrt(len(y)))


def _as_good(y: Labels, candidates: Sequence[Competitor], place: int, best: int, clusters: Integers | None) -> bool:
    behind = candidates[best].metrics["f1"] - candidates[place].metrics["f1"]
    return place == best or behind <= standard_error(y, candidates[best], candidates[place], clusters)


def _influence(y: Labels, candidate: Competitor) -> Floats:
    """How F1 would change, times the number of rows, if each row weighed more."""
    said = (candidate.scores >= candidate.threshold).astype(np.float64)
    truth = y.astype(np.float64)
    size = float((said + truth).mean())
    f1 = 2 * float((said * truth).mean()) / size
    influence: Floats = (2 * said * truth - f1 * (said + truth)) / size
    return influence


def _quicker(candidates: Sequence[Competitor], equal: list[int]) -> int:
    """The first of the quickest among those as good in AUC as the first."""
    highest = candidates[equal[0]].metrics["roc_auc"]
    near = [place for place in equal if highest - candidates[place].metrics["roc_auc"] < AUC_TIE]
    return min(near, key=lambda place: PACES.index(candidates[place].pace))
