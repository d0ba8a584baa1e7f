"""How times, numbers and names are written on the page. What cannot be right is written as ``–``."""

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from contract.alerts import Severity
from contract.durations import DAY
from contract.messages import ModelRef
from dashboard.view.model import Tone

NOTHING = "–"
SIGNS: dict[Tone, str] = {"good": "✓", "notice": "▲", "bad": "✖", "unknown": "?"}
EARLIEST, LATEST = -2_208_988_800_000, 7_289_654_400_000
"""From 1900 to 2201: what is outside cannot be a window of a stream whose event times are of 2000 to 2200."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 10**15
_LONGEST_NAME = 60
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_WORD = re.compile(r"\S{81,}")
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z")


def _time(milliseconds: int | None) -> datetime | None:
    if milliseconds is None or not EARLIEST <= milliseconds <= LATEST:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def day(milliseconds: int | None) -> str:
    """``12 Jan 2025``, of a time in ms since the epoch, UTC."""
    time = _time(milliseconds)
    return NOTHING if time is None else f"{time.day} {_MONTHS[time.month - 1]} {time.year}"


def moment(milliseconds: int | None) -> str:
    """``12 Jan 2025 09:14 UTC``."""
    time = _time(milliseconds)
    return NOTHING if time is None else f"{day(milliseconds)} {time:%H:%M} UTC"


def short_moment(milliseconds: int | None) -> str:
    """As ``moment``; the day alone where it is midnight."""
    time = _time(milliseconds)
    if time is None:
        return NOTHING
    return day(milliseconds) if (time.hour, time.minute) == (0, 0) else moment(milliseconds)


def span(start: int, end: int) -> str:
    """``25 Jan – 1 Feb 2025``, with hours where these are not midnight."""
    first, last = _time(start), _time(end)
    if first is None or last is None:
        return NOTHING
    if start % DAY or end % DAY:
        return f"{day(start)} {first:%H:%M} – {day(end)} {last:%H:%M} UTC"
    begin = f"{first.day} {_MONTHS[first.month - 1]}" if first.year == last.year else day(start)
    return f"{begin} – {day(end)}"


def iso_time(milliseconds: int) -> str:
    """ISO 8601 in UTC, milliseconds only where there are any.

    Raises:
        OverflowError: it is not in the years 1 to 9999.
    """
    time = _EPOCH + timedelta(milliseconds=milliseconds)
    return time.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds").replace("+00:00", "Z")


def plain_times(text: str) -> str:
    """A monitor's sentence with its ISO times written as all others on the page."""
    return _ISO.sub(lambda found: _plain_time(found[0]), text)


def _plain_time(iso: str) -> str:
    try:
        return short_moment(int(datetime.fromisoformat(iso).timestamp() * 1000))
    except ValueError:
        return iso


def is_count(value: int) -> bool:
    """Whether it can be a number of records."""
    return 0 <= value < _MOST


def sane(value: float | None) -> float | None:
    """None for a number that no window can have."""
    return value if value is not None and -_MOST < value < _MOST else None


def number(value: float | None) -> str:
    """Three digits that count: ``0.652``, ``37.1``, ``76,500``."""
    value = sane(value)
    if value is None:
        return NOTHING
    size = abs(value)
    if size >= 1_000:
        return f"{round(value, 2 - math.floor(math.log10(size))):,.0f}"
    if size >= 100 or value == int(value):
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def metric(value: float | None) -> str:
    """A metric, always with three decimals."""
    value = sane(value)
    return NOTHING if value is None else f"{value:.3f}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """``0.652 (0.631–0.674)``."""
    if sane(value) is None:
        return NOTHING
    if sane(low) is None or sane(high) is None:
        return metric(value)
    return f"{metric(value)} ({metric(low)}–{metric(high)})"


def share_of(part: int, total: int) -> float | None:
    """``part`` of ``total``; None where there is nothing, or a number that cannot be right."""
    return part / total if 0 <= part <= total < _MOST and total else None


def whole(value: float | None) -> str:
    """``1,234``."""
    value = sane(value)
    return NOTHING if value is None else f"{round(value):,}"


def count(value: int, one: str, many: str = "") -> str:
    """``1 window``, ``12 windows``."""
    return f"{whole(value)} {one if value == 1 else many or f'{one}s'}"


def percent(share: float | None) -> str:
    """A share in [0, 1] as ``25 %``; of small ones one decimal."""
    if share is None or not 0 <= share <= 1:
        return NOTHING
    hundredths = share * 100
    if 0 < hundredths < 0.1:
        return "under 0.1 %"
    if 0 < hundredths < 10 and round(hundredths, 1) != round(hundredths):
        return f"{hundredths:.1f} %"
    return "under 100 %" if hundredths < 100 <= round(hundredths) else f"{hundredths:.0f} %"


def hours(value: float | None) -> str:
    """``5 hours``, ``3.4 days``."""
    value = sane(value)
    if value is None or value < 0:
        return NOTHING
    if value < 48:
        return f"{number(value)} {'hour' if value == 1 else 'hours'}"
    return f"{value / 24:.1f} days".replace(".0 ", " ")


def lasting(milliseconds: int) -> str:
    """How long ago, roughly: ``3 minutes``."""
    seconds = max(milliseconds, 0) // 1000
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{whole(seconds // size)} {name}s"
    return count(seconds, "second")


def named(text: str, longest: int = _LONGEST_NAME) -> str:
    """A name from a message inside a sentence: on one line, and cut where it is long."""
    shown = _LONG_WORD.sub(_cut, "".join(one if one.isprintable() else " " for one in text[: longest + 1]))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _cut(found: re.Match[str]) -> str:
    return f"{found[0][:79]}…"


def several(names: Sequence[str], most: int = 3) -> str:
    """``Age, Balance, Tenure and 2 more``."""
    shown = ", ".join(named(one, 40) for one in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def sentence(text: str) -> str:
    """With a capital, and a full stop unless it ends with a mark."""
    text = text.strip()
    return text if not text else f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?…' else '.'}"


def version_title(model: ModelRef) -> str:
    """``v3``, or ``v3 challenger``."""
    return f"v{model.version}" if model.role == "champion" else f"v{model.version} {model.role}"


def versions(numbers: Iterable[int]) -> str:
    """``v4, v5``."""
    return ", ".join(f"v{one}" for one in numbers)


def severity_tone(severity: Severity) -> Tone:
    """How grave a standing incident is, as a tone."""
    return "bad" if severity == "critical" else "notice"
