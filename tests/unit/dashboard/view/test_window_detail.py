"""An opened window."""

import msgspec

from contract.versions import TrainedCell, TrainedColumn
from contract.windows import Drift, Estimate, SegmentMetrics
from dashboard.view.model import WindowDetail
from dashboard.view.places import Places
from dashboard.view.selected import Selected
from tests.support.dashboard.told import ToldStream, category_column, trained
from tests.support.messages import DAY, START
from tests.support.windows import drift, feature_drift, final, window


def opened(told: ToldStream, day: int = 0, places: Places | None = None) -> WindowDetail:
    found = told.page(Selected(window=START + day * DAY), places=places).window
    assert found is not None
    return found


def test_numbers_with_intervals_beside_training() -> None:
    detail = opened(ToldStream(trained(), final(0)))
    assert detail.title == "1 Jan – 8 Jan 2025, churn v3"
    assert detail.status == "final, revision 1"
    f1 = detail.numbers[0]
    assert (f1.realised, f1.nowcast, f1.estimated, f1.training) == (
        "0.750",
        "–",
        "0.700 (0.660–0.740)",
        "0.740 (0.710–0.770)",
    )
    assert detail.confusion == (700, 100, 50, 150)
    assert detail.expected == (1400.5, 200.5, 100.5, 298.5)


def test_without_labels_there_is_no_confusion_matrix_and_without_trust_none_expected() -> None:
    detail = opened(ToldStream(window(0, labelled=0, untrusted_since=START)))
    assert (detail.confusion, detail.expected) == (None, None)
    assert "withdrawn since 1 Jan 2025" in [fact.value for fact in detail.facts]


def test_its_place_on_the_topic_and_its_neighbours() -> None:
    told = ToldStream(final(0), final(1), final(2), final(1, revision=2))
    detail = opened(told, 1, Places(topic_prefix="a."))
    assert (detail.position, detail.before, detail.after) == ("a.windows-0 @ 3", START, START + 2 * DAY)
    assert opened(told, 0).before is None


def test_histograms_in_the_same_cells_as_shares() -> None:
    found = msgspec.structs.replace(feature_drift(0.3, True), counts=(40, 100, 40, 20, 0, 0))
    columns = {"Geography": category_column({"France": 50, "Germany": 25, "Spain": 25})}
    judged = Drift(judged=True, drifted=True, share=1.0, features={"Geography": found})
    [column] = opened(ToldStream(trained(columns=columns), final(drift=judged))).columns
    assert [(bar.label, bar.then, bar.now) for bar in column.bars] == [
        ("France", 0.5, 0.2),
        ("Germany", 0.25, 0.5),
        ("Spain", 0.25, 0.2),
        ("other values", 0.0, 0.1),
    ]


def test_ranges_have_their_ends_and_what_lies_outside_is_named() -> None:
    found = msgspec.structs.replace(feature_drift(0.3, True), counts=(30, 30, 20, 10, 0, 10))
    judged = Drift(judged=True, drifted=True, share=1.0, features={"Age": found})
    [column] = opened(ToldStream(trained(), final(drift=judged))).columns
    assert [(bar.label, bar.low, bar.high) for bar in column.bars] == [
        ("below", None, None),
        ("up to 30", None, 30.0),
        ("30 to 40", 30.0, 40.0),
        ("above 40", 40.0, None),
        ("missing", None, None),
    ]


def test_without_ranges_nothing_lies_below() -> None:
    found = msgspec.structs.replace(feature_drift(0.3, True), counts=(50, 40, 10, 0, 0))
    cells = (TrainedCell(1.0, 1.0), TrainedCell(2.0, 2.0))
    columns = {"NumOfProducts": TrainedColumn(mean=1.5, median=1.0, cells=cells, counts=(60, 40, 0, 0, 0))}
    judged = Drift(judged=True, drifted=True, share=1.0, features={"NumOfProducts": found})
    [column] = opened(ToldStream(trained(columns=columns), final(drift=judged))).columns
    assert [(bar.label, bar.now) for bar in column.bars] == [("1", 0.5), ("2", 0.4), ("other values", 0.1)]


def test_counts_of_other_cells_are_not_drawn() -> None:
    found = msgspec.structs.replace(feature_drift(0.3, True), counts=(30, 30))
    judged = Drift(judged=True, drifted=True, share=1.0, features={"Age": found})
    [column] = opened(ToldStream(trained(), final(drift=judged))).columns
    assert column.bars == ()


def test_drifted_columns_first_and_at_most_twelve() -> None:
    names = {f"f{place:02}": 0.9 - place / 100 for place in range(20)}
    detail = opened(ToldStream(final(drift=drift(names, ("f19",)))))
    columns = detail.columns
    assert len(columns) == 12
    assert [column.column for column in columns[:2]] == ["f19", "f00"]
    assert columns[1].text == "f00: as in training"
    assert [column.column for column in detail.others] == [f"f{place:02}" for place in range(11, 19)]


def test_segments_that_lost_most_first() -> None:
    def segment(name: str, lost: float | None) -> SegmentMetrics:
        return SegmentMetrics(
            name=name,
            records=100,
            labelled=50,
            judged=True,
            observed=10,
            expected=Estimate(8.0, 5.0, 11.0),
            f1=Estimate(0.5, 0.4, 0.6),
            excess_loss=lost,
        )

    told = ToldStream(final(segments=(segment("a", None), segment("b", 0.01), segment("c", 0.02))))
    segments = opened(told).segments
    assert [one.name for one in segments] == ["c", "b", "a"]
    assert (segments[0].f1, segments[0].churn, segments[0].lost) == (
        "0.500 (0.400–0.600)",
        "20 % (16 % expected)",
        "+0.0200",
    )


def test_links_lead_here_or_to_mlflow() -> None:
    known = trained(experiment="7", runs={"realised": "abc", "inputs": "../x"})
    links = opened(ToldStream(known, final()), places=Places(mlflow="http://127.0.0.1:5000/")).links
    assert [link.address for link in links] == [
        f"/report?model=churn&version=3&role=champion&start={START}",
        "http://127.0.0.1:5000/#/experiments/7/runs/x",
        "http://127.0.0.1:5000/#/experiments/7/runs/abc",
        "/page.json?window=2025-01-01",
        "/windows.csv?window=2025-01-01",
    ]


def test_an_address_that_is_no_web_address_is_no_link() -> None:
    known = trained(experiment="7", runs={"realised": "abc"})
    for address in ("javascript:alert(1)", "sqlite:///mlflow.db", "http://user:secret@host", "http://[", None):
        links = opened(ToldStream(known, final()), places=Places(mlflow=address)).links
        assert all(link.address.startswith("/") for link in links)


def test_a_window_that_is_not_there_is_said() -> None:
    page = ToldStream(final()).page(Selected(window=START + 1))
    assert page.window is None
    assert ["The window from 1 Jan 2025 is not known" in banner.text for banner in page.banners] == [True]
