"""How models, times and verdicts are written in alerts, MLflow and reports. Pure text."""

import hashlib
from datetime import UTC, datetime
from urllib.parse import quote

from contract.messages import ModelRef
from contract.windows import Drift

_MOST_IN_FILE = 120
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def iso_time(milliseconds: int) -> str:
    """Milliseconds since the epoch as ISO 8601 in UTC, milliseconds only where there are any."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return time.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace("+00:00", "Z")


def day(milliseconds: int) -> str:
    """Milliseconds since the epoch as a date in UTC: ``21 Jan 2025``."""
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}"


def file_time(milliseconds: int) -> str:
    """As ``iso_time`` in the basic format, which every file system takes: ``20240108T000000Z``."""
    return iso_time(milliseconds).replace("-", "").replace(":", "")


def file_title(name: str) -> str:
    """A model's name as part of a file's name: quoted, and where that is long cut, with a hash at its end."""
    quoted = quote(name, safe="")
    if len(quoted) <= _MOST_IN_FILE:
        return quoted
    return f"{quoted[: _MOST_IN_FILE - 13]}.{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def version_title(model: ModelRef) -> str:
    """``v3``, or ``v3 challenger``."""
    return f"v{model.version}" if model.role == "champion" else f"v{model.version} {model.role}"


def model_title(model: ModelRef) -> str:
    """``churn v3``, or ``churn v3 challenger``."""
    return f"{model.name} {version_title(model)}"


def verdict(drift: Drift) -> str:
    """``drifted``, ``stable``, or ``unjudged`` for a window below ``min_records``."""
    if not drift.judged:
        return "unjudged"
    return "drifted" if drift.drifted else "stable"
