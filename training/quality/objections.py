"""What speaks against giving a model the alias, whatever it is compared with: it is worthless, or too good to be true.

Pure. Objections are kept with the version as text of bounded length, so that a later promotion repeats them.
"""

import json
from collections.abc import Mapping, Sequence

from training.table.leaks import GIVEAWAY_AUC
from training.table.suspicions import Suspicion

BEYOND_BELIEF = GIVEAWAY_AUC
"""ROC AUC on held-out rows from which a churn model is not believed: the label stands among its features, or the rows
of a customer on both sides of the split."""
FEWEST_OF_A_CLASS = 10
"""Held-out rows of each label below which an interval says nothing: the bootstrap of a handful is far too narrow."""
_GUESSING = 0.5
_MOST = 8
_LONGEST = 500
_UNREADABLE = "the objections from its training can no longer be read"


def objections(
    metrics: Mapping[str, float], intervals: Mapping[str, tuple[float, float]], suspicions: Sequence[Suspicion]
) -> tuple[str, ...]:
    """One clause each; none for a model that may take the alias.

    ``metrics`` and ``intervals`` are of the held-out rows, as ``evaluate`` and ``bootstrap`` give them. A leak comes
    first, because it explains a figure beyond belief.
    """
    auc, (low, high) = metrics["roc_auc"], intervals["roc_auc"]
    measured = f"its ROC AUC on held-out rows is {auc:.3f} (95 % interval {low:.3f} to {high:.3f})"
    found = [each.text for each in suspicions if each.leak]
    left, stayed = metrics["tp"] + metrics["fn"], metrics["tn"] + metrics["fp"]
    if min(left, stayed) < FEWEST_OF_A_CLASS:
        found.append(
            f"only {min(left, stayed):.0f} of the held-out rows are of customers who "
            f"{'left' if left < stayed else 'stayed'}, too few to tell how good it is: give a larger table, or a "
            f"larger --test-share"
        )
    if high < _GUESSING:
        found.append(
            f"{measured}, which is no better than guessing, even worse: its high scores go to customers who stay, so "
            f"churn may follow other rules on these rows than on those that it has learned from"
        )
    elif low <= _GUESSING:
        found.append(
            f"{measured}, which is no better than guessing: the features do not tell who leaves, or these rows are too "
            f"few to show it"
        )
    if auc >= BEYOND_BELIEF:
        found.append(
            f"{measured}, which is beyond belief: look for a feature that is known only after a customer has left, or "
            f"for customers whose rows are on both sides of the split"
        )
    return tuple(found)


def objections_text(found: Sequence[str]) -> str:
    """As a tag: a JSON list of at most ``_MOST`` clauses of ``_LONGEST`` characters."""
    return json.dumps([_shortened(each) for each in found[:_MOST]], ensure_ascii=False)


def read_objections(text: str | None) -> tuple[str, ...]:
    """What ``objections_text`` wrote; none where there is no tag, as with versions of earlier releases."""
    if not text:
        return ()
    try:
        found = json.loads(text)
    except ValueError:
        return (_UNREADABLE,)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        return (_UNREADABLE,)
    return tuple(found)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
