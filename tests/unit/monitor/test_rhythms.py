"""That windows differ by the day of the week is told once a model, also by a monitor that has started again."""

import logging

import pytest

from contract.durations import DAY
from contract.messages import ModelRef
from contract.windows import Drift, FeatureDrift, Window
from monitor.rhythms import Rhythms
from tests.support.windows import window

MODEL = ModelRef("churn", 3)


def of_a_day(number: int, model: ModelRef = MODEL) -> Window:
    """More of one gender on two days a week."""
    counts = (300, 700) if number % 7 >= 5 else (500 + number % 3, 500)
    feature = FeatureDrift(test="chi2", distance=0.0, p_value=1.0, p_adjusted=1.0, drifted=False, counts=counts)
    verdict = Drift(judged=True, drifted=False, share=0.0, features={"Gender": feature})
    return window(number, model=model, start=number * DAY, end=(number + 1) * DAY, drift=verdict)


def test_a_weekly_pattern_is_told_once_a_model(caplog: pytest.LogCaptureFixture) -> None:
    rhythms = Rhythms(DAY, DAY)
    with caplog.at_level(logging.WARNING):
        for number in range(40):
            rhythms.after(of_a_day(number))
    [line] = caplog.messages
    assert "churn" in line
    assert "day of the week" in line
    assert "Gender" in line
    assert "windows of 1d" in line
    assert "CHURNSTREAM_WINDOW" in line
    with caplog.at_level(logging.WARNING):
        for number in range(40):
            rhythms.after(of_a_day(number, ModelRef("churn", 4)))
    assert len(caplog.messages) == 2


def test_windows_from_before_the_start_count_and_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    rhythms = Rhythms(DAY, DAY)
    with caplog.at_level(logging.WARNING):
        for number in range(35, -1, -1):
            rhythms.take_up(of_a_day(number))
        assert caplog.messages == []
        rhythms.after(of_a_day(36))
    assert len(caplog.messages) == 1


def test_whole_weeks_are_not_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    rhythms = Rhythms()
    for number in range(40):
        rhythms.after(of_a_day(number))
    assert caplog.messages == []
