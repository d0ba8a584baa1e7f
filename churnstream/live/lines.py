"""One line for one incident, however many windows show it; and what else is to be known of a stream in a line."""

from collections.abc import Iterable, Sequence

from rich.text import Text

from contract.alerts import BY_WALL_TIME, Alert, AlertKind
from contract.windows import Window
from dashboard.view.incident_state import without_subject
from dashboard.view.words import SIGNS, count, moment, named, several, severity_tone, short_moment, version_title

_MOST_TITLE = 120
_MOST_NAMED = 4
_GRAVE = {"critical": 0, "warning": 1}


def incident_lines(alerts: Iterable[Alert], windows: Sequence[Window], most: int | None = None) -> list[Text]:
    """A line for each incident: those that stand first, the gravest of them first; then those that are over. Of more
    than ``most`` a last line says how many there are.
    """
    every = list(alerts)
    models = {one.model for one in every if one.model is not None}
    standing = sorted((one for one in every if one.standing), key=lambda one: (_GRAVE[one.severity], one.start))
    over = sorted((one for one in every if not one.standing), key=lambda one: (-one.end, one.key))
    ordered = [*standing, *over]
    lines = [incident_line(one, windows, with_model=len(models) > 1) for one in ordered[:most]]
    more = len(ordered) - len(lines)
    return [*lines, Text(f"  and {more:,} more: churnstream alerts", style="dim")] if more else lines


def incident_line(alert: Alert, windows: Sequence[Window], with_model: bool = False) -> Text:
    """``✖ drift since 21 Jan 2025: Age, Balance (12 windows)``."""
    if alert.standing:
        sign, style = SIGNS[severity_tone(alert.severity)], "bold red" if alert.severity == "critical" else "yellow"
    else:
        sign, style = ("↶", "dim") if alert.state == "retracted" else (SIGNS["good"], "green")
    # a title says by itself what it is about, and that it is over
    own_words = alert.kind == "drift" or not alert.title
    about = [*alert.features, *alert.segments] if own_words else []
    ended = own_words and alert.state == "closed"
    number = sum(_shows(window, alert) for window in windows)
    parts = [
        f"{sign} ",
        f"{version_title(alert.model)}: " if with_model and alert.model is not None else "",
        _what(alert),
        f": {several(about, _MOST_NAMED)}" if about else "",
        f" ({count(number, 'window')})" if number else "",
        f", over since {_dated(alert.end, alert.kind)}" if ended else "",
    ]
    return Text("".join(parts), style=style)


def _what(alert: Alert) -> str:
    if alert.kind == "drift" and alert.state != "retracted":
        return f"drift since {_dated(alert.start, alert.kind)}"
    if alert.title:
        return named(without_subject(alert, alert.title), _MOST_TITLE)
    return f"{alert.kind.replace('_', ' ')} since {_dated(alert.start, alert.kind)}"


def _dated(time: int, kind: AlertKind) -> str:
    return f"{moment(time)} by the clock" if kind in BY_WALL_TIME else short_moment(time)


def _shows(window: Window, alert: Alert) -> bool:
    """Whether a window says itself what the alert says of it and others."""
    if window.model != alert.model or window.start < alert.start or (not alert.standing and window.end > alert.end):
        return False
    if alert.kind == "drift":
        return window.drift.judged and bool(window.drift.drifted_columns)
    if alert.kind == "performance":
        return window.worsening is not None and window.worsening.worse
    return alert.kind == "relation" and window.relation is not None and window.relation.changed
