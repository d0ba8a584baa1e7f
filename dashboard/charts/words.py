"""Numbers and times as short texts. Times are in ms since the epoch, UTC."""

from datetime import UTC, datetime
from functools import lru_cache


# a thousand windows begin where others end, and are told in several places at each push
@lru_cache(maxsize=10_000)
def date_of(at: int) -> str:
    """Such as ``21 Jan 2025``, with the time of day if it is not midnight."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    day = f"{moment.day} {moment:%b %Y}"
    return day if moment.hour == moment.minute == 0 else f"{day} {moment:%H:%M}"


def number_of(value: float | None, digits: int = 3) -> str:
    """``digits`` behind the point; ``–`` where it is not known."""
    return "–" if value is None else f"{value:.{digits}f}"


def share_of(value: float | None) -> str:
    """A share as per cent, without calling a part all, or something nothing."""
    if value is None:
        return "–"
    if 0.995 <= value < 1:
        return "> 99 %"
    return "< 1 %" if 0 < value < 0.005 else f"{value:.0%}".replace("%", " %")


def interval_of(value: float | None, low: float | None, high: float | None) -> str:
    """Such as ``0.652 (0.611–0.690)``."""
    return number_of(value) if low is None or high is None else f"{number_of(value)} ({low:.3f}–{high:.3f})"
