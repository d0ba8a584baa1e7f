"""Incidents: those that stand, those that are over, those that were taken back, each with its history."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from contract.alerts import BY_WALL_TIME, Alert, AlertKind, AlertState
from dashboard.stream.incidents import StoredAlert
from dashboard.view.chosen import Chosen
from dashboard.view.incident_state import incidents_of, without_subject
from dashboard.view.model import Fact, IncidentLine, Tone
from dashboard.view.words import SIGNS, count, moment, named, plain_times, sentence, severity_tone, short_moment

MOST_OVER = 200
_MOST_TOLD = 50
_LONGEST = 1_000
_KINDS: dict[AlertKind, str] = {
    "drift": "customers changed",
    "relation": "relation changed",
    "performance": "performance",
    "segment": "segment",
    "coverage": "labels missing",
    "delay": "labels late",
    "volume": "number of records",
    "dead_letters": "dead letters",
    "silence": "silence",
    "lag": "lag",
    "mlflow": "MLflow",
}
_TOLD: dict[AlertState, str] = {
    "opened": "opened",
    "raised": "opened",
    "updated": "updated",
    "closed": "over",
    "retracted": "taken back",
}


def incident_lines(choice: Chosen) -> tuple[IncidentLine, ...]:
    """Standing ones first, the gravest of them first; the others newest first."""
    standing: list[Sequence[StoredAlert]] = []
    over: list[Sequence[StoredAlert]] = []
    for told in incidents_of(choice.known, choice.name):
        (standing if told[-1].alert.standing else over).append(told)
    standing.sort(key=lambda told: (told[-1].alert.severity != "critical", -told[-1].alert.start, told[-1].alert.key))
    over.sort(key=lambda told: (-told[-1].alert.end, told[-1].alert.key))
    return tuple(_line(choice, told) for told in [*standing[:MOST_OVER], *over[:MOST_OVER]])


def _line(choice: Chosen, told: Sequence[StoredAlert]) -> IncidentLine:
    alert = told[-1].alert
    clock = alert.kind in BY_WALL_TIME
    # a retraction has no columns any more; what was believed stands in the message before it
    tone: Tone = severity_tone(alert.severity) if alert.standing else "good" if alert.state == "closed" else "unknown"
    return IncidentLine(
        key=alert.key,
        state="standing" if alert.standing else "retracted" if alert.state == "retracted" else "closed",
        kind=_KINDS[alert.kind],
        severity=alert.severity,
        tone=tone,
        sign="↶" if alert.state == "retracted" else SIGNS[tone],
        title=named(alert.title or sentence(alert.message), 200),
        message=_sentence(alert),
        since=_dated(alert.start, clock),
        until="" if alert.standing else _dated(alert.end, clock),
        windows="" if clock else _windows(choice, alert),
        history=tuple(_told(one) for one in told[-_MOST_TOLD:]),
    )


def _dated(time: int, clock: bool) -> str:
    return f"{moment(time)}, by the clock" if clock else short_moment(time)


def _told(one: StoredAlert) -> Fact:
    """One message. When Kafka took it is wall time, also of incidents that windows show."""
    alert = one.alert
    over: Tone = "unknown" if alert.state == "retracted" else "good"
    return Fact(
        label=moment(one.at),
        value=_TOLD[alert.state],
        tone=severity_tone(alert.severity) if alert.standing else over,
        detail=_sentence(alert),
    )


def _sentence(alert: Alert) -> str:
    return sentence(plain_times(named(without_subject(alert, alert.message), _LONGEST)))


def _windows(choice: Chosen, alert: Alert) -> str:
    """How many windows it spans, of its model; nothing where these are no longer known."""
    if alert.model is None:
        return ""
    windows = choice.known.windows(alert.model)
    # a standing one is told of at most once a day, so its end lies behind
    end = windows[-1].end if windows and alert.standing else alert.end
    after = bisect_right(windows, end, key=lambda window: window.end)
    # all windows are of one length, so what begins and ends in between is one run
    number = after - bisect_left(windows, alert.start, key=lambda window: window.start)
    return f"{count(number, 'window')}{' so far' if alert.standing else ''}" if number > 0 else ""
