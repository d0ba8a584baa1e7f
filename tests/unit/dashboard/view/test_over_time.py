"""The charts: which windows are on the axis, and what each series has of them."""

from contract.alerts import Alert
from contract.messages import ModelRef
from contract.windows import Drift
from dashboard.view.model import Page, Series
from dashboard.view.selected import Selected
from tests.support.dashboard.told import NOW, ToldStream, incident, numeric_column, trained
from tests.support.messages import DAY, START
from tests.support.windows import drift, final, nowcast, performance, window

V4 = ModelRef("churn", 4)
UNJUDGED = Drift(judged=False, drifted=False, share=0.0)


def series(page: Page, kind: str) -> Series:
    return next(one for one in page.course.series if one.kind == kind)


def starts(page: Page, kind: str) -> list[int]:
    return [(point.start - START) // DAY for point in series(page, kind).points]


def test_final_and_provisional_are_told_apart() -> None:
    page = ToldStream(final(0), window(1, nowcast=nowcast()), window(2)).page()
    assert [starts(page, kind) for kind in ("final", "provisional", "nowcast", "estimated")] == [
        [0],
        [1, 2],
        [1],
        [0, 1, 2],
    ]
    [point] = series(page, "nowcast").points
    assert (point.value, point.low, point.high, point.at) == (0.72, 0.69, 0.75, START + 8 * DAY)
    assert [point.coverage for point in series(page, "provisional").points] == [0.5, 0.5]


def test_a_revision_replaces_what_was_said_before() -> None:
    told = ToldStream(window(0), final(0), final(0, revision=2, performance=performance(0.5)))
    [point] = series(told.page(), "final").points
    assert (point.value, point.revision) == (0.5, 2)


def test_estimates_that_are_not_to_be_trusted_are_left_out() -> None:
    assert starts(ToldStream(final(0), final(1, untrusted_since=START)).page(), "estimated") == [0]


def test_where_a_version_takes_over_the_one_with_most_of_the_windows_records_is_shown() -> None:
    told = ToldStream(final(0), final(1, records=900), final(1, model=V4, records=1_100), final(2, model=V4))
    page = told.page()
    assert page.axis.versions == (3, 4, 4)
    assert len(set(page.axis.starts)) == 3
    assert [(mark.at, mark.kind, mark.text) for mark in page.course.marks] == [
        (START + 8 * DAY, "swap", "v4 takes over from v3")
    ]
    assert told.page(Selected(version=3)).axis.versions == (3, 3)


def test_challengers_are_not_among_the_champions() -> None:
    challenger = ModelRef("churn", 4, "challenger")
    told = ToldStream(final(0), final(0, model=challenger, records=9_000))
    assert told.page().axis.versions == (3,)
    assert told.page(Selected(version=4, role="challenger")).axis.versions == (4,)
    assert [one.version for one in told.page().choices] == [None, 4, 3]


def test_what_training_held_out_is_a_level_for_each_version() -> None:
    told = ToldStream(trained(3), trained(4, held_out={}), final(0), final(1), final(2, model=V4), trained(5))
    [level] = told.page().course.levels
    assert (level.version, level.value, level.low, level.high) == (3, 0.74, 0.71, 0.77)
    assert (level.since, level.until) == (START, START + 8 * DAY)
    assert told.page(Selected(metric="recall")).course.levels == ()


def alert_marks(*alerts: Alert) -> list[tuple[str, int]]:
    page = ToldStream(*(final(day) for day in range(20)), *alerts).page()
    return [(mark.kind, (mark.at - START) // DAY) for mark in page.course.marks]


def test_incidents_are_marks_where_their_first_window_is_drawn() -> None:
    assert alert_marks(incident(day=2)) == [("opened", 9)]
    over = incident(day=2, state="closed", end=START + 15 * DAY)
    assert alert_marks(incident(day=2), over) == [("opened", 9), ("closed", 15)]
    assert alert_marks(incident(day=2), incident(day=2, state="retracted")) == [("retracted", 9)]


def test_incidents_dated_by_the_clock_are_no_marks_on_event_time() -> None:
    assert alert_marks(incident("lag", model=None), incident("drift", model=V4)) == []


def test_the_heat_map_has_the_last_drifted_first_and_what_is_selected() -> None:
    many = {f"f{place:02}": place / 100 for place in range(50)}
    told = ToldStream(
        final(0, drift=drift(many | {"old": 0.9}, ("old",))),
        final(1, drift=drift(many, ("f03",))),
        final(2, drift=UNJUDGED),
    )
    heat = told.page().heat
    assert (len(heat.rows), heat.hidden, heat.least) == (40, 11, 0.05)
    assert [row.column for row in heat.rows[:3]] == ["f03", "f49", "f48"]
    assert heat.rows[0].distances == (0.03, 0.03, None)
    assert heat.rows[0].drifted == (False, True, False)
    assert "old" not in [row.column for row in heat.rows]
    chosen = told.page(Selected(feature="old"))
    assert [row.column for row in chosen.heat.rows][-1] == "old"
    assert chosen.heat.hidden == 11


def test_what_came_by_window() -> None:
    told = ToldStream(
        final(0, dead_letters={"not-json": 2, "out-of-range/Age": 3, "out-of-range/Tenure": 1}), window(1)
    )
    flow = told.page().flow
    assert (flow.records, flow.coverage, flow.delays) == ((2_000, 2_000), (1.0, 0.5), (36.0, 36.0))
    assert flow.letters == {"out-of-range": (4, 0), "not-json": (2, 0)}


def test_rare_reasons_are_summed_up() -> None:
    letters = {f"reason-{place:02}": 100 - place for place in range(10)}
    flow = ToldStream(final(dead_letters=letters)).page().flow
    assert len(flow.letters) == 8
    assert flow.letters["other reasons"] == (93 + 92 + 91,)


def test_a_features_history() -> None:
    told = ToldStream(
        trained(columns={"Age": numeric_column(38.0, 37.0, (40, 30, 28, 0, 0, 2))}),
        final(0, drift=UNJUDGED),
        final(1, drift=drift({"Age": 0.02})),
        final(2, drift=drift({"Age": 0.3}, ("Age",)), missing={"Age": 100}),
    )
    feature = told.page(Selected(feature="Age")).feature
    assert feature is not None
    assert (feature.distances, feature.drifted) == ((None, 0.02, 0.3), (False, False, True))
    assert (feature.missing, feature.missing_then) == ((0.0, 0.0, 0.05), 0.02)
    assert (feature.mean_then, feature.median_then) == (38.0, 37.0)
    assert feature.text.startswith("Age: ")


def test_a_feature_that_is_not_there_is_said() -> None:
    page = ToldStream(final()).page(Selected(feature="<img src=x>"))
    assert page.feature is None
    assert [banner.text for banner in page.banners] == ["No window has a column <img src=x>."]


def test_windows_whose_times_cannot_be_right_are_left_out_and_counted() -> None:
    far = 6_000_000_000_000_000
    told = ToldStream(final(0), final(1, start=far, end=far + 7 * DAY), final(2, start=-far, end=-far + DAY))
    page = told.page(now=NOW)
    assert page.axis.starts == (START,)
    assert ["2 windows left out" in banner.text for banner in page.banners] == [True]
