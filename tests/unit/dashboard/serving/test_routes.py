"""The page's routes beside the page: data of what is shown, and a window's report when it is asked for."""

import asyncio
import csv
import io
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from contract.messages import ModelRef
from contract.testing import ManualClock
from dashboard.serving.headers import REPORT_POLICY
from dashboard.serving.live import LiveSource
from dashboard.serving.reports import ReportDesk, WantedReport
from dashboard.serving.routes import PageRoutes
from dashboard.serving.server import report_command
from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState
from dashboard.view.model import Page
from dashboard.view.places import Places
from tests.support.polling import eventually


class EmptyTopics:
    """A reader of topics on which there is nothing."""

    reach = Reach(caught_up=True)
    positions = Positions()
    revision = 0


class OneWindow(LiveSource):
    """Knows of one window."""

    def report_of(self, model: ModelRef, start: int) -> WantedReport | None:
        return WantedReport(model, start, 2) if (model, start) == (ModelRef("churn", 3), 5) else None


def client_of(desk: ReportDesk | None = None, is_reading: bool = True) -> TestClient:
    source = OneWindow(StreamState(), threading.Lock(), EmptyTopics(), Places(), ManualClock(1_700_000_000_000))
    app = FastAPI()
    desk = desk or ReportDesk(lambda _wanted, _path: [], {}, ManualClock())
    PageRoutes(source, desk, lambda: is_reading).add_to(app)
    return TestClient(app)


def test_it_is_healthy_while_the_topics_are_read() -> None:
    assert client_of().get("/health").status_code == 200
    answer = client_of(is_reading=False).get("/health")
    assert answer.status_code == 503
    assert "restart" in answer.text


def test_what_is_shown_is_there_as_json_and_csv() -> None:
    client = client_of()
    page = msgspec.json.decode(client.get("/page.json?metric=brier").content, type=Page)
    assert page.course.metric == "brier"
    for path in ("/page.csv", "/windows.csv"):
        answer = client.get(path)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer.headers["content-disposition"]
        (head,) = csv.reader(io.StringIO(answer.text))
        assert {"model", "version", "start"} <= set(head)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("model=churn&version=3&role=champion&start=5", 202),
        ("model=churn&version=3&start=5", 202),
        ("model=churn&version=3&start=6", 404),
        ("model=other&version=3&start=5", 404),
        ("", 400),
        ("model=churn&version=x&start=5", 400),
        ("model=churn&version=3&start=5&role=king", 400),
        ("model=churn&version=3&start=99999999999999999999999", 400),
        ("model=churn&version=³&start=5", 400),
    ],
)
def test_only_a_window_that_is_known_has_a_report(query: str, status: int) -> None:
    answer = client_of().get(f"/report?{query}")
    assert answer.status_code == status
    assert ('http-equiv="refresh"' in answer.text) is (status == 202)


def test_a_report_is_shown_when_it_is_there_without_an_origin_of_ours() -> None:
    def command(_wanted: WantedReport, path: Path) -> list[str]:
        return [sys.executable, "-c", f"open({str(path)!r}, 'w').write('<script>1</script>')"]

    desk = ReportDesk(command, {}, ManualClock())
    stop = threading.Event()

    async def work() -> None:
        task = asyncio.create_task(desk.work())
        while not stop.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    client = client_of(desk)
    address = "/report?model=churn&version=3&start=5"
    assert client.get(address).status_code == 202
    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    try:
        eventually(lambda: client.get(address).status_code == 200, 60, "the report is made")
        answer = client.get(address)
        assert answer.text == "<script>1</script>"
        assert answer.headers["content-security-policy"] == REPORT_POLICY
    finally:
        stop.set()
        thread.join()


def test_the_command_takes_a_model_s_name_for_a_name_whatever_it_is() -> None:
    wanted = WantedReport(ModelRef("--out=/etc/passwd", 3, "challenger"), 1_735_689_600_000, 0)
    assert report_command(wanted, Path("/tmp/1.html"))[1:] == [
        *("-m", "churnstream", "report", "1735689600000", "--version", "3"),
        *("--model=--out=/etc/passwd", "--role=challenger", "--out=/tmp/1.html"),
    ]
