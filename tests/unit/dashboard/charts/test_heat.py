from dashboard.charts.heat import QUIET, cells_of, drifted_last, legend_of
from dashboard.view.model import HeatMap, HeatRow


def _map(*distances: float | None, drifted: tuple[int, ...] = (), least: float = 0.05) -> HeatMap:
    row = HeatRow(
        column="Age", distances=distances, drifted=tuple(window in drifted for window in range(len(distances)))
    )
    return HeatMap(rows=(row,), least=least)


def test_quiet_windows_are_one_cell_and_loud_ones_their_own() -> None:
    assert cells_of(_map(0.01, 0.02, 0.2, 0.3, 0.0, drifted=(3,))) == [
        [0, 1, 0, QUIET, 0],
        [2, 2, 0, 200, 0],
        [3, 3, 0, 300, 1],
        [4, 4, 0, QUIET, 0],
    ]


def test_what_was_not_judged_is_a_hole() -> None:
    assert cells_of(_map(0.01, None, 0.01)) == [[0, 0, 0, QUIET, 0], [2, 2, 0, QUIET, 0]]


def test_what_drifted_last_is_told_by_the_last_window_that_was_judged() -> None:
    assert drifted_last(_map(0.01, 0.2, None, drifted=(1,)))
    assert not drifted_last(_map(0.2, 0.01, None, drifted=(0,)))
    assert not drifted_last(_map(None))


def test_a_drifted_cell_is_marked_however_small_its_distance() -> None:
    assert cells_of(_map(0.01, drifted=(0,))) == [[0, 0, 0, 10, 1]]


def test_the_legend_names_each_colour_that_can_be_there() -> None:
    assert legend_of(_map(0.1)) == [
        ("quiet", "below 0.05"),
        ("heat-0", "0.05–0.1"),
        ("heat-1", "0.1–0.15"),
        ("heat-2", "0.15–0.2"),
        ("heat-3", "0.2–0.3"),
        ("heat-4", "0.3–0.5"),
        ("heat-5", "0.5 and more"),
    ]
    assert legend_of(_map(0.1, None))[-1] == ("unjudged", "blank: too few customers to judge")
    assert legend_of(_map(0.1, least=0.3))[1:] == [("heat-0", "0.3–0.5"), ("heat-1", "0.5 and more")]
