"""CSV and JSON of what is shown."""

import csv
import io

import msgspec

from contract.messages import ModelRef
from dashboard.view.export import csv_of, json_of
from dashboard.view.model import Page
from dashboard.view.selected import Selected
from tests.support.dashboard.told import ToldStream
from tests.support.messages import DAY, START
from tests.support.windows import drift, final, nowcast, performance, window


def rows(told: ToldStream, selected: Selected | None = None) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_of(told.state, selected or Selected()), newline="")))


def test_a_row_for_each_window_with_all_metrics() -> None:
    measured = performance(0.75)
    measured.intervals["f1"] = (0.7, 0.8)
    first, second = rows(ToldStream(final(0, performance=measured), window(1, nowcast=nowcast())))
    assert (first["start"], first["end"], first["status"]) == ("2025-01-01T00:00:00Z", "2025-01-08T00:00:00Z", "final")
    assert (first["f1_realised"], first["f1_realised_low"], first["f1_realised_high"]) == ("0.75", "0.7", "0.8")
    assert (first["f1_nowcast"], second["f1_nowcast"], second["f1_nowcast_low"]) == ("", "0.72", "0.69")
    assert (second["accuracy_estimated"], second["brier_estimated"]) == ("0.84", "")
    assert second["records"] == "2000"


def test_numbers_are_written_in_full() -> None:
    [row] = rows(ToldStream(final(performance=performance(0.1 + 0.2))))
    assert float(row["f1_realised"]) == 0.1 + 0.2


def test_no_text_is_a_formula() -> None:
    name = "=HYPERLINK(1)"
    told = ToldStream(final(model=ModelRef(name, 1), drift=drift({"@x": 0.9, "+y": 0.8}, ("@x", "+y"))))
    [row] = rows(told)
    assert (row["model"], row["drifted_columns"]) == (f"'{name}", "'@x; +y")


def test_only_what_is_seen_of_the_axis() -> None:
    told = ToldStream(*(final(day) for day in range(30)))
    seen = rows(told, Selected(since=START + 10 * DAY, until=START + 12 * DAY))
    assert (seen[0]["end"], seen[-1]["start"]) == ("2025-01-11T00:00:00Z", "2025-01-13T00:00:00Z")


def test_json_is_the_page() -> None:
    page = ToldStream(final()).page(Selected(window=START, feature="Age"))
    assert msgspec.json.decode(json_of(page), type=Page) == page
