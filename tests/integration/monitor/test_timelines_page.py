"""What the link of ``churnstream mlflow`` shows in a browser, without anything typed or clicked."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from contract.settings import Settings
from tests.support.browser import DRAWN_MS, open_browser
from tests.support.mlflow.page import printed_timelines
from tests.support.mlflow.sinking import drain, end, with_f1
from tests.support.mlflow.store import register
from tests.support.windows import MODEL, final, nowcast, window

DAYS = 8
SIZE = (1600, 1000)
_LINES = "chart => chart.data.filter(line => line.y && line.y.length).map(line => [line.name, line.x, line.y])"


@pytest.mark.timeout(480)
def test_the_first_chart_is_f1_over_f1_and_what_was_reached_in_training_by_date(
    store: Settings, tmp_path: Path
) -> None:
    settings = store.model_copy(update={"state_dir": tmp_path / "state"})
    register(settings, MODEL, test_f1=0.61, test_accuracy=0.8, test_brier=0.11)
    course = [with_f1(final(day), 0.5 + day / 100) for day in range(DAYS)]
    drain(settings, *course, window(DAYS, nowcast=nowcast(0.7)))
    size = {"width": SIZE[0], "height": SIZE[1]}
    with printed_timelines(tmp_path) as link, open_browser() as browser, browser.new_page(viewport=size) as page:
        page.goto(link)
        first = page.locator(".js-plotly-plot").first
        # three runs; each is drawn twice, as a line and as what is lit up under the pointer
        expect(first.locator(".scatterlayer .trace")).to_have_count(6, timeout=DRAWN_MS)
        expect(page.get_by_text("performance/f1", exact=True).first).to_be_in_viewport()
        lines: list[Any] = first.evaluate(_LINES)
        drawn = {name: (x, y) for name, x, y in lines}
        assert first.evaluate("chart => chart.layout.xaxis.type") == "date"
        box = first.bounding_box()
    assert set(drawn) == {"v3 realised", "v3 estimated", "v3 trained"}
    assert drawn["v3 trained"] == ([end(day) for day in range(DAYS + 1)], [0.61] * (DAYS + 1))
    assert drawn["v3 realised"][1] == [0.5 + day / 100 for day in range(DAYS)]
    assert drawn["v3 estimated"][1] == [0.7] * (DAYS + 1)
    assert box is not None
    assert box["y"] + box["height"] < SIZE[1], "it is not on the first screen"
