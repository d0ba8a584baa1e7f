"""The dashboard for Grafana is the one that the script writes, and asks for metrics that there are."""

import json
import re

from scripts.grafana_dashboard import ROWS, dashboard
from scripts.metrics_table import families
from tests.support.observability.prometheus import CONFIG, DASHBOARD, panels, queries

SUFFIXES = ("_bucket", "_count", "_sum", "_total")


def metrics_of(text: str) -> set[str]:
    """Our metrics that a text names, as they are called before a suffix."""
    found = re.findall(r"churnstream_[a-z_]+", text)
    return {name.removesuffix(next((s for s in SUFFIXES if name.endswith(s)), "")) for name in found}


def test_what_is_committed_is_what_the_script_writes() -> None:
    assert DASHBOARD.read_text("utf-8") == dashboard()


def test_it_has_three_rows_and_each_panel_says_what_it_shows() -> None:
    rows = [panel["title"] for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"] if panel["type"] == "row"]
    assert rows == list(ROWS) == ["Is it keeping up?", "Is it right?", "Has the world changed?"]
    assert all(panel["description"] and panel["targets"] for panel in panels())
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_panels_and_rules_ask_for_metrics_that_there_are() -> None:
    known = {family.name for family in families()}
    asked = metrics_of(" ".join(queries())) | metrics_of((CONFIG / "rules.yml").read_text("utf-8"))
    assert asked - known == set()
