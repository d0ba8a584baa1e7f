"""Alerts in words for people: what, how bad, since when, what to do, and where to look. Pure text."""

import re
import unicodedata

from contract.alerts import BY_WALL_TIME, Alert
from monitor.alert_sinks.seam import Level, Notice
from monitor.naming import iso_time, model_title

_MOST_TITLE, _MOST_MESSAGE = 200, 3_000
_KINDS = {
    "drift": "customers differ from those of training",
    "relation": "labels no longer go with scores as in training",
    "performance": "probabilities are worse than in training",
    "segment": "a segment of customers has changed",
    "coverage": "labels are missing",
    "delay": "labels come later than before",
    "volume": "there are more or fewer records than before",
    "dead_letters": "records or labels cannot be used",
    "silence": "no predictions arrive",
    "lag": "a worker is behind",
    "mlflow": "MLflow accepts no windows",
}
_ENDS = {"closed": "over", "retracted": "taken back"}
# what chat services take for a call to everybody, and for a mention of a person or a channel
_CALL = re.compile(r"@(?=\w)|<(?=[!@#])")
_NO_SPACE = "\u200b"
_TURNS = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Signs that change the direction of all that follows."""


def notice_of(alert: Alert, stream: str = "", link: str | None = None) -> Notice:
    """``stream`` is the topic prefix, ``link`` where MLflow shows the model, as people reach it."""
    since = f"{iso_time(alert.start)}{'' if alert.kind in BY_WALL_TIME else ' (event time)'}"
    lines = [
        one_line(alert.message, _MOST_MESSAGE),
        "",
        f"Severity: {alert.severity}",
        f"Since: {since}",
        f"Incident: {one_line(alert.key, _MOST_TITLE)} ({alert.state})",
        *([f"Stream: {stream}"] if stream else []),
        *([f"MLflow: {link}"] if link else []),
    ]
    return Notice(alert.key, _title(alert), "\n".join(lines), _level(alert), ends=not alert.standing)


def trial_notice(stream: str = "", ends: bool = False) -> Notice:
    """What `churnstream alerts --test-sink` sends; ``ends`` for receivers that keep incidents."""
    lines = ["This is a test alert of churnstream. Nothing is wrong.", *([f"Stream: {stream}"] if stream else [])]
    title = "Over: test alert" if ends else "Test alert: churnstream can reach you"
    return Notice("churnstream/test", title, "\n".join(lines), "success" if ends else "warning", ends)


def title_of(alert: Alert) -> str:
    """What is wrong, in a few words; those that an earlier release published have no title of their own."""
    subject = "the stream" if alert.model is None else model_title(alert.model)
    return one_line(alert.title or f"{subject}: {_KINDS[alert.kind]}", _MOST_TITLE)


def one_line(text: str, most: int) -> str:
    """Text of at most ``most`` characters that cannot do anything where it is shown: no line breaks or other control
    characters, no change of direction, and no call to everybody in a channel.
    """
    text = text.translate(_TURNS).encode(errors="replace").decode()
    text = " ".join("".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text).split())
    text = _CALL.sub(lambda found: found[0] + _NO_SPACE, text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _title(alert: Alert) -> str:
    title = title_of(alert)
    end = _ENDS.get(alert.state)
    if end is not None:
        # its own words may say so already
        return title if title.endswith(f", {end}") else f"{end.capitalize()}: {title}"
    return f"{alert.severity.capitalize()}{', update' if alert.state == 'updated' else ''}: {title}"


def _level(alert: Alert) -> Level:
    if not alert.standing:
        return "success"
    return "failure" if alert.severity == "critical" else "warning"
