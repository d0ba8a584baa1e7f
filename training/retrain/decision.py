"""Whether it is time to train anew, and why. Pure.

What speaks for it stands on ``alerts``: the champion's incidents and its verdict. What speaks against it is that there
is nothing to learn from yet: too few records of the change have a label whose time is up, or a version has learned from
most of them already. So an incident that goes on for months gives one version, and another each time that its records
have doubled, and not one a day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from contract.alerts import Alert, AlertKind, ModelVerdict, VerdictState
from contract.arrays import Integers
from contract.durations import format_duration
from training.retrain.options import LEAST_RECORDS, Occasion

KINDS: dict[Occasion, frozenset[AlertKind]] = {
    "drift": frozenset({"drift"}),
    "performance": frozenset({"performance", "relation", "segment"}),
}
"""Incidents that an occasion is about."""
STATES: dict[Occasion, frozenset[VerdictState]] = {
    "drift": frozenset({"customers_changed"}),
    "performance": frozenset({"worse", "probably_worse", "relation_changed"}),
}
"""Verdicts that an occasion is about."""


@dataclass(frozen=True)
class Situation:
    """What is known when it is decided.

    ``times`` are the event times (ms) of the records that can be learned from, in order. ``learned_until``: up to which
    time the newest version that ``retrain`` made has learned from the stream, and ``last`` its title; None: there is
    none. ``incidents`` are those of the champion that stand, ``verdict`` is the champion's.
    """

    times: Integers
    champion: str
    incidents: tuple[Alert, ...] = ()
    verdict: ModelVerdict | None = None
    learned_until: int | None = None
    last: str | None = None


@dataclass(frozen=True)
class Decision:
    """Whether to train, with the reasons for it or against it, one sentence each.

    ``since``: when labels began to go with scores in another way (event time, ms), because records before teach what
    does not hold any more; None where that is not the reason, or nobody knows when.
    """

    trains: bool
    reasons: tuple[str, ...]
    since: int | None = None


@dataclass(frozen=True)
class _Call:
    """One thing that calls for a new version, and since when; ``begins`` is None where that is not known."""

    reason: str
    begins: int | None = None
    relation: bool = False


def decide(
    occasions: Sequence[Occasion], situation: Situation, *, every: int | None = None, least: int = LEAST_RECORDS
) -> Decision:
    """Whether any of the occasions is there, and whether there is enough to learn from.

    ``every`` (ms) belongs to the occasion ``schedule``: the event time between what two versions have learned until.
    """
    calls: list[_Call] = []
    against: list[str] = []
    for occasion in occasions:
        found = list(_calls(occasion, situation, every))
        calls += found
        if not found:
            against.append(_quiet(occasion, situation, every))
    if not calls:
        return Decision(False, tuple(against))
    new = _after(situation.times, situation.learned_until)
    if new < least:
        return Decision(False, (*_reasons(calls), _nothing_new(situation, new, least)))
    known = [call.begins for call in calls if call.begins is not None]
    if len(known) < len(calls):
        return Decision(True, _reasons(calls))
    changes = [call.begins for call in calls if call.relation and call.begins is not None]
    # of a changed relation only what came since is learned from, so that must be enough by itself
    too_soon = _too_soon(situation, min(changes or known), least)
    if too_soon is not None:
        return Decision(False, (*_reasons(calls), too_soon))
    return Decision(True, _reasons(calls), min(changes, default=None))


def _calls(occasion: Occasion, situation: Situation, every: int | None) -> Iterator[_Call]:
    if occasion == "always":
        yield _Call("it was asked for")
    elif occasion == "schedule":
        if situation.learned_until is None:
            yield _Call(f"no version of this model has learned from the stream yet (schedule, every {_period(every)})")
        elif len(situation.times) and situation.times[-1] - situation.learned_until >= (every or 0):
            yield _Call(
                f"{situation.last} has learned until {_day(situation.learned_until)}, and labels have come until "
                f"{_day(int(situation.times[-1]))} (schedule, every {_period(every)})"
            )
    else:
        for incident in situation.incidents:
            if incident.kind in KINDS[occasion]:
                yield _Call(
                    f"an incident has been open since {_day(incident.start)}: {incident.title or incident.kind}",
                    incident.start,
                    incident.kind == "relation",
                )
        verdict = situation.verdict
        if verdict is not None and verdict.state in STATES[occasion]:
            yield _Call(
                f"the verdict on {situation.champion} is: {verdict.title}",
                verdict.since,
                verdict.state == "relation_changed",
            )


def _quiet(occasion: Occasion, situation: Situation, every: int | None) -> str:
    if occasion == "schedule":
        newest = f"until {_day(int(situation.times[-1]))}" if len(situation.times) else "for no record"
        return (
            f"{situation.last} has learned until {_day(situation.learned_until or 0)}, and labels have come {newest}: "
            f"less than {_period(every)} more"
        )
    state = "no verdict yet" if situation.verdict is None else situation.verdict.title
    kinds = ", ".join(sorted(KINDS[occasion]))
    return f"{situation.champion} has no open incident of {occasion} ({kinds}), and its verdict is: {state}"


def _nothing_new(situation: Situation, new: int, least: int) -> str:
    since = (
        ""
        if situation.learned_until is None
        else f" since {_day(situation.learned_until)}, up to which {situation.last} has learned"
    )
    return f"but only {new:,} records have a label whose time is up{since}, and {least:,} are needed"


def _too_soon(situation: Situation, since: int, least: int) -> str | None:
    """Why what has been seen of a change that began at ``since`` is not enough; None if it is."""
    seen = _after(situation.times, since - 1)
    if seen < least:
        return (
            f"but only {seen:,} records since {_day(since)}, when it began, have a label whose time is up, and "
            f"{least:,} are needed"
        )
    until = situation.learned_until
    learned = 0 if until is None else seen - _after(situation.times, max(until, since - 1))
    if learned and seen < 2 * learned:
        return (
            f"but {situation.last} has learned from {learned:,} of the {seen:,} records since {_day(since)}, when it "
            f"began; the next retraining is worthwhile from {2 * learned:,} on"
        )
    return None


def _after(times: Integers, moment: int | None) -> int:
    return len(times) if moment is None else len(times) - int(np.searchsorted(times, moment, side="right"))


def _reasons(calls: Sequence[_Call]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(call.reason for call in calls))


def _period(every: int | None) -> str:
    return format_duration(every or 0)


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1_000, UTC).date().isoformat()
