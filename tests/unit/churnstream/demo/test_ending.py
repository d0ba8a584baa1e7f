"""Where to look when a run has ended."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from churnstream.demo.ending import addresses, day_of, strongest
from contract.settings import load_settings
from monitor.reports.files import ReportFolder, report_file
from tests.support.windows import DAY, START, drift, final


def test_the_strongest_report_is_of_the_window_that_drifted_most_of_those_that_have_one(tmp_path: Path) -> None:
    settings = load_settings(state_dir=str(tmp_path))
    folder = ReportFolder(tmp_path, 10)
    weak = final(0, drift=drift({"Age": 0.1}, drifted=("Age",)))
    strong = final(1, drift=drift({"Age": 0.3}, drifted=("Age",)))
    strongest_of_all = final(2, drift=drift({"Age": 0.4}, drifted=("Age",)))
    windows = [weak, strong, strongest_of_all, final(3)]
    assert strongest(settings, [final(3)]) is None
    assert strongest(settings, windows) == (strongest_of_all, None)
    folder.save(weak, "weak")
    made = folder.save(strong, "strong")
    folder.save(final(3), "none")
    assert strongest(settings, windows) == (strong, made)
    assert report_file(tmp_path, strongest_of_all) is None


def test_a_window_is_named_as_the_command_takes_it() -> None:
    midnight = START // DAY * DAY
    assert day_of(final(start=midnight)) == day_of(final(start=midnight + DAY - 1))[:10]
    assert day_of(final(start=midnight + 6 * 3_600_000)).endswith("T06:00:00")


@pytest.mark.parametrize("width", [40, 120])
def test_addresses_stand_below_each_other_and_are_never_broken(width: int) -> None:
    out = io.StringIO()
    long = "http://127.0.0.1:8090/" + "x" * 200
    addresses([("page", long), ("a longer name", "here")], Console(file=out, width=width))
    assert out.getvalue().splitlines() == [f"page:          {long}", "a longer name: here"]
