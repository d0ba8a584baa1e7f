"""What came: records, labels and their delay, and dead letters, window by window."""

from dashboard.view.chosen import Chosen
from dashboard.view.model import StreamFlow
from dashboard.view.words import sane

_MOST_REASONS = 8
_REST = "other reasons"


def flow_of(choice: Chosen) -> StreamFlow:
    """Dead letters by reason, whatever the field; the rarest reasons in one."""
    windows = choice.windows
    totals: dict[str, int] = {}
    by_window = []
    for window in windows:
        found: dict[str, int] = {}
        for name, number in window.dead_letters.items():
            reason = reason_of(name)
            found[reason] = found.get(reason, 0) + number
            totals[reason] = totals.get(reason, 0) + number
        by_window.append(found)
    ordered = sorted(totals, key=lambda reason: (-totals[reason], reason))
    shown = ordered if len(ordered) <= _MOST_REASONS else ordered[: _MOST_REASONS - 1]
    letters = {reason: tuple([found.get(reason, 0) for found in by_window]) for reason in shown}
    rest = set(ordered) - set(shown)
    if rest:
        letters[_REST] = tuple([sum(number for name, number in found.items() if name in rest) for found in by_window])
    return StreamFlow(
        records=tuple([window.records for window in windows]),
        coverage=tuple([window.coverage for window in windows]),
        delays=tuple([sane(window.delay_p50_hours) for window in windows]),
        letters=letters,
    )


def reason_of(name: str) -> str:
    """A window's name of dead letters is their reason, and a field behind it."""
    return name.partition("/")[0]
