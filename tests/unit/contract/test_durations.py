"""Durations: what people write, and that it is read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from contract.durations import Duration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("7d", 604_800_000),
        ("1w", 604_800_000),
        ("12h", 43_200_000),
        ("90s", 90_000),
        ("1d12h", 129_600_000),
        (" 1d 12 h ", 129_600_000),
        ("250ms", 250),
        ("1m30s", 90_000),
        ("1m1ms", 60_001),
        ("1.5h", 5_400_000),
        ("0.1ms", 0),
        ("0s", 0),
        (86_400_000, 86_400_000),
        (0, 0),
    ],
)
def test_durations_as_people_write_them(text: str | int, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["", " ", "7", "d", "7x", "seven days", "-1d", "1d-2h", "1e3s", "1d,2h", "7D", "1.d", ".5d", "1 2d"]
)
def test_what_is_no_duration_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write a number with a unit, such as 7d"):
        parse_duration(text)


@given(st.integers(0, 2**80))
def test_a_formatted_duration_is_read_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(90_000, "1m30s"), (0, "0s"), (604_800_000, "7d"), (60 * 86_400_000, "60d"), (1, "1ms")]
)
def test_text_in_days_at_most(milliseconds: int, text: str) -> None:
    assert format_duration(milliseconds) == text


@pytest.mark.parametrize("value", ["-1d", -1, "9" * 400 + "x", None, 1.5, ["1d"]])
def test_a_setting_takes_no_other_value(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(value)


def test_a_number_of_any_size_is_no_crash() -> None:
    assert TypeAdapter(Duration).validate_python("1" + "0" * 400 + "d") == 10**400 * 86_400_000
