import pytest

from monitor.mlflow_sink.offsets import HandedOver, Progress, progress_of


def test_progress_comes_back_from_its_tag() -> None:
    progress = Progress(120, 1, "stream topic")
    assert progress_of(progress.tag, "stream topic") == progress


def test_another_topic_begins_at_0_and_its_points_have_places_of_their_own() -> None:
    before = Progress(120, 0, "stream topic")
    anew = progress_of(before.tag, "stream other")
    assert anew == Progress(0, 1, "stream other")
    places = {
        (progress, revision): progress.timestamp(1_000, revision)
        for progress in (before, anew)
        for revision in (0, 1, 99_999)
    }
    assert places[before, 1] == 1_001
    assert len(set(places.values())) == len(places)


@pytest.mark.parametrize("tag", [None, "", "12", "x 0 stream topic", "-1 0 stream topic"])
def test_a_tag_of_nobodys_counts_as_none(tag: str | None) -> None:
    assert progress_of(tag, "stream topic") == Progress(0, 0, "stream topic")


def test_nothing_is_known_before_a_monitor_has_taken_up() -> None:
    handed_over = HandedOver()
    handed_over.submitted(7)
    assert handed_over.until is None
    assert not handed_over.is_behind


def test_what_was_submitted_while_reading_back_follows_without_a_gap() -> None:
    handed_over = HandedOver()
    handed_over.take_up(10)
    assert handed_over.is_behind
    assert handed_over.begin_at(4) == 4
    handed_over.submitted(11)
    handed_over.read(6)
    assert handed_over.until == 6
    assert handed_over.begin_at(4) == 6  # after a failure in between
    handed_over.finish(10)
    assert (handed_over.until, handed_over.is_behind) == (12, False)
    handed_over.submitted(15)
    assert handed_over.until == 16


def test_what_was_committed_and_never_submitted_is_read_back_at_the_next_take_up() -> None:
    handed_over = HandedOver()
    handed_over.take_up(0)
    handed_over.begin_at(0)
    handed_over.finish(0)
    handed_over.submitted(3)
    handed_over.take_up(9)
    handed_over.submitted(9)
    assert handed_over.begin_at(0) == 4
    handed_over.finish(9)
    assert handed_over.until == 10


def test_a_take_up_while_reading_back_is_read_back_as_well() -> None:
    handed_over = HandedOver()
    handed_over.take_up(10)
    handed_over.begin_at(0)
    handed_over.submitted(10)
    handed_over.take_up(20)
    handed_over.finish(11)
    assert handed_over.is_behind
    assert handed_over.begin_at(0) == 11
    handed_over.finish(20)
    assert (handed_over.until, handed_over.is_behind) == (20, False)


def test_what_mlflow_has_lost_is_read_back() -> None:
    handed_over = HandedOver()
    handed_over.take_up(10)
    handed_over.begin_at(10)
    handed_over.finish(10)
    handed_over.go_back_to(10)
    assert not handed_over.is_behind
    handed_over.go_back_to(3)
    assert handed_over.is_behind
    assert handed_over.begin_at(0) == 3
