"""A model that fails: on which records, or on all of them.

A record on which the model raises, or which it answers with no probability, must not stop its neighbours. But a model
that fails on whatever it is given is broken, and no record is to blame for that: the caller is told so instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from contract.errors import ChurnstreamError
from scorer.models.scores import Scores, checked_scores

MOST_PROBED = 100
"""Records of a batch that are tried alone, evenly spread, before a model that scores none of them is called broken."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class BrokenModelError(ChurnstreamError):
    """The model has scored none of the records it was given; its failure on one of them is the cause."""


@dataclass(frozen=True)
class Scored:
    """Probabilities and decisions (0/1), one per record, and why there are none for the records in ``failures``.

    ``failures`` maps the record's place to what went wrong; probability and decision are NaN and 0 there.
    """

    probabilities: npt.NDArray[np.float64]
    decisions: npt.NDArray[np.uint8]
    failures: dict[int, Exception] = field(default_factory=dict)


def halved(attempt: Callable[[Sequence[Item]], Sequence[Answer]], items: Sequence[Item]) -> list[Answer | Exception]:
    """One answer per item. Where ``attempt`` fails on several it is tried on each half, down to single ones.

    For k items that it fails on, of n, it is called O(k log n) times.
    """
    try:
        return list(attempt(items))
    except Exception as error:
        if len(items) == 1:
            return [error]
    middle = len(items) // 2
    return halved(attempt, items[:middle]) + halved(attempt, items[middle:])


def score_each(model: Scores, features: Sequence[msgspec.Struct], most_failed: int | None) -> Scored:
    """All of ``features`` in one call, or, if that fails, all but those on which the model fails alone.

    ``most_failed`` is how many failures are taken for the records' own fault if the model scores nothing else; None:
    any number, because the model is known to work.

    Raises:
        BrokenModelError: it scores none of ``MOST_PROBED`` records, or none of all, and these are more than
            ``most_failed``.
    """
    try:
        return Scored(*checked_scores(model, features))
    except Exception as error:
        cause = error
    if most_failed is not None and len(features) > most_failed:
        _probe(model, features, cause)

    def attempt(rows: Sequence[msgspec.Struct]) -> list[tuple[float, int]]:
        probabilities, decisions = checked_scores(model, rows)
        return list(zip(probabilities.tolist(), decisions.tolist(), strict=True))

    answers = halved(attempt, features)
    failures = {place: answer for place, answer in enumerate(answers) if isinstance(answer, Exception)}
    scored = [(np.nan, 0) if isinstance(answer, Exception) else answer for answer in answers]
    return Scored(
        np.array([probability for probability, _ in scored]),
        np.array([decision for _, decision in scored], dtype=np.uint8),
        failures,
    )


def _probe(model: Scores, features: Sequence[msgspec.Struct], cause: Exception) -> None:
    """Raises unless the model scores one of a few records."""
    places = sorted({round(place) for place in np.linspace(0, len(features) - 1, MOST_PROBED).tolist()})
    for place in places:
        try:
            checked_scores(model, [features[place]])
        except Exception as error:
            cause = error
        else:
            return
    raise BrokenModelError(
        f"model {model.ref.name} v{model.ref.version} scores none of the {len(features):,} records "
        f"({type(cause).__name__})"
    ) from cause
