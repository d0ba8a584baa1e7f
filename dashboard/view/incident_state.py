"""Incidents as the newest message of each says they are. Pure."""

from collections.abc import Iterator, Sequence

from contract.alerts import Alert, AlertKind
from dashboard.stream.incidents import StoredAlert
from dashboard.stream.state import StreamState
from dashboard.view.words import version_title


def incidents_of(known: StreamState, name: str | None) -> Iterator[Sequence[StoredAlert]]:
    """All messages of each incident of this model, whatever the version, and of the stream itself."""
    for told in known.incidents.values():
        if told and (told[-1].alert.model is None or told[-1].alert.model.name == name):
            yield told


def without_subject(alert: Alert, text: str) -> str:
    """A text of an alert without the model's name at its beginning, where that stands beside it."""
    if alert.model is None:
        return text
    return text.removeprefix(f"{alert.model.name} {version_title(alert.model)}: ")


def standing_of(known: StreamState, kind: AlertKind, name: str | None) -> list[Alert]:
    """The incidents of a kind that stand, the gravest first."""
    found = [told[-1].alert for told in incidents_of(known, name)]
    standing = [one for one in found if one.kind == kind and one.standing]
    return sorted(standing, key=lambda one: (one.severity != "critical", one.start, one.key))
