"""The verdict of a model: all that is known of it in one word, one sentence and what to do. Pure.

===================  ==============================================================================================
``silent``           no predictions come (``silence``, by the wall clock); said of each model that is at work
``worse``            labels have shown that probabilities are worse than in training
``probably_worse``   nowcast or estimate expect it of labels that are to come
``relation_changed`` labels no longer go with scores, but probabilities are not worse beyond the margin
``customers_changed`` inputs differ from those of training; performance holds, as far as labels tell
``unjudged``         nothing is known against it, but no labels were judged, or none for longer than it takes incidents
                     to close: it is not called healthy for what nobody has looked at
``healthy``          labels and inputs were judged, and none of the above stands
===================  ==============================================================================================
"""

from collections.abc import Iterable, Sequence

import msgspec

from contract.alerts import Alert, AlertKind, ModelVerdict, VerdictState
from contract.messages import ModelRef
from monitor.naming import day, iso_time, model_title
from monitor.verdicts.incidents import CLEAN_WINDOWS, Incident, Looked

_DAY = 86_400_000
_NAMES: dict[VerdictState, str] = {
    "worse": "WORSE",
    "probably_worse": "PROBABLY WORSE",
    "relation_changed": "RELATION CHANGED",
    "customers_changed": "CUSTOMERS CHANGED",
}
_REASONS: dict[VerdictState, str] = {
    "worse": "labels show that its probabilities are worse than in training",
    "probably_worse": "its probabilities are probably worse than in training, and labels are still to come",
    "relation_changed": "labels no longer go with its scores as in training; probabilities are not worse by more than "
    "the margin yet",
    "customers_changed": "customers differ from those of training",
}
_REMEDIES: dict[VerdictState, str] = {
    "silent": "check the scorer and what feeds it; without predictions, nothing can be said about the model",
    "worse": "train on newer customers, or go back to a better version",
    "probably_worse": "look at the window's report, get labels sooner if you can, and prepare a new version",
    "relation_changed": "do not trust estimates without labels; train on customers labelled since then",
    "customers_changed": "look at the window's report; if the change will last, train on newer customers",
    "unjudged": "make sure that labels come, and that windows are long enough for the records that the settings need",
    "healthy": "",
}
_OF_VERDICT: frozenset[AlertKind] = frozenset({"performance", "relation", "drift"})


def verdict_of(
    model: ModelRef,
    incidents: Sequence[Incident],
    looked: Looked,
    *,
    silence: Alert | None = None,
    before: ModelVerdict | None = None,
    untrusted_since: int | None = None,
) -> ModelVerdict:
    """The first that applies. ``incidents``, ``looked`` and ``untrusted_since`` are those of the model's history.

    ``silence``: the alert that stands, if the model is at work; ``before``: the verdict that was published last, whose
    date a healthy model keeps when the windows that it came from are known no longer.
    """
    found = _first(model, incidents, looked, silence, before)
    if untrusted_since is None:
        return found
    told = f"{found.message}; estimates without labels are not to be trusted since {iso_time(untrusted_since)}"
    return msgspec.structs.replace(found, message=told, untrusted_since=untrusted_since)


def _first(
    model: ModelRef,
    incidents: Sequence[Incident],
    looked: Looked,
    silence: Alert | None,
    before: ModelVerdict | None,
) -> ModelVerdict:
    if silence is not None:
        return _silent(model, silence, looked)
    standing = {one.kind: one for one in incidents if not one.closed}
    performance = standing.get("performance")
    gravest: tuple[tuple[VerdictState, Incident | None], ...] = (
        ("worse", None if performance is None or performance.expected else performance),
        ("probably_worse", performance),
        ("relation_changed", standing.get("relation")),
        ("customers_changed", standing.get("drift")),
    )
    for state, incident in gravest:
        if incident is not None:
            return _wrong(model, state, incident, looked, standing.values())
    if not _labels_are_known(looked):
        return _unjudged(model, looked, standing.values())
    since = _healthy_since(incidents, looked, before)
    return ModelVerdict(
        model=model,
        state="healthy",
        since=since,
        until=looked.until,
        title="HEALTHY" if since is None else f"HEALTHY since {day(since)}",
        message=f"{model_title(model)}: labels go with its scores as in training, and its probabilities are not worse; "
        f"{_inputs(looked)}{_besides(standing.values())}",
    )


def is_news(verdict: ModelVerdict, before: ModelVerdict | None) -> bool:
    """Whether a verdict is to be published after the one before. Figures that move with each window are told at most
    once a day of event time.
    """
    if before is None or _facts(before) != _facts(verdict):
        return True
    told, now = before.until, verdict.until
    return before.message != verdict.message and (told is None or (now is not None and now >= told + _DAY))


def _facts(verdict: ModelVerdict) -> tuple[VerdictState, int | None, str, int | None]:
    return verdict.state, verdict.since, verdict.title, verdict.untrusted_since


def _silent(model: ModelRef, silence: Alert, looked: Looked) -> ModelVerdict:
    return ModelVerdict(
        model=model,
        state="silent",
        since=silence.start,
        until=looked.until,
        title=f"SILENT since {day(silence.start)}",
        message=f"{model_title(model)}: no predictions since {iso_time(silence.start)} by the clock; its last window "
        f"ends at {iso_time(looked.until)}",
        remedy=_REMEDIES["silent"],
    )


def _wrong(
    model: ModelRef, state: VerdictState, incident: Incident, looked: Looked, standing: Iterable[Incident]
) -> ModelVerdict:
    told = f"{model_title(model)}: {_REASONS[state]}, since {iso_time(incident.start)}: {incident.finding}"
    if state == "customers_changed":
        told += f"; {_performance(looked)}"
    rest = [one for one in standing if one is not incident]
    return ModelVerdict(
        model=model,
        state=state,
        since=incident.start,
        until=looked.until,
        title=f"{_NAMES[state]} since {day(incident.start)}",
        message=f"{told}{_besides(rest)}",
        remedy=_REMEDIES[state],
    )


def _unjudged(model: ModelRef, looked: Looked, standing: Iterable[Incident]) -> ModelVerdict:
    since = looked.labels_until
    if since is not None:
        title = f"LABELS MISSING since {day(since)}"
        told = f"no window that ends after {iso_time(since)} has enough labels; {_inputs(looked)}"
    elif looked.inputs_until is not None:
        title = "LABELS TO COME"
        told = f"{_inputs(looked)}; whether labels go with its scores is unknown until they come"
    else:
        title = "NOT JUDGED YET"
        told = "no window had enough records, or the version has no reference sample to compare them with"
    return ModelVerdict(
        model=model,
        state="unjudged",
        since=since,
        until=looked.until,
        title=title,
        message=f"{model_title(model)}: {told}{_besides(standing)}",
        remedy=_REMEDIES["unjudged"],
    )


def _labels_are_known(looked: Looked) -> bool:
    if looked.labels_until is None:
        return False
    return looked.final_until is None or looked.final_until - looked.labels_until <= CLEAN_WINDOWS * looked.size


def _healthy_since(incidents: Iterable[Incident], looked: Looked, before: ModelVerdict | None) -> int | None:
    """The end of the last incident that made it otherwise, or the start of the first window that was judged."""
    ended = max((one.end for one in incidents if one.closed and one.kind in _OF_VERDICT), default=None)
    if ended is not None:
        return ended
    known_before = before is not None and before.state == "healthy"
    if known_before and before is not None and (before.since is None or before.since <= looked.begins):
        return before.since
    return looked.first


def _inputs(looked: Looked) -> str:
    if looked.inputs_until is None:
        return "its customers were not compared with those of training"
    if looked.until - looked.inputs_until > CLEAN_WINDOWS * looked.size:
        return (
            f"its customers were like those of training until {iso_time(looked.inputs_until)}, and not compared since"
        )
    return "its customers are like those of training"


def _performance(looked: Looked) -> str:
    if looked.labels_until is None:
        return "whether performance holds is unknown until labels come"
    if not _labels_are_known(looked):
        return f"performance held until {iso_time(looked.labels_until)}, and no labels were judged since"
    return f"performance holds, by the labels of windows until {iso_time(looked.labels_until)}"


def _besides(standing: Iterable[Incident]) -> str:
    told = [
        f"{one.kind} since {iso_time(one.start)}" for one in sorted(standing, key=lambda one: (one.start, one.kind))
    ]
    return f"; alerts besides: {', '.join(told)}" if told else ""
