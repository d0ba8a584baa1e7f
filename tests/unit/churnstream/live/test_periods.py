"""How windows are named, and which are called partial."""

import msgspec
import pytest

from churnstream.live.periods import partial, period, year_of
from contract.windows import Window
from tests.support.messages import DAY, START
from tests.support.windows import final

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (START + 20 * DAY, START + 23 * DAY, "21–24 Jan 2025"),
        (START + 29 * DAY, START + 32 * DAY, "30 Jan–2 Feb 2025"),
        (START - 2 * DAY, START + DAY, "30 Dec 2024–2 Jan 2025"),
        (START + 9 * HOUR, START + 10 * HOUR, "1 Jan 2025 09:00–10:00"),
        (START + 9 * HOUR, START + DAY + 9 * HOUR, "1 Jan 2025 09:00–2 Jan 2025 09:00"),
        (-(10**18), 10**18, "–"),
    ],
)
def test_a_window_is_named_by_its_days_or_hours(start: int, end: int, told: str) -> None:
    assert period(start, end) == told


def test_the_year_is_left_out_where_the_table_names_it() -> None:
    assert period(START + 20 * DAY, START + 23 * DAY, 2025) == "21–24 Jan"
    assert period(START + 29 * DAY, START + 32 * DAY, 2025) == "30 Jan–2 Feb"
    assert period(START - 2 * DAY, START + DAY, 2025) == "30 Dec 2024–2 Jan"
    assert period(START + 20 * DAY, START + 23 * DAY, 2026) == "21–24 Jan 2025"
    assert period(START + 9 * HOUR, START + 10 * HOUR, 2025) == "1 Jan 09:00–10:00"


def test_the_table_names_the_year_of_its_newest_window() -> None:
    assert year_of([final(-3), final(1)]) == 2025
    assert year_of([final(0, start=10**18, end=10**18 + 1)]) is None
    assert year_of([]) is None
    # until midnight of New Year's Day it is the old year
    assert year_of([final(-7)]) == 2024


def slid(*records: int, slides: int = 3) -> list[Window]:
    """Windows of ``slides`` days that slide by a day over days with so many records."""
    days = [0] * (slides - 1) + list(records) + [0] * (slides - 1)
    return [
        final(
            first,
            end=START + (first + slides) * DAY,
            slide=DAY,
            records=sum(days[first : first + slides]),
            slide_records=days[first + slides - 1],
        )
        for first in range(len(days) - slides + 1)
    ]


def test_the_first_and_last_windows_are_partial_and_those_between_are_not() -> None:
    windows = slid(100, 100, 0, 100, 100)
    told = partial(windows)
    assert [told.get(window.key) for window in windows] == [(1, 3), (2, 3), None, None, None, (2, 3), (1, 3)]


def test_where_older_windows_are_no_longer_known_the_first_of_the_others_is_whole() -> None:
    assert slid(100, 100, 100, 100)[2].key not in partial(slid(100, 100, 100, 100)[2:])


def test_each_version_begins_by_itself() -> None:
    before = slid(*[100] * 6)
    after = [
        msgspec.structs.replace(
            window,
            model=msgspec.structs.replace(window.model, version=4),
            start=window.start + 4 * DAY,
            end=window.end + 4 * DAY,
        )
        for window in slid(*[100] * 6)
    ]
    told = partial([*before, *after])
    assert [told.get(window.key) for window in after[:3]] == [(1, 3), (2, 3), None]


def test_windows_of_a_release_without_slides_are_not_called_partial() -> None:
    assert partial([final(0), final(1)]) == {}
    assert partial([]) == {}
