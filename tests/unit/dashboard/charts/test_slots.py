from dashboard.charts.slots import slide_of, slots_of
from dashboard.view.model import TimeAxis
from tests.support.dashboard.pages import DAY


def test_a_window_lies_around_its_end() -> None:
    axis = TimeAxis(starts=(0, DAY, 2 * DAY), ends=(3 * DAY, 4 * DAY, 5 * DAY), versions=(1, 1, 1))
    assert slide_of(axis) == DAY
    assert slots_of(axis)[1] == (3.5 * DAY, 4.5 * DAY)


def test_windows_of_two_versions_with_one_end_share_its_slot() -> None:
    axis = TimeAxis(starts=(0, DAY, DAY, 2 * DAY), ends=(DAY, 2 * DAY, 2 * DAY, 3 * DAY), versions=(1, 1, 2, 2))
    assert slots_of(axis) == ((DAY / 2, 1.5 * DAY), (1.5 * DAY, 2 * DAY), (2 * DAY, 2.5 * DAY), (2.5 * DAY, 3.5 * DAY))


def test_a_window_alone_is_as_wide_as_it_is_long() -> None:
    axis = TimeAxis(starts=(0,), ends=(DAY,), versions=(1,))
    assert slots_of(axis) == ((DAY / 2, 1.5 * DAY),)
    assert slots_of(TimeAxis(starts=(), ends=(), versions=())) == ()
