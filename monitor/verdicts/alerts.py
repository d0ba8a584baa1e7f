"""The alerts that tell of incidents: which are due, given those that have been published. Pure.

Each incident has one key from its opening to its end. One that has been published keeps its key as long as it overlaps
with what windows show now, also where late labels have moved its beginning.
"""

from collections.abc import Iterable
from itertools import chain, count

import msgspec

from contract.alert_rules import DEFAULT_RULES, AlertRules
from contract.alerts import Alert, AlertKind
from contract.messages import ModelRef
from monitor.naming import day, iso_time, model_title
from monitor.verdicts.flow_signs import FLOW_KINDS
from monitor.verdicts.incidents import History, Incident

_DAY = 86_400_000
_WHAT: dict[AlertKind, str] = {
    "drift": "customers differ from those of training",
    "relation": "labels no longer go with scores as in training",
    "performance": "probabilities are worse than in training",
    "coverage": "labels are missing",
    "delay": "labels come later than before",
    "volume": "the number of records differs from before",
    "segment": "a segment of customers has changed apart from the others",
}
_TITLES: dict[AlertKind, str] = {
    "drift": "customers changed",
    "relation": "relation changed",
    "performance": "performance worse",
    "coverage": "labels missing",
    "delay": "labels later",
    "volume": "number of records changed",
    "segment": "a segment changed",
}
_REMEDY: dict[AlertKind, str] = {
    "drift": "look at the window's report; if the change will last, train on newer customers",
    "relation": "do not trust estimates without labels from then on; train on customers labelled since",
    "performance": "train on newer customers, or go back to a better version",
    "coverage": "check what sends labels; until they come, metrics cover only the customers with labels",
    "delay": "check what sends labels; until they come, trust the nowcast less",
    "volume": "check what sends records, and look at the dead letters",
    "segment": "find out what is new about these customers; do not decide by their scores until the model has "
    "learned from customers labelled since",
}


def due_alerts(
    model: ModelRef, history: History, published: Iterable[Alert], rules: AlertRules = DEFAULT_RULES
) -> list[Alert]:
    """What is to be published now, in order of start; ``published`` are the model's alerts, the last of each key.

    Of a kind that ``rules`` switch off nothing is opened, and what stands is closed.

    Opened and closed at once; updated when further columns drift, it has become worse or its beginning has moved, at
    most once a day of event time; retracted when the windows that are known show nothing of it any more. With what is
    returned published, nothing is due before a window changes.
    """
    if history.begins is None:
        return []
    due = []
    unmatched = {one.key: one for one in published if one.state != "retracted"}
    taken = set(unmatched)
    for incident in history.incidents():
        if not rules.of(incident.kind).enabled:
            continue
        known = _known(incident, unmatched.values())
        key = _new_key(model, incident, taken) if known is None else known.key
        taken.add(key)
        unmatched.pop(key, None)
        alert = _next(_alert(model, incident, key, rules), known)
        if alert is not None:
            due.append(alert)
    due += [_retraction(one) for one in unmatched.values() if history.can_deny(one) and rules.of(one.kind).enabled]
    due += [_switched_off(one) for one in unmatched.values() if one.standing and not rules.of(one.kind).enabled]
    return sorted(due, key=lambda alert: (alert.start, alert.key))


def _known(incident: Incident, published: Iterable[Alert]) -> Alert | None:
    overlapping = (
        one for one in published if one.kind == incident.kind and one.start < incident.end and incident.start < one.end
    )
    return min(overlapping, key=lambda one: (abs(one.start - incident.start), one.key), default=None)


def _new_key(model: ModelRef, incident: Incident, taken: set[str]) -> str:
    """That of an incident's start. An earlier incident may have it, whose start has moved since."""
    key = f"{incident.kind}/{model.key}/{incident.start}"
    return next(one for one in chain([key], (f"{key}/{n}" for n in count(2))) if one not in taken)


def _next(alert: Alert, known: Alert | None) -> Alert | None:
    """What is to be said of an incident that has come to ``alert``, after what has been published of it."""
    if known is None or alert.standing != known.standing:
        return alert
    if not alert.standing:
        return None if _facts(known) == _facts(alert) else alert
    # the end moves with each window that shows the same: no news
    news = _facts(known)[:-1] != _facts(alert)[:-1]
    told = known.end if known.at is None else known.at
    at = alert.end if alert.at is None else alert.at
    return msgspec.structs.replace(alert, state="updated") if news and at >= told + _DAY else None


def _facts(alert: Alert) -> tuple[str, frozenset[str], frozenset[str], int, int]:
    return alert.severity, frozenset(alert.features), frozenset(alert.segments), alert.start, alert.end


def _alert(model: ModelRef, incident: Incident, key: str, rules: AlertRules) -> Alert:
    """As it is when it is first told."""
    since = iso_time(incident.start)
    what = _what(incident)
    subject = f"{model_title(model)}: {what}"
    if incident.closed:
        usual = ", or it has become usual" if incident.kind in FLOW_KINDS else ""
        message = f"{subject}: over; from {since} to {iso_time(incident.end)}, no sign of it since{usual}"
    else:
        message = (
            f"{subject} since {since}, last seen in the window that ends {iso_time(incident.end)}: {incident.finding}; "
            f"{_REMEDY[incident.kind]}"
        )
    return Alert(
        key=key,
        state="closed" if incident.closed else "opened",
        kind=incident.kind,
        model=model,
        start=incident.start,
        end=incident.end,
        features=list(incident.features),
        message=message,
        severity=rules.of(incident.kind).severity or incident.severity,
        at=incident.at,
        segments=list(incident.segments),
        title=_title(model, incident),
    )


def _what(incident: Incident) -> str:
    if incident.expected:
        return "probabilities are probably worse than in training"
    if not incident.segments:
        return _WHAT[incident.kind]
    first, *others = incident.segments
    return f"{first}{f' and {len(others)} more' if others else ''} changed apart from the other customers"


def _title(model: ModelRef, incident: Incident) -> str:
    what = _what(incident) if incident.segments else _TITLES[incident.kind]
    subject = f"{model_title(model)}: {'probably ' if incident.expected else ''}{what}"
    if incident.closed:
        return f"{subject} from {day(incident.start)} to {day(incident.end)}, over"
    return f"{subject} since {day(incident.start)}"


def _retraction(alert: Alert) -> Alert:
    subject = _WHAT[alert.kind] if alert.model is None else f"{model_title(alert.model)}: {_WHAT[alert.kind]}"
    message = (
        f"{subject}: taken back; with the records and labels that have come "
        f"since, no window from {iso_time(alert.start)} to {iso_time(alert.end)} shows it"
    )
    title = f"{'' if alert.model is None else f'{model_title(alert.model)}: '}{_TITLES[alert.kind]}, taken back"
    return msgspec.structs.replace(alert, state="retracted", features=[], segments=[], message=message, title=title)


def _switched_off(alert: Alert) -> Alert:
    subject = _WHAT[alert.kind] if alert.model is None else f"{model_title(alert.model)}: {_WHAT[alert.kind]}"
    message = (
        f"{subject}: no longer looked for, because the alert rules switch off kinds.{alert.kind}; last seen in the "
        f"window that ends {iso_time(alert.end)}"
    )
    return msgspec.structs.replace(alert, state="closed", message=message)
