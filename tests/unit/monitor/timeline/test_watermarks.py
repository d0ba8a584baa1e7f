"""Watermarks: nobody waits for a partition that is idle or has ended, and everybody for one that has not reported."""

from hypothesis import given
from hypothesis import strategies as st

from contract.panes import JoinProgress
from monitor.timeline.watermarks import Watermarks
from tests.support.timeline.book import new_book, progress


def closing(*messages: JoinProgress, partitions: int) -> int | None:
    return Watermarks.of({one.partition: one for one in messages}, partitions).closing


def settled(*messages: JoinProgress) -> int | None:
    return Watermarks.of({one.partition: one for one in messages}, len(messages)).settled


def test_the_closing_watermark_is_the_least_of_the_partitions_that_count() -> None:
    live = progress(50), progress(30, partition=1)
    assert closing(*live, partitions=2) == 30
    assert closing(*live, partitions=3) is None, "one has not reported"
    assert closing(*live, progress(None, partition=2), partitions=3) is None
    assert closing(*live, progress(None, partition=2, idle=True), partitions=3) == 30
    assert closing(*live, progress(None, partition=2, ended=True), partitions=3) == 30
    assert closing(progress(50), progress(30, partition=1, idle=True), partitions=2) == 50
    assert closing(progress(50, idle=True), progress(30, partition=1, ended=True), partitions=2) == 50
    assert closing(progress(None, idle=True), partitions=1) is None


def test_labels_are_awaited_where_there_are_any() -> None:
    assert settled(progress(70)) == 70
    assert settled(progress(70, 20)) == 20
    assert settled(progress(70, 90)) == 70
    assert settled(progress(70, 20, labels_idle=True)) == 70
    assert settled(progress(70, 60), progress(10, 10, partition=1, idle=True)) == 60
    assert settled(progress(70, 60), progress(10, 10, partition=1, ended=True)) == 60
    assert settled(progress(70, 60, idle=True), progress(10, 10, partition=1, idle=True)) == 60
    assert settled(progress(None), progress(10, 10, partition=1)) is None


def test_how_far_labels_have_come_is_told_by_the_partitions_that_count() -> None:
    def labels(*messages: JoinProgress) -> int | None:
        return Watermarks.of({one.partition: one for one in messages}, len(messages)).labels

    assert labels(progress(70)) == 70
    assert labels(progress(70, 20)) == 20
    assert labels(progress(70, 20, labels_idle=True)) == 70
    assert labels(progress(70, 60), progress(10, 10, partition=1, idle=True)) == 60


@given(
    st.lists(
        st.builds(
            progress,
            st.one_of(st.none(), st.integers(0, 100)),
            partition=st.integers(0, 2),
            ended=st.booleans(),
            idle=st.booleans(),
        )
    )
)
def test_the_books_watermark_never_goes_back(messages: list[JoinProgress]) -> None:
    one = new_book(3)
    seen = None
    for message in messages:
        one.update(message)
        assert seen is None or (one.watermark is not None and one.watermark >= seen)
        seen = one.watermark
