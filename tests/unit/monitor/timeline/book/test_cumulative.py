from tests.support.timeline.book import PredictedRow, new_book, pane, progress, take


def test_a_point_is_numbered_from_the_revision_of_the_window_that_ends_there() -> None:
    book = new_book(1)
    a, b = PredictedRow("a", 0, 5, 0.8), PredictedRow("b", 0, 7, 0.2)
    take(book, pane(0, [a, b]), progress(10))
    (window, *_) = take(book, pane(0, [a._replace(label=1), b._replace(label=0)]))
    assert (window.window.status, window.window.revision) == ("final", 1)
    assert [(point.end, point.revision) for point in book.cumulative_due()] == [(10, 1)]
    take(book, pane(0, [a._replace(label=0), b._replace(label=0)]))
    assert [(point.end, point.revision) for point in book.cumulative_due()] == [(10, 2)]
