"""How windows are named in a terminal, and which of them the stream fills in part only. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from contract.durations import DAY
from contract.messages import ModelRef
from contract.windows import Window
from dashboard.view.words import EARLIEST, LATEST, NOTHING

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def period(start: int, end: int, told: int | None = None) -> str:
    """``21–24 Jan 2025``; ``30 Jan–2 Feb 2025``; with hours where these are not midnight. From ``start`` to before
    ``end``, times in ms since the epoch, UTC. ``told``: a year that need not be named, because it stands elsewhere.

    A dash alone where the times cannot be a window's.
    """
    if not (EARLIEST <= start <= LATEST and EARLIEST <= end <= LATEST):
        return NOTHING
    first, last = (datetime.fromtimestamp(time / 1_000, UTC) for time in (start, end))
    if start % DAY or end % DAY:
        until = f"{last:%H:%M}" if first.date() == last.date() else f"{_day(last, told)} {last:%H:%M}"
        return f"{_day(first, told)} {first:%H:%M}–{until}"
    if first.year != last.year:
        return f"{_day(first, told)}–{_day(last, told)}"
    begin = str(first.day) if first.month == last.month else _day(first, first.year)
    return f"{begin}–{_day(last, told)}"


def year_of(windows: Sequence[Window]) -> int | None:
    """The year that the newest of these windows, which are in order, ends in; None where that cannot be."""
    if not windows or not EARLIEST <= windows[-1].end <= LATEST:
        return None
    # what ends at midnight of New Year's Day is of the year before
    return datetime.fromtimestamp((windows[-1].end - 1) / 1_000, UTC).year


def partial(windows: Sequence[Window]) -> dict[str, tuple[int, int]]:
    """Of windows that the stream begins or ends within: by key, how many of how many slides it fills.

    ``windows`` are all that are known, or the newest of them. A model's first window is the one that its first record
    lies in the last slide of; whether its first windows are among those given is told by that.
    """
    found: dict[str, tuple[int, int]] = {}
    by_model: dict[ModelRef, list[Window]] = {}
    for window in windows:
        if window.slide is not None and window.slide > 0 and window.end > window.start:
            by_model.setdefault(window.model, []).append(window)
    for of_model in by_model.values():
        of_model.sort(key=lambda window: window.end)
        filled = [window for window in of_model if window.slide_records]
        first, last = of_model[0], (filled or of_model)[-1]
        # records that fill its last slide alone say that it is the model's first
        begins = first.end - (first.slide or 0) if first.slide_records == first.records else first.start
        for window in of_model:
            covered = min(window.end, last.end) - max(window.start, begins)
            if covered < window.end - window.start and window.slide:
                found[window.key] = max(covered // window.slide, 0), (window.end - window.start) // window.slide
    return found


def _day(time: datetime, told: int | None) -> str:
    return f"{time.day} {_MONTHS[time.month - 1]}" + ("" if time.year == told else f" {time.year}")
