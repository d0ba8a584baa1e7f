"""What a look at the stream finds, and how it is put into words. Pure."""

from typing import NamedTuple

from contract.alerts import AlertKind, Severity


class StreamFinding(NamedTuple):
    """That something is ``wrong``, or well again: of a kind, and of one of its subjects, such as ``scorer``.

    ``lasts``: since how many seconds of watched time. What nobody can tell is no finding.
    """

    kind: AlertKind
    subject: str
    wrong: bool
    title: str = ""
    message: str = ""
    features: tuple[str, ...] = ()
    severity: Severity = "warning"
    lasts: float = 0.0


def in_words(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 2 * 3_600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3_600:.0f} hours" if seconds < 2 * 86_400 else f"{seconds / 86_400:.0f} days"
