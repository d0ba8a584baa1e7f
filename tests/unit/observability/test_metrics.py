"""Names and texts of metrics: by Prometheus' conventions, each worker's own, and as the page lists them."""

import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scripts.metrics_table import PAGE, page
from tests.support.observability.prometheus import image_problem, promtool
from tests.support.paths import ROOT

SHOW = "from prometheus_client import generate_latest; print(generate_latest().decode())"
WORKERS = {
    "score": f"import scorer.stream.worker, scorer.models.swap; {SHOW}",
    "join": f"import monitor.join.worker; {SHOW}",
    "monitor": f"import monitor.worker; {SHOW}",
    "serve": "import scorer.rest.server as server; print(server.Instruments().exposition().decode())",
    "dashboard": f"import contract.signals, dashboard.signals; {SHOW}",
}
ALONE = {
    "score": "churnstream_record_to_prediction_seconds",
    "join": "churnstream_join_kept",
    "monitor": "churnstream_mlflow_up",
    "serve": "churnstream_http_in_work",
    "dashboard": "churnstream_dashboard_pages_open",
}
"""A metric that no other worker must show, because its 0 would be taken for a fact."""


@pytest.fixture(scope="module")
def shown() -> dict[str, str]:
    """By worker, what Prometheus gets of it before it has done anything."""
    begun = {
        worker: subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for worker, code in WORKERS.items()
    }
    return {worker: process.communicate(timeout=120)[0] for worker, process in begun.items()}


@pytest.mark.skipif(image_problem() is not None, reason=image_problem() or "")
@pytest.mark.parametrize("worker", WORKERS)
def test_promtool_finds_nothing_to_object_to(shown: dict[str, str], worker: str) -> None:
    ours = "\n".join(line for line in shown[worker].splitlines() if "churnstream_" in line) + "\n"
    assert ours.count("# HELP") > 5
    done = promtool("check", "metrics", given=ours)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_each_worker_shows_its_own_metrics_once(shown: dict[str, str]) -> None:
    for worker, text in shown.items():
        names = [family.name for family in text_string_to_metric_families(text)]
        assert len(names) == len(set(names)), worker
        others = {name for other, name in ALONE.items() if other not in (worker, "score" if worker == "serve" else "")}
        assert ALONE[worker] in names
        assert others.isdisjoint(names), worker


def test_what_can_rise_begins_at_0(shown: dict[str, str]) -> None:
    for worker, series in {
        "score": 'churnstream_dead_letters_total{reason="not-json"} 0.0',
        "join": 'churnstream_dead_letters_total{reason="label-too-late"} 0.0',
        "monitor": 'churnstream_producers_replaced_total{reason="fenced"} 0.0',
        "serve": 'churnstream_model_swaps_total{result="refused"} 0.0',
    }.items():
        assert series in shown[worker].splitlines()


def test_the_page_lists_all_metrics() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text), "run python -m scripts.metrics_table"
