"""The life of a drift alert, from one window's revisions. Pure: the same windows give the same alerts."""

from typing import Literal

from contract.windows import Alert, Window
from monitor.naming import iso_time, model_title


def alert_for(window: Window, previous: Alert | None) -> Alert | None:
    """What ``alerts`` must say about ``window`` after ``previous``, the last alert under its key; None: nothing new.

    Raised when the window's verdict is drifted and no alert stands, updated when another set of features drifts than
    the standing alert says, retracted (with no features) when nothing drifts any longer. A changed distance alone
    updates nothing.

    Raises:
        ValueError: ``previous`` belongs to another window.
    """
    key = f"drift/{window.key}"
    if previous is not None and previous.key != key:
        raise ValueError(f"the alert {previous.key} is not about the window {window.key}")
    standing = previous if previous is not None and previous.state != "retracted" else None
    if not window.drift.drifted:
        return None if standing is None else _alert(window, key, "retracted", [], _retraction(window, standing))
    features = window.drift.drifted_columns
    if standing is None:
        return _alert(window, key, "raised", features, _message(window, features))
    if set(features) == set(standing.features):
        return None
    return _alert(window, key, "updated", features, _message(window, features))


def _alert(
    window: Window,
    key: str,
    state: Literal["raised", "updated", "retracted"],
    features: list[str],
    message: str,
) -> Alert:
    return Alert(
        key=key,
        state=state,
        kind="drift",
        model=window.model,
        start=window.start,
        end=window.end,
        features=features,
        message=message,
    )


def _message(window: Window, features: list[str]) -> str:
    distances = window.drift.features
    columns = sorted((name for name in features if name in distances), key=lambda name: -distances[name].distance)
    named = [f"{name} (distance {distances[name].distance:.3f})" for name in columns]
    relation = window.drift.relation
    if relation is not None and relation.drifted:
        changed = f"correlation {relation.now:.2f}, was {relation.then:.2f}"
        if relation.kind == "together":
            changed = f"{relation.now:.1%} have values that were never together"
        named.append(f"{relation.title} ({changed})")
    return f"{_subject(window)}: drift in {', '.join(named)}"


def _retraction(window: Window, standing: Alert) -> str:
    return f"{_subject(window)}: no drift any longer; retracted for {', '.join(standing.features)}"


def _subject(window: Window) -> str:
    return f"{model_title(window.model)}, window {iso_time(window.start)} to {iso_time(window.end)}"
