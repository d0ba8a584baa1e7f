"""Evidently reports in their own process: they say what the window says, and nothing that happens to them hurts."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from contract.messages import ModelRef
from contract.panes import PaneSample
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.windows import Drift, Window
from monitor.inputs.rule import InputReference, InputRule, judge
from monitor.reports.process import ReportProcess
from monitor.reports.shown import MAX_COLUMNS
from monitor.timeline.samples import Sample
from tests.support.browser import DRAWN_MS, open_browser
from tests.support.messages import DAY, START
from tests.support.paths import ROOT
from tests.support.polling import eventually
from tests.support.small_disk import fill_disk, small_disk
from tests.support.windows import drift, window

SCHEMA = load_schema("bank_churn")
COLUMNS = (*SCHEMA.names, "score")
ALPHA, MIN_DISTANCE = 0.01, 0.05
MAX_BYTES, MAX_CPU_SECONDS = 12_000_000, 60
"""Of one report, whatever its window holds; docs/guarantees.md says so."""

Change = Callable[[pd.DataFrame], pd.DataFrame]


def bank(rows: int, seed: int) -> pd.DataFrame:
    """Features and score, drawn from one distribution."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "Geography": random.choice(["France", "Germany", "Spain"], rows, p=[0.5, 0.25, 0.25]).astype(object),
            "Gender": random.choice(["Female", "Male"], rows).astype(object),
            "CreditScore": random.normal(650, 90, rows).clip(300, 900),
            "Age": random.normal(39, 10, rows).clip(18, 110),
            "Tenure": random.integers(0, 11, rows).astype(float),
            "Balance": np.where(random.random(rows) < 0.36, 0.0, random.normal(120_000, 30_000, rows).clip(0)),
            "NumOfProducts": random.integers(1, 4, rows).astype(float),
            "HasCrCard": (random.random(rows) < 0.7).astype(float),
            "IsActiveMember": random.integers(0, 2, rows).astype(float),
            "EstimatedSalary": random.uniform(0, 200_000, rows),
            "score": random.beta(1, 4, rows),
        }
    )


def older(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(Age=frame["Age"] + 10)


def all_different(frame: pd.DataFrame) -> pd.DataFrame:
    moved = {name: frame[name] * 0.2 + 1 for name in (*SCHEMA.numeric, "score")}
    flags = {"HasCrCard": 0.0, "IsActiveMember": 1.0}
    return frame.assign(**moved | flags, Geography="Spain", Gender="Male")


def sample_of(frame: pd.DataFrame, names: Sequence[str] = SCHEMA.names) -> Sample:
    values = frame[list(names)].astype(object).where(frame[list(names)].notna(), None)
    pane = PaneSample(
        partition=0,
        start=START,
        slide=DAY,
        model=ModelRef("churn", 3),
        records=len(frame),
        hashes=list(range(len(frame))),
        probabilities=frame["score"].tolist(),
        columns=[values[name].tolist() for name in names],
    )
    return Sample.of(pane)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(state_dir=tmp_path_factory.mktemp("state"), alpha=ALPHA, min_distance=MIN_DISTANCE)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "reference.parquet"
    bank(6_000, seed=1).assign(label=0).to_parquet(path)
    return path


class Reports:
    """A report process and the files that it has made."""

    def __init__(self, settings: Settings, **kw: Any) -> None:
        self.made: list[Path] = []
        self.process = ReportProcess(settings, self.made.append, **kw)
        self.settings = settings

    def wait_for(self, number: int) -> None:
        eventually(lambda: len(self.made) + self.process.failed >= number, timeout=120)

    def one(self, window: Window, sample: Sample, reference: Path) -> Path:
        before = len(self.made)
        self.process.request(window, sample, reference)
        self.wait_for(before + self.process.failed + 1)
        return self.made[-1]

    def snapshots(self) -> list[dict[str, Any]]:
        """What Evidently's own pages would show."""
        return [json.loads(path.read_text()) for path in self.settings.state_dir.glob("workspace/*/snapshots/*.json")]


@pytest.fixture(scope="module")
def reports(settings: Settings) -> Iterator[Reports]:
    made = Reports(settings)
    yield made
    made.process.close()


def snapshot_of(reports: Reports, window: Window) -> dict[str, Any]:
    from monitor.reports.files import report_name

    (found,) = [snapshot for snapshot in reports.snapshots() if snapshot["name"] == report_name(window)]
    return found


def flags(snapshot: dict[str, Any]) -> dict[str, bool]:
    """Drift per column, from the report's own tests."""
    tests = [test for result in snapshot["metric_results"].values() for test in result["tests"]]
    columns = {
        test["name"].removeprefix("Value Drift for column "): test for test in tests if "column " in test["name"]
    }
    return {name: test["status"] == "FAIL" for name, test in columns.items()}


def texts(snapshot: dict[str, Any]) -> str:
    return json.dumps(snapshot["widgets"])


def headline(snapshot: dict[str, Any]) -> bool:
    (said,) = re.findall(r"Dataset Drift is (detected|NOT detected)\.", texts(snapshot))
    (share,) = [
        test
        for result in snapshot["metric_results"].values()
        for test in result["tests"]
        if test["name"].startswith("Share of Drifted Columns")
    ]
    assert (share["status"] == "FAIL") == (said == "detected"), "the report contradicts itself"
    return bool(said == "detected")


def table(snapshot: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of the report's table of columns."""
    rows: dict[str, dict[str, Any]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "column_name" in node and "data_drift" in node:
                rows[node["column_name"]] = node
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(snapshot["widgets"])
    return rows


def judged(day: int, frame: pd.DataFrame, reference: Path) -> Window:
    found = judge(frame, InputReference.of(pd.read_parquet(reference), SCHEMA), rule=InputRule(ALPHA, MIN_DISTANCE))
    return window(day, drift=found, records=len(frame))


@pytest.mark.parametrize(
    ("day", "change", "drifted"),
    [(0, lambda frame: frame, set()), (1, older, {"Age"}), (2, all_different, set(COLUMNS))],
    ids=["nothing", "one column", "all"],
)
def test_a_report_never_contradicts_its_window(
    reports: Reports, reference: Path, day: int, change: Change, drifted: set[str]
) -> None:
    current = change(bank(2_000, seed=day + 10))
    each = judged(day, current, reference)
    assert set(each.drift.drifted_columns) == drifted
    html = reports.one(each, sample_of(current), reference).read_text()
    snapshot = snapshot_of(reports, each)

    expected = {name: feature.drifted for name, feature in each.drift.features.items()}
    assert flags(snapshot) == expected
    assert headline(snapshot) is each.drift.drifted
    shown = table(snapshot)
    assert {name: row["data_drift"] for name, row in shown.items()} == {
        name: "Detected" if is_drifted else "Not Detected" for name, is_drifted in expected.items()
    }
    for name, feature in each.drift.features.items():
        assert shown[name]["drift_score"] == pytest.approx(feature.distance, abs=1e-5)
    for name in COLUMNS:
        assert name in html
    assert f'"rowsPerPage": {len(COLUMNS)}' in texts(snapshot), "a column is on a second page"
    assert f"Dataset Drift is {'detected' if drifted else 'NOT detected'}" in html
    assert ("**Drifted**" in html) is bool(drifted)


def test_a_report_counts_features_as_mlflow_does_and_draws_what_has_an_order(reports: Reports, reference: Path) -> None:
    frame = older(bank(1_000, seed=23))
    current = frame.assign(score=frame["score"] * 0.3 + 0.6)
    each = judged(21, current, reference)
    assert set(each.drift.drifted_columns) == {"Age", "score"}
    reports.one(each, sample_of(current), reference)
    snapshot = snapshot_of(reports, each)
    said = texts(snapshot)
    assert f"1 of {len(SCHEMA.names)} features have drifted (share {each.drift.share:.3g})." in said
    (counted,) = [one for one in snapshot["metric_results"].values() if "count" in one and "share" in one]
    assert (counted["count"]["value"], counted["share"]["value"]) == (1, pytest.approx(each.drift.share))
    assert f"All columns, including the score: 2 of {len(COLUMNS)} have drifted" in said
    shown = table(snapshot)
    assert {name for name, row in shown.items() if row["column_type"] == "cat"} == {
        "Geography",
        "Gender",
        "HasCrCard",
        "IsActiveMember",
    }
    parts = {part["title"] for row in shown.values() for part in row["details"]["parts"]}
    assert parts == {"DATA DISTRIBUTION"}, "a sample's rows have no order to be drawn by"
    colours = dict(re.findall(r'"field": "(reference|current)_distribution".*?"color": "(#\w+)"', said))
    assert colours["reference"] != colours["current"]


def test_the_projects_page_shows_distances_over_time_and_keeps_what_its_owner_has_made_of_it(
    reports: Reports, reference: Path
) -> None:
    from evidently.ui.workspace import Workspace

    from monitor.reports.files import WORKSPACE, project_id

    current = bank(500, seed=24)
    reports.one(judged(22, current, reference), sample_of(current), reference)
    workspace = Workspace(str(reports.settings.state_dir / WORKSPACE))
    project = project_id(reports.settings.experiment)
    made = workspace.get_dashboard(project)
    assert [panel.title for panel in made.panels[1:]] == [
        "Distance to the reference, by column",
        "Features that drifted",
    ]
    assert [tab.panels for tab in made.tabs] == [[panel.id for panel in made.panels]]
    made.panels[1].title = "changed by its owner"
    workspace.save_dashboard(project, made)
    reports.one(judged(23, current, reference), sample_of(current), reference)
    kept = Workspace(str(reports.settings.state_dir / WORKSPACE)).get_dashboard(project)
    assert kept.panels[1].title == "changed by its owner"


def test_the_monitor_decides_and_not_the_size_of_a_distance(reports: Reports, reference: Path) -> None:
    far_but_not_significant = drift(dict.fromkeys(COLUMNS, 0.9), ("Tenure",)).features
    near_but_drifted = drift(dict.fromkeys(COLUMNS, 0.06), ("Gender", "score")).features
    features = far_but_not_significant | {name: near_but_drifted[name] for name in ("Gender", "score", "Age")}
    mixed = Drift(judged=True, drifted=True, share=0.2, features=features)
    each = window(14, drift=mixed)
    reports.one(each, sample_of(bank(500, seed=21)), reference)
    snapshot = snapshot_of(reports, each)
    assert {name for name, is_drifted in flags(snapshot).items() if is_drifted} == {"Gender", "Tenure", "score"}
    assert {name for name, row in table(snapshot).items() if row["data_drift"] == "Detected"} == {
        "Gender",
        "Tenure",
        "score",
    }


def test_a_report_names_its_window_and_can_be_filtered_by_what_drifted(reports: Reports, reference: Path) -> None:
    current = older(bank(1_000, seed=20))
    each = judged(3, current, reference)
    path = reports.one(each, sample_of(current), reference)
    assert path.relative_to(reports.settings.state_dir) == Path("reports/churn-v3/20250104T000000Z_drifted.html")
    snapshot = snapshot_of(reports, each)
    assert snapshot["name"] == "churn v3 · 2025-01-04T00:00:00Z to 2025-01-11T00:00:00Z · drifted: Age"
    assert snapshot["tags"] == ["drifted", "Age"]
    assert pd.Timestamp(snapshot["timestamp"]).value // 1_000_000 == START + 10 * DAY
    assert snapshot["metadata"]["version"] == "3"


def test_columns_that_cannot_be_shown_are_screened_out_and_named(reports: Reports, reference: Path) -> None:
    current = bank(1_000, seed=30).assign(Balance=np.nan, Tenure=5.0, Gender=None)
    quiet = drift(dict.fromkeys(COLUMNS, 0.01))
    features = {name: feature for name, feature in quiet.features.items() if name != "CreditScore"}
    each = window(4, drift=drift(dict.fromkeys(features, 0.01)))
    reports.one(each, sample_of(current), reference)
    snapshot = snapshot_of(reports, each)
    screened = {"Balance", "Tenure", "Gender", "CreditScore"}
    assert set(flags(snapshot)) == set(table(snapshot)) == set(COLUMNS) - screened
    assert snapshot["metadata"]["screened_out"] == (
        "Gender: empty in the current data; CreditScore: not judged; "
        "Tenure: constant in the current data; Balance: empty in the current data"
    )
    assert "Not shown: Gender (empty in the current data)" in texts(snapshot)
    assert headline(snapshot) is False


def test_columns_without_values_in_the_reference_are_screened_out(reports: Reports, tmp_path: Path) -> None:
    path = tmp_path / "reference.parquet"
    bank(500, seed=1).assign(Age=np.nan, Geography="France").drop(columns="Balance").to_parquet(path)
    each = window(5, drift=drift(dict.fromkeys(COLUMNS, 0.01)))
    reports.one(each, sample_of(bank(500, seed=31)), path)
    assert snapshot_of(reports, each)["metadata"]["screened_out"] == (
        "Geography: constant in the reference data; Age: empty in the reference data; "
        "Balance: absent in the reference data"
    )


@pytest.mark.parametrize(
    ("day", "change", "shown"),
    [
        (6, lambda frame: frame.assign(Geography="Germany"), True),
        (7, lambda frame: frame.assign(Geography=None), False),
    ],
    ids=["constant", "empty"],
)
def test_screening_never_hides_that_a_column_has_drifted(
    reports: Reports, reference: Path, day: int, change: Change, shown: bool
) -> None:
    current = change(bank(1_000, seed=32))
    each = judged(day, current, reference)
    assert each.drift.drifted_columns == ["Geography"]
    reports.one(each, sample_of(current), reference)
    snapshot = snapshot_of(reports, each)
    assert headline(snapshot) is True
    assert flags(snapshot).get("Geography", False) is shown
    assert "**Drifted**: Geography." in texts(snapshot)
    assert not [name for name, is_drifted in flags(snapshot).items() if is_drifted and name != "Geography"]


MARKUP = (
    "</script><img src=x onerror=document.title=1337>",
    "<!--<script>",
    "]]></SCRIPT ><svg/onload=document.title=1337>",
    '<a href="https://evil.example">x</a><b>y</b>',
    "\u2028\u2029\u202e\ud800&lt;i&gt;",
    "$\\frac{1}$",
)
"""Categories as anybody can send them where a violation is scored."""


class Elements(HTMLParser):
    """The elements and comments of a page, as a browser finds them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.comments: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.names.append(tag)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


@pytest.fixture(scope="module")
def page_with_markup(reports: Reports, reference: Path) -> str:
    random = np.random.default_rng(5)
    current = bank(1_000, seed=40).assign(Geography=random.choice(MARKUP, 1_000))
    model = ModelRef("</script><svg/onload=document.title=1337>[x](javascript:document.title=1337)", 3)
    each = msgspec.structs.replace(judged(15, current, reference), model=model)
    path = reports.one(each, sample_of(current), reference)
    snapshot = snapshot_of(reports, each)
    plots = json.dumps(snapshot["widgets"]).replace(json.dumps(snapshot["name"]), "")
    assert "&lt;/script&gt;" in plots, "Plotly decodes this into text"
    assert "<img" not in plots
    assert "<a href" not in plots
    return path.read_text()


def test_markup_in_a_category_or_a_models_name_is_text_in_the_page(
    reports: Reports, reference: Path, page_with_markup: str
) -> None:
    plain = bank(1_000, seed=41)
    without = Elements(reports.one(judged(16, plain, reference), sample_of(plain), reference).read_text())
    found = Elements(page_with_markup)
    assert found.names == without.names
    assert found.comments == without.comments
    assert "1337" in page_with_markup


def test_markup_in_a_category_runs_in_no_browser(page_with_markup: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page_with_markup)
    with open_browser() as browser:
        page = browser.new_page()
        page.goto((tmp_path / "report.html").as_uri())
        page.get_by_text("Dataset Drift").first.wait_for(timeout=DRAWN_MS)
        assert "1337" not in page.title()
        assert page.locator("img[src=x]").count() == 0


def test_a_column_that_cannot_be_drawn_does_not_cost_the_others_theirs(reports: Reports, reference: Path) -> None:
    current = bank(1_000, seed=42)
    current["Balance"] = np.where(np.arange(1_000) % 2, 0.1 + 0.2, 0.3)
    each = judged(17, current, reference)
    assert "Balance" in each.drift.drifted_columns
    reports.one(each, sample_of(current), reference)
    snapshot = snapshot_of(reports, each)
    assert set(table(snapshot)) == set(COLUMNS) - {"Balance"}
    assert snapshot["metadata"]["screened_out"] == "Balance: too narrow for a histogram in the current data"
    assert "**Drifted**: Balance." in texts(snapshot)
    assert headline(snapshot) is True


def test_the_widest_and_most_varied_window_has_a_report_within_the_bounds(tmp_path: Path, settings: Settings) -> None:
    names = [f"f{i}" for i in range(60)]
    kinds = [f'[features.{name}]\nkind = "{"numeric" if i % 2 else "categorical"}"' for i, name in enumerate(names)]
    allowed = [f'{kind}\ncategories = ["a"]' if "categorical" in kind else kind for kind in kinds]
    schema = tmp_path / "wide.toml"
    text = 'name = "wide"\nid = "id"\non_violation = "score"\n[label]\ncolumn = "y"\n'
    schema.write_text(text + "\n".join(allowed))
    random = np.random.default_rng(6)
    categories = np.array([f"{i}" * 300 for i in range(5_000)], dtype=object)
    made: dict[str, Any] = {
        name: random.normal(size=5_000) * 3e38 / 8 if i % 2 else categories for i, name in enumerate(names)
    }
    frame = pd.DataFrame(made | {"score": random.random(5_000), "label": 0})
    reference = tmp_path / "reference.parquet"
    frame.to_parquet(reference)
    each = window(18, drift=drift(dict.fromkeys((*names, "score"), 0.3), tuple(names)))
    wide = Reports(settings.model_copy(update={"dataset": str(schema), "state_dir": tmp_path}))
    try:
        path = wide.one(each, sample_of(frame, names), reference)
        spent = process_seconds(wide.process.pid)
    finally:
        wide.process.close()
    assert path.stat().st_size < MAX_BYTES
    assert spent < MAX_CPU_SECONDS
    (snapshot,) = wide.snapshots()
    assert len(table(snapshot)) == MAX_COLUMNS
    assert snapshot["metadata"]["screened_out"].count("beyond the 40 columns") == len(names) + 1 - MAX_COLUMNS
    assert "4,980 rare values are 'other', texts are cut at 60 characters" in snapshot["metadata"]["cut"]


def process_seconds(pid: int | None) -> float:
    """CPU time of a process so far, in s, which load on the machine changes little."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_full_disk_costs_one_report_and_is_named(
    tmp_path: Path, settings: Settings, reference: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "small", 40_000_000) as disk:
        cramped = Reports(settings.model_copy(update={"state_dir": disk}))
        current = bank(300, seed=50)
        each = judged(20, current, reference)
        ballast = fill_disk(disk)
        try:
            cramped.process.request(each, sample_of(current), reference)
            cramped.wait_for(1)
            left = [path for path in disk.rglob("*") if path.is_file() and path != ballast and path.stat().st_size]
            assert left == []
            assert "is full; make room" in caplog.text
            ballast.unlink()
            path = cramped.one(each, sample_of(current), reference)
            assert path.stat().st_size > 1_000_000
            assert len(cramped.snapshots()) == 1
        finally:
            cramped.process.close()


def test_a_report_has_at_most_5000_rows_a_side(reports: Reports, reference: Path) -> None:
    current = bank(5_500, seed=33)
    each = judged(8, current, reference)
    reports.one(each, sample_of(current), reference)
    metadata = snapshot_of(reports, each)["metadata"]
    assert (metadata["rows_current"], metadata["rows_reference"]) == ("5000", "5000")


def test_a_later_revision_takes_the_reports_place(reports: Reports, reference: Path) -> None:
    current = bank(500, seed=34)
    each = window(9, drift=drift(dict.fromkeys(COLUMNS, 0.01)))
    before = len(reports.snapshots())
    reports.one(each, sample_of(current), reference)
    drifted = drift(dict.fromkeys(COLUMNS, 0.3), ("Age",))
    path = reports.one(window(9, drift=drifted, revision=1), sample_of(current), reference)
    assert [file.name for file in path.parent.glob("20250110*.html")] == ["20250110T000000Z_drifted.html"]
    assert len(reports.snapshots()) == before + 1


def test_a_failing_report_is_logged_and_the_process_goes_on(
    reports: Reports, reference: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    each = window(10, drift=drift(dict.fromkeys(COLUMNS, 0.01)))
    sample = sample_of(bank(300, seed=35))
    reports.one(each, sample, reference)
    pid = reports.process.pid
    (tmp_path / "reference.parquet").write_bytes(b"no Parquet")
    made, failed = len(reports.made), reports.process.failed
    for broken in (tmp_path / "reference.parquet", tmp_path / "absent"):
        reports.process.request(each, sample, broken)
    reports.process.request(each, Sample.of_rows([], 0), reference)
    eventually(lambda: reports.process.failed == failed + 3, timeout=120)
    assert len(reports.made) == made
    assert caplog.text.count(f"no report for window {each.key}") == 3
    reports.one(each, sample, reference)
    assert reports.process.pid == pid


def test_a_killed_process_is_replaced_at_the_next_request(
    reports: Reports, reference: Path, caplog: pytest.LogCaptureFixture
) -> None:
    each = window(11, drift=drift(dict.fromkeys(COLUMNS, 0.01)))
    sample = sample_of(bank(300, seed=36))
    reports.one(each, sample, reference)
    pid = reports.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    failed = reports.process.failed
    reports.process.request(each, sample, reference)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: reports.process.failed == failed + 1, timeout=120)
    assert "its process ended (exit code -9" in caplog.text
    reports.one(each, sample, reference)
    assert reports.process.pid not in (None, pid)


def test_the_process_ignores_ctrl_c(reports: Reports, reference: Path) -> None:
    each = window(12, drift=drift(dict.fromkeys(COLUMNS, 0.01)))
    sample = sample_of(bank(300, seed=37))
    reports.one(each, sample, reference)
    pid = reports.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    reports.one(each, sample, reference)
    assert reports.process.pid == pid


def test_the_parent_never_imports_evidently(reports: Reports, reference: Path) -> None:
    each = window(13, drift=drift(dict.fromkeys(COLUMNS, 0.01)))
    reports.one(each, sample_of(bank(300, seed=38)), reference)
    code = "import sys, monitor.window_sink, monitor.reports.process; sys.exit('evidently' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_asking_never_waits_the_oldest_makes_room_and_close_waits_for_the_rest(
    tmp_path: Path, reference: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(state_dir=tmp_path, max_reports=2)
    reports = Reports(settings, most_waiting=3)
    sample = sample_of(bank(300, seed=39))
    quiet = drift(dict.fromkeys(COLUMNS, 0.01))
    eventually(lambda: reports.process.pid is not None, timeout=120)
    pid = reports.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that the first request is at work until the last one has come
    reports.process.request(window(0, drift=quiet), sample, reference)
    eventually(lambda: reports.process.waiting == 0)
    for day in range(1, 8):
        reports.process.request(window(day, drift=quiet), sample, reference)
    os.kill(pid, signal.SIGCONT)
    assert reports.process.dropped == 4
    assert caplog.text.count("reports are made too slowly") == 4
    assert reports.process.close(120.0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    # the first, and the last three, of which the cap has kept two, in the folder and in the workspace
    assert [path.name[:8] for path in reports.made] == ["20250101", "20250106", "20250107", "20250108"]
    assert sorted(path.name[:8] for path in tmp_path.glob("reports/*/*.html")) == ["20250107", "20250108"]
    assert sorted(snapshot["name"][11:21] for snapshot in reports.snapshots()) == ["2025-01-07", "2025-01-08"]
    reports.process.request(window(9, drift=quiet), sample, reference)
    assert reports.process.close()


def test_closing_is_bounded(tmp_path: Path, reference: Path) -> None:
    reports = Reports(load_settings(state_dir=tmp_path))
    sample = sample_of(bank(300, seed=40))
    for day in range(3):
        reports.process.request(window(day, drift=drift(dict.fromkeys(COLUMNS, 0.01))), sample, reference)
    eventually(lambda: reports.process.pid is not None, timeout=120)
    pid = reports.process.pid
    assert pid is not None
    assert not reports.process.close(0.0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert reports.made == []


def test_no_report_is_made_where_none_may_be_kept(tmp_path: Path, reference: Path) -> None:
    reports = Reports(load_settings(state_dir=tmp_path, max_reports=0))
    reports.process.request(window(), Sample.of_rows([], 0), reference)
    assert reports.process.close()
    assert reports.process.pid is None


PARENT = """
import sys, time
from pathlib import Path
from contract.settings import load_settings
from monitor.reports.process import ReportProcess
from monitor.timeline.samples import Sample
from tests.support.windows import window

if __name__ == "__main__":
    process = ReportProcess(load_settings(state_dir=Path(sys.argv[1])))
    process.request(window(), Sample.of_rows([], 0), Path(sys.argv[1]) / "never")
    while process.pid is None:
        time.sleep(0.01)
    print(process.pid, flush=True)
    time.sleep(600)
"""


def test_the_process_dies_with_its_parent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")  # reading it never ends: the process is at work when its parent dies
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.kill()
    parent.wait()

    def gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        status = Path(f"/proc/{child}/stat")
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z"

    try:
        eventually(gone, timeout=30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
