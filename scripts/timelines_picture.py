"""Make the picture of MLflow's timelines in docs/compose.md anew: what the link of ``churnstream mlflow`` opens.

Usage: python scripts/timelines_picture.py DEMO_FOLDER [FOLDER]

DEMO_FOLDER is what ``churnstream demo`` has left. Nothing is typed on the page, and nothing clicked but away: the
assistant that MLflow opens beside it at a browser's first visit.
"""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import ViewportSize, expect

from tests.support.browser import open_browser
from tests.support.mlflow.page import printed_timelines

DOCS = Path(__file__).resolve().parent.parent / "docs"
SIZE = ViewportSize(width=1600, height=1000)
_FIRST_SCREEN = 4
_LINES = 6
"""Of a chart of three runs: each is drawn twice, as a line and as what is lit up under the pointer."""
_COLOURS = 256
_PATIENCE_MS = 600_000
"""How long a step may take on a machine that does other things, too."""


def main(demo: Path, folder: Path) -> None:
    target = folder / "timelines.png"
    with printed_timelines(demo) as link, open_browser() as browser, browser.new_page(viewport=SIZE) as page:
        page.goto(link)
        charts = page.locator(".js-plotly-plot")
        expect(charts.nth(_FIRST_SCREEN - 1)).to_be_visible(timeout=_PATIENCE_MS)
        page.get_by_role("button", name="Close", exact=True).click(timeout=_PATIENCE_MS)
        for chart in (charts.first, charts.nth(_FIRST_SCREEN - 1)):
            expect(chart.locator(".scatterlayer .trace")).to_have_count(_LINES, timeout=_PATIENCE_MS)
        page.screenshot(path=target, timeout=_PATIENCE_MS)
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size // 1_000} kB")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else DOCS)
