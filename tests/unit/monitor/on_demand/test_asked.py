"""How a window is asked for, and what is said where there is none."""

import pytest

from contract.errors import UserError
from monitor.on_demand.asked import nearest, no_such_window, start_asked
from monitor.on_demand.window import AskedWindow
from tests.support.messages import DAY, START


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2025-01-01", START),
        ("2025-01-01T06:00", START + DAY // 4),
        ("2025-01-01T06:00:00Z", START + DAY // 4),
        ("2025-01-01T06:00:00+06:00", START),
        ("2025-01-01 06:00", START + DAY // 4),
        (str(START), START),
        ("latest", None),
        (" LATEST ", None),
    ],
)
def test_a_start_is_a_date_a_time_or_the_latest(text: str, start: int | None) -> None:
    assert start_asked(text) == start


@pytest.mark.parametrize("text", ["", "yesterday", "2025-13-01", "9999-99-99", "25", "<img src=x>", "9" * 40])
def test_what_is_no_time_is_told_with_a_remedy(text: str) -> None:
    with pytest.raises(UserError, match=r"START got .*, which is not a time; give a date or a time in UTC"):
        start_asked(text)


def test_the_nearest_starts_are_the_one_before_and_the_one_after() -> None:
    starts = [30, 10, 20]
    assert nearest(starts, 15) == [10, 20]
    assert nearest(starts, 5) == [10]
    assert nearest(starts, 99) == [30]
    assert nearest([], 5) == []


def test_a_window_that_is_not_there_is_told_with_those_nearest_to_it() -> None:
    title = AskedWindow("churn", 3, "champion", None).title
    said = str(no_such_window(title, [START, START + DAY, START + 9 * DAY], START + DAY // 2))
    assert said == (
        "no window of churn v3 starts at 2025-01-01T12:00:00Z; the nearest start at 2025-01-01T00:00:00Z and "
        "2025-01-02T00:00:00Z"
    )
    alone = str(no_such_window(title, [START], START + DAY))
    assert alone.endswith("starts at 2025-01-02T00:00:00Z; the nearest starts at 2025-01-01T00:00:00Z")
    assert "999999999999999 ms" in str(no_such_window(title, [START], 999_999_999_999_999))


@pytest.mark.parametrize("start", [None, START])
def test_a_model_without_windows_is_told(start: int | None) -> None:
    said = str(no_such_window(AskedWindow("churn", None, "challenger", start).title, [], start))
    assert said.startswith("there is no window of churn challenger; check --model, --version, --role")
