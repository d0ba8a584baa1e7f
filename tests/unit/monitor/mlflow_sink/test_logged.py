from monitor.mlflow_sink.logged import Logged
from tests.support.windows import window

FIRST = {"drift/Age": 0.1, "drift/share": 0.5, "labels/coverage": 0.2}
SECOND = FIRST | {"labels/coverage": 0.4}


def test_a_revision_repeats_no_group_that_is_as_it_was() -> None:
    logged = Logged()
    assert logged.news("run", window(), FIRST) == FIRST
    logged.commit()
    assert logged.news("run", window(revision=1), SECOND) == {"labels/coverage": 0.4}
    third = SECOND | {"drift/Age": 0.2}
    # within one batch, too
    assert logged.news("run", window(revision=2), third) == {"drift/Age": 0.2, "drift/share": 0.5}
    assert logged.news("run", window(revision=3), SECOND) == {"drift/Age": 0.1, "drift/share": 0.5}


def test_what_is_logged_again_adds_nothing_and_what_comes_out_of_order_is_whole() -> None:
    logged = Logged()
    logged.news("run", window(revision=3), FIRST)
    logged.commit()
    assert logged.news("run", window(revision=3), FIRST) == {}
    assert logged.news("run", window(revision=2), FIRST) == FIRST
    logged.commit()
    assert logged.news("run", window(revision=4), SECOND) == {"labels/coverage": 0.4}


def test_runs_and_windows_are_apart() -> None:
    logged = Logged()
    logged.news("run", window(), FIRST)
    logged.commit()
    assert logged.news("other", window(revision=1), FIRST) == FIRST
    assert logged.news("run", window(1, revision=1), FIRST) == FIRST


def test_what_may_not_have_arrived_is_not_counted_on() -> None:
    logged = Logged()
    logged.news("run", window(), FIRST)
    logged.discard()
    assert logged.news("run", window(revision=1), FIRST) == FIRST
    logged.commit()
    logged.clear()
    assert logged.news("run", window(revision=2), FIRST) == FIRST


def test_what_is_remembered_is_bounded() -> None:
    logged = Logged(most_entries=2)
    for day in range(3):
        logged.news("run", window(day), FIRST)
        logged.commit()
    assert len(logged) == 2
    assert logged.news("run", window(2, revision=1), FIRST) == {}
    assert logged.news("run", window(0, revision=1), FIRST) == FIRST
