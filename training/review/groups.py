"""The groups of a schema's segments: selection and error rates beside each other, with intervals. Pure."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats, Integers, Labels, Mask
from contract.schema import FeatureKind, Schema
from contract.segments import MOST_SEGMENT_FEATURES, MOST_SEGMENTS, SegmentFeature, SegmentTable, read_segments
from training.quality.estimates import IntervalEstimate, difference, roc_auc, share
from training.review.facts import FEWEST_OF_LABEL, FEWEST_ROWS, Gap, GroupFacts, SegmentFacts
from training.review.rates import ends, rate

MOST_NAMES = 8
"""Categories of a feature that is taken for segments where the schema names none."""
FROM_SCHEMA = "Groups are the segments of the schema."
GUESSED = (
    "The schema names no segments, so groups are the features with few categories and the flags. Name others, such as "
    "bands of age, with [segments.<feature>] in the schema."
)


@dataclass(frozen=True)
class DecidedRows:
    """Held-out rows: labels, probabilities, decisions, and the number of each row's customer."""

    y: Labels
    scores: Floats
    called: Mask
    customers: Integers

    def of(self, rows: Mask) -> "DecidedRows":
        """Some of the rows."""
        return DecidedRows(self.y[rows], self.scores[rows], self.called[rows], self.customers[rows])


def segments_of(schema: Schema) -> tuple[tuple[SegmentFeature, ...], str]:
    """The features whose groups are looked at, and where they come from in words."""
    if schema.segments:
        return schema.segments, FROM_SCHEMA
    categories = {feature.name: feature.categories for feature in schema.features}
    flags = [feature.name for feature in schema.features if feature.kind is FeatureKind.FLAG]
    fit = [name for name, known in categories.items() if 1 < len(known) <= MOST_NAMES or name in flags]
    taken: list[str] = []
    for name in fit[:MOST_SEGMENT_FEATURES]:
        count = sum(len(categories[each]) + 2 for each in (*taken, name))
        taken += [name] if count <= MOST_SEGMENTS else []
    tables = {name: SegmentTable() for name in taken}
    return read_segments(tables, categories, schema.name, flags), GUESSED


def segment_facts(
    X: pd.DataFrame, decided: DecidedRows, segments: tuple[SegmentFeature, ...]
) -> tuple[SegmentFacts, ...]:
    """Each feature's groups that have rows, in the schema's order."""
    return tuple(_feature(X[one.feature].to_numpy(dtype=object), decided, one) for one in segments)


def _feature(values: npt.NDArray[np.object_], decided: DecidedRows, segment: SegmentFeature) -> SegmentFacts:
    names = _names(values, segment)
    parts = [(name, decided.of(names == name)) for name in segment.names if (names == name).any()]
    groups = tuple(_group(name, part) for name, part in parts)
    selected = [group.called.value for group in groups if group.called is not None]
    return SegmentFacts(
        segment.feature,
        segment.protected,
        groups,
        tuple(gap for what in ("called", "missed", "needless") if (gap := _widest(groups, what)) is not None),
        min(selected) / max(selected) if len(selected) > 1 and max(selected) > 0 else None,
    )


def _names(values: npt.NDArray[np.object_], segment: SegmentFeature) -> npt.NDArray[np.object_]:
    """The name of each row's group; a value is looked up once."""
    codes, levels = pd.factorize(values, use_na_sentinel=True)
    known = np.array([*(segment.name_of(level) for level in levels), segment.name_of(None)], dtype=object)
    found: npt.NDArray[np.object_] = known[codes]  # -1, the last one, is a missing value
    return found


def _group(name: str, part: DecidedRows) -> GroupFacts:
    rows, churned = len(part.y), int(part.y.sum())
    if rows < FEWEST_ROWS:
        return GroupFacts(name, rows, churned)
    left, stayed = part.y == 1, part.y == 0
    enough_left, enough_stayed = churned >= FEWEST_OF_LABEL, rows - churned >= FEWEST_OF_LABEL
    return GroupFacts(
        name,
        rows,
        churned,
        rate(share(left, part.customers)),
        float(part.scores.mean()),
        rate(share(part.called, part.customers)),
        rate(share(~part.called[left], part.customers[left])) if enough_left else None,
        rate(share(part.called[stayed], part.customers[stayed])) if enough_stayed else None,
        ends(roc_auc(part.y, part.scores, part.customers)) if enough_left and enough_stayed else None,
    )


def _widest(groups: tuple[GroupFacts, ...], what: str) -> Gap | None:
    told = [(group.name, getattr(group, what)) for group in groups if getattr(group, what) is not None]
    pairs = [(one, other) for one, other in permutations(told, 2) if one[1].value >= other[1].value]
    if not pairs:
        return None
    (higher, most), (lower, least) = max(pairs, key=lambda pair: pair[0][1].value - pair[1][1].value)
    between = difference(*(IntervalEstimate(each.value, each.low, each.high, each.rows) for each in (most, least)))
    return Gap(what, higher, lower, (between.value, between.low, between.high))
