"""Where the pages are, as asked of servers that answer as MLflow 3.17 and Evidently 0.7 do."""

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from churnstream.stack.addresses import require_http, strongest_report_address, timeline_address
from contract.errors import UserError
from contract.windows import Window
from monitor.mlflow_sink.chart_view import VIEW_KEY, VIEW_TAG
from monitor.reports.files import project_id, workspace_id
from tests.support.windows import drift, window

PROJECT = project_id("churn monitor")


class PageServer(ThreadingHTTPServer):
    pages: dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        found = self.server.pages.get(self.path)
        self.send_response(404 if found is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST"} if found is None else found).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer(("127.0.0.1", 0), Handler) as server:
        server.pages = {}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server: PageServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


def test_timelines_are_at_the_published_address(server: PageServer) -> None:
    assert timeline_address(address(server), "churn monitor", "http://127.0.0.1:5000") is None
    page = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=churn%20monitor"
    server.pages[page] = {"experiment": {"experiment_id": "7"}}
    plain = "http://127.0.0.1:5000/#/experiments/7/runs?compareRunsMode=CHART"
    assert timeline_address(address(server), "churn monitor", "http://127.0.0.1:5000") == (
        f"{plain}&workflowType=machine_learning"
    )
    server.pages[page]["experiment"]["tags"] = [{"key": VIEW_TAG, "value": "…"}]
    assert timeline_address(address(server), "churn monitor", "http://127.0.0.1:5000") == (
        f"{plain}&viewStateShareKey={VIEW_KEY}&workflowType=machine_learning"
    )


def test_the_report_shown_is_the_one_that_says_most(server: PageServer) -> None:
    page = f"/api/projects/{PROJECT}/reports"
    calm = window(9, drift=drift({"Age": 0.02, "Balance": 0.9}))
    strong = window(1, drift=drift({"Age": 0.3, "Balance": 0.2}, drifted=("Age", "Balance")))
    stronger = window(2, drift=drift({"Age": 0.4, "Balance": 0.2}, drifted=("Age", "Balance")))
    without = window(3, drift=drift({"Age": 0.9, "Balance": 0.9}, drifted=("Age", "Balance")))
    windows = [calm, stronger, strong, without]

    def found(windows: Sequence[Window]) -> str | None:
        return strongest_report_address(address(server), "churn monitor", "http://here", windows)

    assert found(windows) is None
    server.pages[page] = []
    assert found(windows) is None
    server.pages[page] = [
        {"id": str(workspace_id(made)), "timestamp": f"2025-01-{day}T00:00:00+00:00"}
        for day, made in ((22, calm), (12, strong), (13, stronger))
    ]
    reports = f"http://here/projects/{PROJECT}/reports"
    assert found(windows) == f"{reports}/{workspace_id(stronger)}"
    # none of the windows that are known has one: the latest
    assert found([without]) == f"{reports}/{workspace_id(calm)}"


def test_a_server_that_is_away_has_no_page() -> None:
    assert timeline_address("http://127.0.0.1:9", "churn monitor", "http://here") is None


@pytest.mark.parametrize("given", ["sqlite:///mlflow.db", "127.0.0.1:5000", ""])
def test_what_is_no_server_is_told(given: str) -> None:
    with pytest.raises(UserError, match=r"MLFLOW_TRACKING_URI got .*; give a server's address, such as"):
        require_http("MLFLOW_TRACKING_URI", given)
    assert require_http("MLFLOW_TRACKING_URI", "http://mlflow:5000/") == "http://mlflow:5000"
