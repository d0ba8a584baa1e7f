"""The page's address: what is shown, as a query string, and back."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

from contract.messages import Role
from dashboard.view.selected import METRICS, Selected
from dashboard.view.words import iso_time, named

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("window", "since", "until")
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999."""
_MIDNIGHT = "T00:00:00Z"
_LONGEST = 1_000
_MOST_IGNORED = 5


def address_of(selected: Selected) -> str:
    """``?model=churn&window=2025-01-19``, or nothing where all is as usual. Times are ISO dates in UTC."""
    usual = Selected()
    given = {
        name: written(getattr(selected, name))
        for name, (_, written) in _PARTS.items()
        if getattr(selected, name) != getattr(usual, name) and not _is_off(name, getattr(selected, name))
    }
    return f"?{urlencode(given)}" if given else ""


def selected_of(params: Mapping[str, str]) -> Selected:
    """What an address names. Parts that are not known, or have a value that they cannot have, are left out; their names
    are in ``ignored``.
    """
    found: dict[str, Any] = {}
    ignored = []
    for name, text in params.items():
        if name not in _PARTS:
            ignored.append(named(name, 40))
            continue
        try:
            if len(text) > _LONGEST:
                raise ValueError
            found[name] = _PARTS[name][0](text)
        except (ValueError, OverflowError):
            ignored.append(name)
    return Selected(**found, ignored=tuple(ignored[:_MOST_IGNORED]))


def _is_off(name: str, value: Any) -> bool:
    """A time that no calendar has."""
    return name in _TIMES and not _FIRST <= value <= _LAST


def _time_of(text: str) -> int:
    time = datetime.fromisoformat(text)
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def _time(milliseconds: int) -> str:
    return iso_time(milliseconds).removesuffix(_MIDNIGHT)


def _text_of(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _version_of(text: str) -> int:
    version = int(text)
    if not (text.isascii() and text.isdigit()) or version >= 2**31:
        raise ValueError
    return version


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return chosen


def _flag_of(text: str) -> bool:
    return {"1": True, "0": False, "true": True, "false": False}[_one_of(("1", "0", "true", "false"))(text)]


_PARTS: dict[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    "model": (_text_of, str),
    "version": (_version_of, str),
    "role": (_one_of(get_args(Role)), str),
    "metric": (_one_of(METRICS), str),
    "window": (_time_of, _time),
    "feature": (_text_of, str),
    "since": (_time_of, _time),
    "until": (_time_of, _time),
    "embed": (_flag_of, lambda value: str(int(value))),
}
