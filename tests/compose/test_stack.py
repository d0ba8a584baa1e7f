"""The stack as a user meets it: up, looked at from outside through its published ports, scaled, down and up again.

One stack serves all tests of this module. With ``SCREENSHOTS=docs`` the pictures of the documentation are made anew.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from churnstream.demo.scenario import CUSTOMERS_CHANGE_DAY, LABEL_SHARE, RELATION_CHANGES_DAY
from contract.alerts import ModelVerdict, alert_message_type
from contract.kafka.clients import admin_client
from contract.topics import ALERTS, CUSTOMERS, LABELS, OUTCOMES, PREDICTIONS, WINDOWS
from monitor.reports.files import project_id
from tests.support.browser import DRAWN_MS, open_browser
from tests.support.kafka.topics import committed
from tests.support.messages import features
from tests.support.mlflow.rest import experiment_id, history, runs
from tests.support.observability.prometheus import queries
from tests.support.oracle import topic_frame
from tests.support.polling import eventually
from tests.support.service.http import get_json
from tests.support.stack import SERVICES, Stack, compose_stack, docker

ROWS = 20_000
REQUESTS = 40
ALL = 2 * ROWS + REQUESTS
CELLS = ("tn", "fp", "fn", "tp")
FLOWED = 180.0
LOOKED_BACK = 1_800.0
JOBS = {"scorer": "score", "join": "join", "monitor": "monitor", "api": "serve", "dashboard": "dashboard"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # Prometheus belongs to a profile and has to look on from the beginning; Grafana's image cannot be had here
    with compose_stack(
        tmp_path_factory.mktemp("stack"), ROWS=str(ROWS), COMPOSE_PROFILES="prometheus", LOG_FORMAT="json"
    ) as stack:
        stack.up()
        eventually(stack.flowed, timeout=FLOWED, interval=2, message="the producer says where to look")
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_page(viewport={"width": 1400, "height": 1150}) as page:
        yield page


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("SCREENSHOTS")
    return Path(given) if given else tmp_path_factory.mktemp("pictures")


def address(stack: Stack, what: str) -> str:
    """What the producer's last words say of where to look."""
    found = re.findall(rf"^{what}: +(http\S+)$", stack.logs("producer"), re.MULTILINE)
    assert found, stack.logs("producer")
    return str(found[-1])


def counts(stack: Stack) -> dict[str, int]:
    """Committed messages with a key on each of the stream's topics."""
    topics = (CUSTOMERS, LABELS, PREDICTIONS, OUTCOMES)
    return {topic: sum(m.key() is not None for m in committed(stack.settings, topic)) for topic in topics}


def test_every_service_is_healthy_and_init_has_ended(stack: Stack) -> None:
    assert [service for service in SERVICES if not stack.is_healthy(service)] == []
    (init,) = stack.containers("init")
    assert (init["State"]["Status"], init["State"]["ExitCode"]) == ("exited", 0)
    assert "churn v1 is the first @champion" in stack.logs("init")


def test_each_record_is_scored_and_joined_once(stack: Stack) -> None:
    found = counts(stack)
    labels = found[LABELS]
    assert found == dict.fromkeys((CUSTOMERS, PREDICTIONS), ROWS) | dict.fromkeys((LABELS, OUTCOMES), labels)
    assert labels == pytest.approx(LABEL_SHARE * ROWS, rel=0.02)
    assert topic_frame(stack.settings, OUTCOMES).record_id.nunique() == labels
    assert f"{ROWS:,} records scored, {labels:,} of them with their label, 0 dead letters" in stack.logs("producer")


def test_mlflow_has_the_timelines_of_every_final_window(stack: Stack) -> None:
    found = runs(stack.mlflow, experiment_id(stack.mlflow, "churn monitor"))
    kinds = ("realised", "provisional", "nowcast", "estimated", "trained", "inputs")
    assert set(found) == {f"v1 {kind}" for kind in kinds}
    confusion = [history(stack.mlflow, found["v1 realised"], f"performance/{cell}") for cell in CELLS]
    steps = set(confusion[0])
    assert all(set(cell) == steps for cell in confusion)
    # three days long and a day apart: every third window tiles the month
    assert (
        sum(cell[step] for cell in confusion for step in steps if step % 3 == min(steps) % 3) == counts(stack)[LABELS]
    )
    assert set(history(stack.mlflow, found["v1 realised"], "performance/f1")) == steps
    share = history(stack.mlflow, found["v1 inputs"], "drift/share")
    # a window is at the day of its end; some columns are at the edge in windows that hold a few changed days
    first = min(share) - 1
    estimated = set(history(stack.mlflow, found["v1 estimated"], "performance/f1"))
    # where labels have shown that scores mean something else, estimates are withdrawn
    assert {step for step in steps if step - first <= RELATION_CHANGES_DAY - 3} <= estimated <= steps
    assert max(value for step, value in share.items() if step - first <= CUSTOMERS_CHANGE_DAY) == 0
    changed = range(CUSTOMERS_CHANGE_DAY + 3, RELATION_CHANGES_DAY + 1)
    assert min(value for step, value in share.items() if step - first in changed) >= 0.15
    assert max(value for step, value in share.items() if step - first > RELATION_CHANGES_DAY + 3) < 0.15


def test_the_printed_timeline_shows_realised_over_estimated_f1(stack: Stack, page: Page) -> None:
    page.goto(address(stack, "metric timelines"))
    charts = page.locator(".js-plotly-plot")
    expect(charts.first).to_be_visible(timeout=DRAWN_MS)
    for run in ("v1 realised", "v1 estimated", "v1 trained", "v1 inputs"):
        expect(page.get_by_role("link", name=run, exact=True)).to_be_visible(timeout=DRAWN_MS)
    expect(page.get_by_role("link", name="v1 provisional", exact=True)).to_have_count(0)
    # three lines; a run is drawn twice, as a line and as what is lit up under the pointer
    expect(charts.first.locator(".scatterlayer .trace")).to_have_count(6, timeout=DRAWN_MS)


def test_the_printed_report_shows_the_drifted_column(stack: Stack, page: Page, pictures: Path) -> None:
    page.goto(address(stack, "strongest drift report"))
    expect(page.get_by_text(re.compile("Drifted.*Age")).first).to_be_visible(timeout=DRAWN_MS)
    row = page.get_by_role("row").filter(has=page.get_by_text("Age", exact=True))
    expect(row.get_by_text("Detected", exact=True)).to_be_visible(timeout=DRAWN_MS)
    expect(page.get_by_text("Dataset Drift is detected", exact=False).first).to_be_visible(timeout=DRAWN_MS)
    page.screenshot(path=pictures / "drift-report.png", full_page=True)


def test_the_page_tells_the_champion_s_verdict(stack: Stack) -> None:
    def newest() -> ModelVerdict:
        told = [m for m in committed(stack.settings, ALERTS) if alert_message_type(m.key()) is ModelVerdict]
        return msgspec.json.decode(told[-1].value() or b"", type=ModelVerdict)

    def shown() -> bool:
        headline = get_json(f"{stack.dashboard}/page.json")["headline"]
        return headline["word"] == newest().title.partition(" since ")[0] and "churn" in headline["subject"]

    eventually(shown, timeout=60, message="the page says what the monitor says")


def test_prometheus_reaches_every_worker(stack: Stack) -> None:
    expected = {job: ["up"] for service, job in JOBS.items() if service in SERVICES}
    eventually(lambda: stack.prometheus.targets() == expected, timeout=30, message="all targets are up")


def test_every_query_of_the_dashboard_gives_data(stack: Stack) -> None:
    def silent() -> list[str]:
        return [query for query in queries() if not stack.prometheus.has_data(query, LOOKED_BACK)]

    eventually(lambda: not silent(), timeout=60, interval=2, message="each query has given a number")


def test_all_lines_of_workers_have_the_same_fields_and_no_id(stack: Stack) -> None:
    known = {"time", "level", "logger", "event", "message", "worker", "error"}
    ids = [str(row) for row in topic_frame(stack.settings, OUTCOMES).record_id.head(50)]
    for service, worker in (("scorer", "score"), ("join", "join"), ("monitor", "monitor")):
        lines = [json.loads(line) for line in stack.logs(service).splitlines() if line.startswith("{")]
        assert lines, service
        assert {line["worker"] for line in lines} == {worker}
        assert set().union(*lines) <= known
        assert not any(record_id in line["message"] for line in lines for record_id in ids)


def test_a_scorer_that_is_gone_is_told(stack: Stack) -> None:
    down = ("ChurnstreamWorkerDown", "score")
    assert down not in stack.prometheus.firing()
    stack.run("kill", "scorer")
    eventually(lambda: down in stack.prometheus.firing(), timeout=60, message="the alert fires")
    stack.up("--no-recreate")
    eventually(lambda: down not in stack.prometheus.firing(), timeout=60, message="it is over")


def test_ports_are_published_on_this_machine_only(stack: Stack) -> None:
    for service in (*SERVICES, "init"):
        for container in stack.containers(service):
            bound = [host for hosts in container["HostConfig"]["PortBindings"].values() for host in hosts]
            assert {host["HostIp"] for host in bound} <= {"127.0.0.1"}
            assert bool(bound) == (service in ("kafka", "mlflow", "reports", "api", "dashboard"))


def test_our_containers_cannot_write_their_image_nor_gain_rights(stack: Stack) -> None:
    for service in ("init", "mlflow", "scorer", "join", "monitor", "reports", "api", "dashboard", "producer"):
        (container,) = stack.containers(service)
        host = container["HostConfig"]
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"] > 0
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
        assert container["Config"]["User"] == "churnstream"


def test_the_image_has_no_compiler_and_packages_that_fit(stack: Stack) -> None:
    assert stack.is_healthy("scorer")
    inside = ["run", "--rm", "--network=none", "--entrypoint=sh", "churnstream", "-c"]
    assert docker(*inside, "id -u").strip() != "0"
    assert docker(*inside, "for each in cc gcc g++ clang make ld as; do command -v $each; done; true") == ""
    assert docker(*inside, "pip check").strip() == "No broken requirements found."


def test_scaled_scorers_share_the_partitions(stack: Stack) -> None:
    admin = admin_client(stack.settings)

    def shares() -> list[int]:
        described = admin.describe_consumer_groups(["scorer"])["scorer"].result(30)
        return sorted(len(member.assignment.topic_partitions) for member in described.members)

    assert shares() == [4]
    stack.up("--no-recreate", "--scale", "scorer=2")
    eventually(lambda: shares() == [2, 2], timeout=60, message="two scorers with two partitions each")
    stack.up("--no-recreate", "--scale", "scorer=1")
    eventually(lambda: shares() == [4], timeout=60, message="one scorer with all partitions")


def test_down_and_up_lose_nothing_and_replay_nothing(stack: Stack) -> None:
    def state() -> dict[str, object]:
        realised = runs(stack.mlflow, experiment_id(stack.mlflow, "churn monitor"))["v1 realised"]
        reports = get_json(f"{stack.reports}/api/projects/{project_id('churn monitor')}/reports")
        return {
            "messages": counts(stack),
            "windows": {m.key(): m.value() for m in committed(stack.settings, WINDOWS)},
            "f1": history(stack.mlflow, realised, "performance/f1"),
            "reports": sorted(report["id"] for report in reports),
        }

    before = state()
    stack.run("down")
    stack.up()
    eventually(stack.flowed, timeout=FLOWED, interval=2, message="the producer says where to look")
    assert "the stream has already been replayed" in stack.logs("producer")
    assert "churn v1 is already champion" in stack.logs("init")
    assert state() == before


def test_requests_and_their_labels_reach_the_windows_in_mlflow(stack: Stack) -> None:
    found = runs(stack.mlflow, experiment_id(stack.mlflow, "churn monitor"))

    def confusion() -> dict[str, float]:
        """Of all records: counts of the last window's cumulative part."""
        cells = {cell: history(stack.mlflow, found["v1 realised"], f"cumulative/{cell}") for cell in CELLS}
        return {cell: points[max(points)] for cell, points in cells.items()}

    before = confusion()
    assert sum(before.values()) == counts(stack)[LABELS]
    known, later = ([{"features": features(i)} for i in range(n, n + REQUESTS // 2)] for n in (0, REQUESTS // 2))
    with httpx.Client(base_url=stack.api, timeout=30) as client:
        answers = client.post("/predict", json=[record | {"true_value": 1} for record in known]).json()
        answers += [client.post("/predict", json=record).json() for record in later]
        for answer in answers[REQUESTS // 2 :]:
            assert client.post("/labels", json={"record_id": answer["record_id"], "label": 0}).status_code == 202
        assert client.get("/model").json()["model"]["version"] == 1
        links = client.get("/").json()["links"]
    assert set(links.values()) == {"/docs", stack.mlflow, stack.reports}
    said = [answer["predicted"] for answer in answers]
    expected = {
        "tp": before["tp"] + sum(said[: REQUESTS // 2]),
        "fn": before["fn"] + REQUESTS // 2 - sum(said[: REQUESTS // 2]),
        "fp": before["fp"] + sum(said[REQUESTS // 2 :]),
        "tn": before["tn"] + REQUESTS // 2 - sum(said[REQUESTS // 2 :]),
    }
    eventually(lambda: confusion() == expected, timeout=60, interval=1, message=f"MLflow has {expected}")


def test_another_replay_goes_on_behind_the_first(stack: Stack) -> None:
    stack.run("run", "--rm", "replay")
    eventually(
        lambda: f"{ALL:,} records scored, {counts(stack)[LABELS]:,} of them" in stack.logs("producer"),
        timeout=FLOWED,
        interval=2,
        message="both replays measured",
    )
    found = counts(stack)
    assert (found[CUSTOMERS], found[PREDICTIONS], found[OUTCOMES]) == (2 * ROWS, ALL, found[LABELS])
