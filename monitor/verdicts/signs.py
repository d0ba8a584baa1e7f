"""What one window says about each kind of incident: nothing, all is well, or that something is wrong."""

from typing import Literal, NamedTuple

from contract.alerts import AlertKind
from contract.windows import SegmentMetrics, Window

Severity = Literal["warning", "critical"]
_MOST_TOLD = 3
_LEAST_MOVE = 0.05
"""Mean log-odds of the score from which on a column is said to move it."""


class Sign(NamedTuple):
    """A window's word on one kind of incident: ``wrong`` or clean; in what, how badly, and what is to be said of it.

    ``expected``: it tells of labels to come. Then it cannot take back what labels have shown. ``doubtful``: not wrong,
    but not clean either, or in these of the columns; so an incident of a change at the edge of what is found goes on.
    """

    start: int
    end: int
    wrong: bool
    features: tuple[str, ...] = ()
    severity: Severity = "warning"
    finding: str = ""
    segments: tuple[str, ...] = ()
    expected: bool = False
    doubtful: bool = False
    doubted: frozenset[str] = frozenset()


CLEAN = 0.2
"""P value from which on a window speaks against a change."""
_LEAST_DISTANCE = 0.02
"""Distance below which a column that did not drift raises no doubt, however sure it is."""


def signs(window: Window) -> dict[AlertKind, Sign]:
    """By kind, as far as the window was judged."""
    found: dict[AlertKind, Sign | None] = {
        "drift": _drift(window),
        "relation": _relation(window),
        "performance": _performance(window),
        "segment": _segment(window),
    }
    return {kind: one for kind, one in found.items() if one is not None}


def _drift(window: Window) -> Sign | None:
    if not window.drift.judged:
        return None
    names = window.drift.drifted_columns
    found = {name: window.drift.features[name] for name in names if name in window.drift.features}
    by_distance = sorted(found, key=lambda name: (-found[name].distance, name))
    columns = [f"{name} (distance {found[name].distance:.3f})" for name in by_distance]
    others = [name for name in names if name not in found]
    least = min((one.p_adjusted for one in found.values()), default=None)
    sure = "" if least is None else f"; by chance alone {_chance(least)}"
    return Sign(
        window.start,
        window.end,
        window.drift.drifted,
        tuple(sorted(names)),
        "critical" if "score" in names else "warning",
        f"drift in {', '.join([*columns, *others])}{sure}{_movers(window)}",
        doubted=frozenset(
            name
            for name, feature in window.drift.features.items()
            if feature.p_adjusted < CLEAN and feature.distance >= _LEAST_DISTANCE
        ),
    )


def _movers(window: Window) -> str:
    """The columns that carry most of what moves the score, by how far each moves its mean log-odds."""
    carried = {name: one.attribution or 0.0 for name, one in window.drift.features.items()}
    most = sorted((name for name in carried if abs(carried[name]) >= _LEAST_MOVE), key=lambda name: -abs(carried[name]))
    told = ", ".join(f"{name} ({carried[name]:+.2f})" for name in most[:_MOST_TOLD])
    return f"; what moves the scores, in mean log-odds: {told}" if told else ""


def _relation(window: Window) -> Sign | None:
    found = window.relation
    if found is None:
        return None
    told = (
        f"{found.observed:,} of {found.labelled:,} labelled customers churned, but {found.expected.value:,.0f} "
        f"({found.expected.low:,.0f} to {found.expected.high:,.0f}) were expected from their scores"
    )
    if found.slope is not None and found.slope.high < 0:
        told += ", and the scores separate them worse than in training"
    sure = f"by chance alone {_chance(found.p_value)}" if found.changed else "found over several slides together"
    return Sign(
        window.start,
        window.end,
        found.changed,
        (),
        "critical",
        f"{told}; {sure}",
        doubtful=found.p_value < CLEAN,
    )


def _performance(window: Window) -> Sign | None:
    found = window.worsening
    if found is None:
        return _outlook(window)
    sure = f"by chance alone {_chance(found.p_value)}" if found.worse else "found over several slides together"
    return Sign(
        window.start,
        window.end,
        found.worse,
        (),
        "critical",
        f"Brier score {found.reference + found.excess.value:.4f} against {found.reference:.4f} on held-out rows, "
        f"worse by {found.excess.low:.4f} to {found.excess.high:.4f}; {sure}",
        doubtful=found.p_value < CLEAN,
    )


def _segment(window: Window) -> Sign | None:
    judged = [one for one in window.segments if one.judged]
    if not judged:
        return None
    # the surest first
    changed = [one for one in judged if one.changed]
    told = [_changed_segment(one) for one in changed[:_MOST_TOLD]]
    if len(changed) > _MOST_TOLD:
        told.append(f"{len(changed) - _MOST_TOLD} more")
    least = min((one.p_adjusted for one in changed if one.p_adjusted is not None), default=None)
    sure = "" if least is None else f"; by chance alone, in any of {len(judged)} segments, {_chance(least)}"
    return Sign(
        window.start,
        window.end,
        bool(changed),
        tuple(sorted(window.drift.drifted_columns)) if changed else (),
        "critical" if any(one.protected for one in changed) else "warning",
        f"{'; '.join(told)}{sure}{_movers(window)}" if changed else "",
        tuple(one.name for one in changed),
    )


def _changed_segment(found: SegmentMetrics) -> str:
    named = f"{found.name} (protected group)" if found.protected else found.name
    if found.expected is None:
        return named
    expected = found.expected
    told = (
        f"{named}: {found.observed:,} of {found.labelled:,} labelled customers churned, but {expected.value:,.0f} "
        f"({expected.low:,.0f} to {expected.high:,.0f}) were expected from what this segment was like in training"
    )
    # labels can go against scores although there are as many churners
    within = expected.low <= found.observed <= expected.high
    return f"{told}, but not those that the scores say" if within else told


def _outlook(window: Window) -> Sign | None:
    found = window.outlook
    if found is None:
        return None
    return Sign(
        window.start,
        window.end,
        found.worse,
        (),
        "warning",
        f"the {found.basis} expects a Brier score of {found.reference + found.excess.value:.4f} against "
        f"{found.reference:.4f} on held-out rows, worse by {found.excess.low:.4f} to {found.excess.high:.4f}; by "
        f"chance alone {_chance(found.p_value)}; labels are still to come",
        expected=True,
    )


def _chance(p_value: float) -> str:
    return "p < 1e-12" if p_value < 1e-12 else f"p = {p_value:.1g}"
