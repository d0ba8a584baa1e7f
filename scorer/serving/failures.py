"""Which of a request's records the model fails on."""

from collections.abc import Sequence

import msgspec

from scorer.models.scores import Scores, checked_scores

MOST_NAMED = 10
"""Records that are looked for: a model that fails on all it is given must not be asked about each."""


def not_scorable(model: Scores, features: Sequence[msgspec.Struct], most: int = MOST_NAMED) -> list[int]:
    """Places of the first ``most`` records that the model fails on alone; none if it fails on them together only.

    For k of them among n records the model is called O(k log n) times.
    """
    found: list[int] = []
    waiting = [range(len(features))]
    while waiting and len(found) < most:
        part = waiting.pop()
        if _scores(model, features[part.start : part.stop]):
            continue
        if len(part) == 1:
            found.append(part.start)
        else:
            middle = part.start + len(part) // 2
            waiting += [range(middle, part.stop), range(part.start, middle)]
    return found


def _scores(model: Scores, features: Sequence[msgspec.Struct]) -> bool:
    try:
        checked_scores(model, features)
    except Exception:  # a foreign model raises what it likes
        return False
    return True
