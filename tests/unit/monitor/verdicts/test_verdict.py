"""The verdict of a model: the first that applies, since when, and when it is said again."""

from collections.abc import Iterable

import msgspec

from contract.alerts import Alert, ModelVerdict
from contract.messages import ModelRef
from contract.windows import Drift, Estimate, Outlook, Relation, Window, Worsening
from monitor.verdicts.board import AlertBoard
from monitor.verdicts.incidents import Detectors
from tests.support.messages import DAY, START
from tests.support.windows import MODEL, drift, final, window
from tests.unit.monitor.verdicts.test_incidents import AGE, STABLE, relation, worsening

OTHER = ModelRef("churn", 4)
UNJUDGED = Drift(judged=False, drifted=False, share=0.0)
GOOD: dict[str, Relation | Worsening] = {"relation": relation(False), "worsening": worsening(False)}
FLIPPED: dict[str, Relation | Worsening] = {"relation": relation(True), "worsening": worsening(False)}
WORSE: dict[str, Relation | Worsening] = {"relation": relation(False), "worsening": worsening(True)}


def outlook(worse: bool) -> Outlook:
    return Outlook(
        basis="nowcast", reference=0.1, excess=Estimate(0.05, 0.03, 0.07), p_value=1e-9 if worse else 0.8, worse=worse
    )


def silence(state: str = "opened") -> Alert:
    made = Alert(
        key="silence/predictions/1",
        state="opened",
        kind="silence",
        model=None,
        start=START + 500 * DAY,
        end=START + 501 * DAY,
        features=[],
        message="no predictions",
    )
    return msgspec.convert(msgspec.to_builtins(made) | {"state": state}, Alert)


def told(windows: Iterable[Window], board: AlertBoard | None = None) -> list[ModelVerdict]:
    """What is said after each window, in order."""
    board = AlertBoard(Detectors(300.0)) if board is None else board
    said = []
    for one in windows:
        board.after(one)
        said += board.verdicts_due(one.model)
        assert board.verdicts_due() == []
    return said


def titles(windows: Iterable[Window], board: AlertBoard | None = None) -> list[str]:
    return list(dict.fromkeys(one.title for one in told(windows, board)))


def test_a_model_whose_labels_and_customers_are_as_in_training_is_healthy_and_it_is_said_once() -> None:
    [verdict] = told(final(day, drift=STABLE, **GOOD) for day in range(40))
    assert (verdict.state, verdict.title, verdict.since) == ("healthy", "HEALTHY since 1 Jan 2025", START)
    assert verdict.remedy == ""
    assert "labels go with its scores" in verdict.message


def test_the_gravest_comes_first() -> None:
    def newest(**changed: object) -> str:
        return told([final(0, **{"drift": AGE, **GOOD, **changed})])[-1].state

    assert newest() == "customers_changed"
    assert newest(**FLIPPED) == "relation_changed"
    assert newest(**WORSE) == "worse"
    assert newest(relation=relation(True), worsening=None, outlook=outlook(True)) == "probably_worse"
    assert newest(drift=STABLE) == "healthy"


def test_customers_that_changed_say_which_columns_how_much_and_that_performance_holds() -> None:
    windows = [final(day, drift=AGE if day >= 20 else STABLE, **GOOD) for day in range(40)]
    verdict = told(windows)[-1]
    assert verdict.title == "CUSTOMERS CHANGED since 21 Jan 2025"
    assert "drift in Age (distance 0.310)" in verdict.message
    assert "performance holds, by the labels of windows until" in verdict.message
    assert "train on newer customers" in verdict.remedy


def test_a_model_is_healthy_again_since_the_end_of_what_made_it_otherwise() -> None:
    windows = [final(day, drift=AGE if 3 <= day < 15 else STABLE, **GOOD) for day in range(40)]
    said = told(windows)
    assert [one.state for one in (said[0], said[-1])] == ["healthy", "healthy"]
    assert {one.state for one in said[1:-1]} == {"customers_changed"}
    assert said[-1].since == START + 21 * DAY


def test_what_is_expected_of_labels_to_come_is_probable_until_they_come() -> None:
    board = AlertBoard(Detectors(300.0))
    assert titles([final(day, drift=STABLE, **GOOD) for day in range(10)], board) == ["HEALTHY since 1 Jan 2025"]
    assert titles([window(10, drift=STABLE, outlook=outlook(True))], board) == ["PROBABLY WORSE since 11 Jan 2025"]
    assert titles([final(10, drift=STABLE, **WORSE)], board) == ["WORSE since 11 Jan 2025"]
    # and where they say otherwise, it is taken back
    assert titles([final(10, drift=STABLE, revision=2, **GOOD)], board) == ["HEALTHY since 1 Jan 2025"]


def test_what_labels_have_shown_no_estimate_takes_back() -> None:
    board = AlertBoard(Detectors(300.0))
    bad = [final(day, drift=STABLE, **WORSE) for day in range(3)]
    later = [window(day, drift=STABLE, outlook=outlook(False)) for day in range(3, 40)]
    assert titles([*bad, *later], board) == ["WORSE since 1 Jan 2025"]
    assert titles([final(day, drift=STABLE, **GOOD) for day in range(3, 40)], board)[-1] == "HEALTHY since 10 Jan 2025"


def test_an_estimate_alone_opens_and_closes_what_is_probable() -> None:
    board = AlertBoard(Detectors(300.0))
    titles([final(0, drift=STABLE, **GOOD)], board)
    windows = [window(day, drift=STABLE, outlook=outlook(3 <= day < 6)) for day in range(1, 30)]
    said = [alert for one in windows for alert in board.after(one)]
    assert [(one.kind, one.state, one.severity) for one in said] == [
        ("performance", "opened", "warning"),
        ("performance", "closed", "warning"),
    ]
    assert said[0].title == "churn v3: probably performance worse since 4 Jan 2025"


def test_nothing_is_called_healthy_that_nobody_has_looked_at() -> None:
    [young] = told([window(0, drift=UNJUDGED)])
    assert (young.state, young.title) == ("unjudged", "NOT JUDGED YET")
    [without_labels] = told(window(day, drift=STABLE, outlook=outlook(False)) for day in range(100))
    assert (without_labels.state, without_labels.title) == ("unjudged", "LABELS TO COME")
    assert "its customers are like those of training" in without_labels.message
    changed = told([window(0, drift=AGE)])[-1]
    assert changed.state == "customers_changed"
    assert "whether performance holds is unknown until labels come" in changed.message


def test_labels_that_stop_coming_are_missed() -> None:
    judged = [final(day, drift=STABLE, **GOOD) for day in range(10)]
    board = AlertBoard(Detectors(300.0))
    titles(judged, board)
    # their time is not up yet
    assert titles([window(day, drift=STABLE) for day in range(10, 60)], board) == []
    missing = told([final(day, drift=STABLE, labelled=0) for day in range(10, 60)], board)[-1]
    assert (missing.state, missing.title) == ("unjudged", "LABELS MISSING since 17 Jan 2025")
    assert "alerts besides: coverage since" in missing.message
    assert titles([final(day, drift=STABLE, **GOOD) for day in range(60, 65)], board) == ["HEALTHY since 1 Jan 2025"]


def test_silence_comes_before_all_and_is_said_of_models_at_work_alone() -> None:
    board = AlertBoard(Detectors(300.0))
    old = [final(day, model=OTHER, drift=STABLE, **GOOD) for day in range(3)]
    titles([*old, *(final(day, drift=STABLE, **WORSE) for day in range(20))], board)
    [silent] = board.of_stream(silence())
    assert (silent.model, silent.state, silent.title) == (MODEL, "silent", "SILENT since 16 May 2026")
    assert board.of_stream(silence("updated")) == []
    [back] = board.of_stream(silence("closed"))
    assert back.state == "worse"


def test_a_monitor_that_takes_over_says_no_verdict_twice() -> None:
    windows = [final(day, drift=AGE if day >= 20 else STABLE, **GOOD) for day in range(40)]
    first = AlertBoard(Detectors(300.0))
    alerts = {alert.key: alert for one in windows for alert in first.after(one)}
    said = told(windows)
    second = AlertBoard(Detectors(300.0), alerts.values(), verdicts=said[-1:])
    for one in windows:
        second.restore(one)
    assert second.verdicts_due() == []
    # a monitor that ended between a silence and its verdicts
    third = AlertBoard(Detectors(300.0), [*alerts.values(), silence()], verdicts=said[-1:])
    for one in windows:
        third.restore(one)
    assert [one.state for one in third.verdicts_due()] == ["silent"]


def test_a_healthy_model_keeps_its_date_when_the_windows_of_then_are_forgotten() -> None:
    board = AlertBoard(Detectors(1e6))
    windows = [final(day, drift=AGE if 3 <= day < 5 else STABLE, **GOOD) for day in range(400)]
    said = []
    for one in windows:
        board.after(one)
        said += board.verdicts_due(one.model)
        board.forget(MODEL, one.start - 30 * DAY)
    assert said[-1].title == "HEALTHY since 12 Jan 2025"
    taken_over = AlertBoard(Detectors(1e6), verdicts=said[-1:])
    for one in windows[-30:]:
        taken_over.restore(one)
    assert taken_over.verdicts_due() == []


def test_the_figures_of_a_change_that_stands_are_told_at_most_once_a_day() -> None:
    hour = DAY // 24
    windows = [
        final(0, start=START + n * hour, end=START + 7 * DAY + n * hour, drift=drift({"Age": 0.3 + n / 1e4}, ("Age",)))
        for n in range(73)
    ]
    said = told(windows)
    assert [one.until for one in said] == [windows[n].end for n in (0, 24, 48, 72)]
