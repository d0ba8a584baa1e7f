import msgspec

from dashboard.charts.feature import history_of
from dashboard.charts.overview import changes, overview_of
from dashboard.charts.tables import course_table, feature_table, flow_table, heat_table
from tests.support.dashboard.pages import opened_window, shown_feature, shown_page


def test_all_charts_share_one_zoom_and_one_pointer() -> None:
    overview = overview_of(shown_page(10))
    every = list(range(len(overview.frame["grid"])))
    assert [zoom["xAxisIndex"] for zoom in overview.frame["dataZoom"]] == [every, every]
    assert overview.frame["axisPointer"]["link"] == [{"xAxisIndex": "all"}]
    assert len(overview.frame["xAxis"]) == len(every) == 5
    assert {one["xAxisIndex"] for one in overview.series} | {overview.heat} == set(every)


def test_every_series_can_be_merged_by_its_id() -> None:
    ids = [one["id"] for one in overview_of(shown_page(10)).series]
    assert len(ids) == len(set(ids))


def test_what_is_not_there_has_no_chart() -> None:
    page = shown_page(10)
    bare = msgspec.structs.replace(
        page, heat=msgspec.structs.replace(page.heat, rows=()), flow=msgspec.structs.replace(page.flow, letters={})
    )
    overview = overview_of(bare)
    assert overview.heat is None
    assert len(overview.frame["grid"]) == 3
    assert overview.height < overview_of(page).height


def test_nothing_is_sent_where_nothing_changed() -> None:
    assert changes(overview_of(shown_page(10)), overview_of(shown_page(10))) == {}


def test_a_late_label_sends_the_series_that_it_changes_and_one_window_s_words() -> None:
    page = shown_page(10)
    coverage = (*page.flow.coverage[:-1], 0.75)
    later = msgspec.structs.replace(page, flow=msgspec.structs.replace(page.flow, coverage=coverage))
    changed = changes(overview_of(page), overview_of(later))
    assert changed.keys() == {"told", "merged"}
    assert [one["id"] for one in changed["merged"]] == ["coverage"]
    assert changed["told"]["from"] == 9
    assert len(changed["told"]["items"]) == 1


def test_a_new_window_keeps_the_frame() -> None:
    changed = changes(overview_of(shown_page(10)), overview_of(shown_page(11)))
    assert "frame" not in changed
    assert "slots" in changed


def test_another_row_of_the_heat_map_makes_the_frame_anew() -> None:
    changed = changes(overview_of(shown_page(10)), overview_of(shown_page(10, columns=("Age", "Balance"))))
    assert {"frame", "narrow", "series", "height", "columns"} <= changed.keys()


def test_the_open_window_is_marked_in_every_chart() -> None:
    page = shown_page(10)
    opened = overview_of(msgspec.structs.replace(page, window=opened_window(page)))
    assert opened.opened == 4
    slot = opened.slots[4]
    areas = [one["markArea"]["data"] for one in opened.series if one["id"].startswith("opened-")]
    assert areas == [[[{"xAxis": slot[0]}, {"xAxis": slot[1]}]]] * 5


def test_a_window_is_told_in_words() -> None:
    title, *texts = overview_of(shown_page(10)).told[4]
    assert title == "5 Jan 2025 – 8 Jan 2025 · v2"
    assert dict(zip(texts[::2], texts[1::2], strict=True)) == {
        "F1 realised": "0.600 (0.550–0.650)",
        "F1 estimated": "0.600 (0.550–0.650)",
        "drifted": "Age",
        "records": "1,500",
        "labels": "100 %",
    }
    assert "v3 took over" in overview_of(shown_page(10)).told[5]


def test_tables_have_a_row_for_each_window_the_newest_first() -> None:
    page = shown_page(10)
    course, heat, flow = course_table(page), heat_table(page), flow_table(page)
    assert [len(table.rows) for table in (course, heat, flow)] == [10, 10, 10]
    assert all(len(row) == len(table.columns) for table in (course, heat, flow) for row in table.rows)
    assert course.rows[-1] == (
        *("1 Jan 2025", "4 Jan 2025", "v2"),
        *("0.600 (0.550–0.650)", "–", "0.600 (0.550–0.650)", "0.610 (0.580–0.640)"),
    )
    assert heat.rows[0] == ("13 Jan 2025", "0.300 drifted", "0.010", "0.010")
    assert flow.rows[0] == ("13 Jan 2025", "1,500", "50 %", "12.0 h", "1")


def test_a_columns_history_has_what_is_known_of_it() -> None:
    page = shown_page(10)
    feature = shown_feature(page)
    assert len(history_of(page.axis, feature).frame["grid"]) == 3
    unknown = msgspec.structs.replace(feature, means=(None,) * 10, medians=(None,) * 10, missing=(None,) * 10)
    assert len(history_of(page.axis, unknown).frame["grid"]) == 1
    assert feature_table(page.axis, feature).rows[0] == ("13 Jan 2025", "0.100 drifted", "37", "38", "1 %")
