import os
from pathlib import Path

import pytest

from contract.messages import ModelRef
from contract.windows import Drift
from monitor.reports.files import ReportChoice, ReportedDrift, ReportFolder, report_name, wants_report, workspace_id
from tests.support.windows import drift, final, window

STABLE = drift({"Age": 0.02})
AGE = drift({"Age": 0.31}, ("Age",))


def aged(distance: float, *others: str) -> Drift:
    return drift({"Age": distance, **dict.fromkeys(others, 0.1)}, ("Age", *others))


@pytest.mark.parametrize(
    ("now", "before", "wanted"),
    [
        (STABLE, None, True),
        (STABLE, STABLE, False),
        (AGE, None, True),
        (AGE, STABLE, True),
        (AGE, AGE, False),
        (aged(0.31, "Balance"), AGE, True),
        (AGE, aged(0.31, "Balance"), False),
        (aged(0.35), aged(0.12), True),
        (aged(0.2), aged(0.12), False),
        (STABLE, AGE, True),
        (Drift(judged=False, drifted=False, share=0.0), None, False),
    ],
)
def test_a_window_is_reported_that_says_something_new(now: Drift, before: Drift | None, wanted: bool) -> None:
    said = None if before is None else ReportedDrift.of(before)
    assert wants_report(window(drift=now), said) is wanted


def test_a_column_that_comes_and_goes_is_reported_once_and_so_is_a_drift_that_grows() -> None:
    choice = ReportChoice()
    course = [
        STABLE,
        aged(0.12),
        aged(0.2, "score"),
        aged(0.22),
        aged(0.2, "score"),
        aged(0.4),
        aged(0.42),
        STABLE,
        AGE,
    ]
    wanted = [True, True, True, False, False, True, False, True, True]
    assert [choice.wants(window(day, drift=each)) for day, each in enumerate(course)] == wanted


def test_final_windows_of_long_ago_are_no_news_among_provisional_ones_of_now() -> None:
    choice = ReportChoice()
    stream = [
        (window(0, drift=STABLE), True),
        (window(1, drift=STABLE), False),
        (window(20, drift=AGE), True),
        (final(0, drift=STABLE), False),
        (window(21, drift=AGE), False),
        (final(1, drift=STABLE), False),
        (window(22, drift=STABLE), True),
        (window(0, drift=AGE, model=ModelRef("churn", 4)), True),
        (final(20, drift=AGE), False),
    ]
    assert [choice.wants(each) for each, _ in stream] == [wanted for _, wanted in stream]


def test_a_reported_window_whose_verdict_changes_is_reported_again() -> None:
    choice = ReportChoice()
    states = [window(0, drift=AGE), window(1, drift=STABLE), final(0, drift=STABLE), final(0, drift=STABLE, revision=1)]
    assert [choice.wants(each) for each in states] == [True, True, True, False]


def test_a_report_says_model_window_and_verdict_in_its_name() -> None:
    span = "2025-01-01T00:00:00Z to 2025-01-08T00:00:00Z"
    assert report_name(window(drift=AGE)) == f"churn v3 · {span} · drifted: Age"
    assert report_name(window(drift=STABLE, model=ModelRef("churn", 4, "challenger"))) == (
        f"churn v4 challenger · {span} · stable"
    )


def test_a_window_has_one_report_whatever_its_verdict_was_before(tmp_path: Path) -> None:
    folder = ReportFolder(tmp_path, 10)
    folder.save(window(drift=AGE), "first")
    path = folder.save(window(drift=STABLE, revision=1), "second")
    assert path.name == "20250101T000000Z_stable.html"
    assert [file.read_text() for file in tmp_path.rglob("*.html")] == ["second"]
    assert [waiting.html for waiting in folder.waiting()] == [path]


@pytest.mark.parametrize("name", ["../../etc", "a/b:c", "\u5e74" * 255, "x" * 255])
def test_any_models_name_makes_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = ReportFolder(tmp_path, 10)
    paths = {folder.save(window(model=ModelRef(name + each, 1)), "") for each in ("", "1", "2")}
    assert len(paths) == 3
    assert {path.parent.parent for path in paths} == {folder.path}
    assert {waiting.html for waiting in folder.waiting()} == paths


def test_the_reports_written_longest_ago_go_first(tmp_path: Path) -> None:
    folder = ReportFolder(tmp_path, 2)
    windows = [window(3), window(1), window(2, model=ModelRef("a/b", 1)), window(0)]
    for age, each in enumerate(windows):
        os.utime(folder.save(each, ""), ns=(age, age))
    assert folder.discard_surplus() == [workspace_id(windows[0]), workspace_id(windows[1])]
    assert len(list(tmp_path.rglob("*.html"))) == 2
    assert [waiting.model for waiting in folder.waiting()] == [ModelRef("a/b", 1), window().model]
    assert folder.discard_surplus() == []


def test_a_report_waits_until_it_is_uploaded_and_again_when_written_anew(tmp_path: Path) -> None:
    folder = ReportFolder(tmp_path, 10)
    folder.save(window(), "first")
    (listed,) = folder.waiting()
    os.utime(folder.save(window(revision=1), "second"), ns=(1, 1))
    folder.uploaded(listed)
    (again,) = folder.waiting()
    folder.uploaded(again)
    assert folder.waiting() == []
    assert again.html.read_text() == "second"
