"""A line for each window, and few of them where many come at once."""

import logging

import pytest

from contract.worker.logs import NEWS
from monitor.news import WindowLines, window_line
from tests.support.windows import drift, window


def test_the_first_of_many_windows_are_told_and_then_how_many_more(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, NEWS)
    lines = WindowLines(most=3, seconds=3_600.0)
    windows = [window(day) for day in range(50)]
    for each in windows:
        lines.put(each)
    assert [record.getMessage() for record in caplog.records] == [window_line(each) for each in windows[:3]]
    caplog.clear()
    lines.flush()
    lines.flush()
    assert [record.getMessage() for record in caplog.records] == [
        f"47 further windows; the newest: {window_line(windows[-1])}"
    ]


def test_a_line_says_what_the_window_is_like() -> None:
    line = window_line(window(drift=drift({"Age": 0.3, "Balance": 0.01}, drifted=("Age",))))
    assert " of churn v3: provisional, 2,000 records, 50 % labelled, F1 0.750, estimated " in line
    assert line.endswith("; drifted: Age")
    assert "drifted" not in window_line(window(drift=drift({"Age": 0.01})))
