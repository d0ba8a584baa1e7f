"""The review of a version: facts and figures in MLflow, and one page that loads nothing, read in a browser."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from churnstream.cli import app
from contract.errors import UserError
from contract.models.registry import registry_client
from contract.settings import Settings, load_settings
from tests.support.browser import open_browser
from tests.support.tables.toy import SURNAME, toy_table
from training.quality.costs import Costs
from training.review.facts import ReviewFacts
from training.review.made import FACTS_ARTIFACT
from training.review.page import PAGE
from training.review.stored import write_review
from training.train import TrainingResult, train

MISSED, NEEDLESS = 5.0, 1.0


@dataclass(frozen=True)
class ReviewedStore:
    """A store with one version, which decides by costs, and the folder it is in."""

    settings: Settings
    folder: Path
    result: TrainingResult

    @property
    def client(self) -> MlflowClient:
        return registry_client(self.settings)

    def facts(self, to: Path) -> ReviewFacts:
        content = Path(self.client.download_artifacts(self.result.run_id, FACTS_ARTIFACT, str(to))).read_bytes()
        return msgspec.json.decode(content, type=ReviewFacts)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewedStore]:
    folder = tmp_path_factory.mktemp("review")
    before = Path.cwd()
    os.chdir(folder)  # where the store's artifacts are kept
    try:
        settings = load_settings(mlflow_tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
        table = toy_table(2_000)
        table.loc[:4, "Age"] = 3
        result = train(settings, table, figures=True, costs=Costs(MISSED, NEEDLESS))
        yield ReviewedStore(settings, folder, result)
    finally:
        os.chdir(before)


def test_the_page_is_read_offline_without_a_request_or_an_error(trained: ReviewedStore, tmp_path: Path) -> None:
    out = tmp_path / "review.html"
    arguments = ["review", "--out", str(out), "--tracking-uri", trained.settings.mlflow_tracking_uri]
    shown = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    assert f"Review of churn v1: {out}" in shown.stdout
    asked: list[str] = []
    told: list[str] = []
    with open_browser() as browser:
        context = browser.new_context(offline=True, viewport={"width": 1000, "height": 800})
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.goto(out.as_uri())
        assert page.title() == "Review of churn v1"
        drawn = page.evaluate("[...document.images].map(each => each.complete && each.naturalWidth > 0)")
        assert len(drawn) >= 8
        assert all(drawn)
        headings = page.locator("h2").all_inner_texts()
        wide = page.evaluate("document.documentElement.scrollWidth")
        links = page.evaluate("[...document.links].map(each => document.querySelector(each.hash) !== null)")
        text = page.inner_text("main")
    assert [url for url in asked if not url.startswith("data:")] == [out.as_uri()]
    assert told == []
    assert {"Data", "Split", "Candidates", "Calibration", "Thresholds by cost", "Over time"} <= set(headings)
    assert {"Groups of customers", "What it goes by", "Limits of use", "Lineage"} <= set(headings)
    assert wide <= 1000
    assert links
    assert all(links)
    assert "champion" in text
    assert trained.result.split_hash in text


def test_costs_set_the_threshold_and_are_told_in_mlflow(trained: ReviewedStore, tmp_path: Path) -> None:
    assert trained.result.threshold == pytest.approx(NEEDLESS / (NEEDLESS + MISSED))
    run = trained.client.get_run(trained.result.run_id)
    assert (run.data.params["cost_fn"], run.data.params["cost_fp"]) == ("5", "1")
    (row,) = trained.facts(tmp_path).costs.rows
    logged = run.data.metrics
    false_negatives, false_positives = logged["test_fn"], logged["test_fp"]
    expected = 1_000 * (MISSED * false_negatives + NEEDLESS * false_positives) / trained.result.test_rows
    assert logged["test_cost_per_1000"] == pytest.approx(expected) == pytest.approx(row.cost)
    nobody = 1_000 * MISSED * (logged["test_fn"] + logged["test_tp"]) / trained.result.test_rows
    assert logged["test_saved_per_1000_against_calling_nobody"] == pytest.approx(nobody - expected)
    assert logged["threshold"] == pytest.approx(trained.result.threshold)


def test_facts_are_of_the_table_and_name_no_person(trained: ReviewedStore, tmp_path: Path) -> None:
    facts = trained.facts(tmp_path)
    assert (facts.data.rows_read, facts.data.held_out.rows) == (2_000, trained.result.test_rows)
    assert [(one.column, one.rows) for one in facts.data.left_out] == [("Age", 5)]
    assert facts.metrics["roc_auc"][0] == trained.result.metrics["roc_auc"]
    assert {segment.feature for segment in facts.segments} == {"Geography", "Gender", "Age"}
    for segment in facts.segments:
        assert sum(group.rows for group in segment.groups) == trained.result.test_rows
    assert {one.feature for one in facts.explained[:3]} == {"Age", "IsActiveMember", "Geography"}  # the toy's rule
    there = {file.path for file in trained.client.list_artifacts(trained.result.run_id)}
    assert PAGE in there
    written = write_review(trained.settings, "1", tmp_path / "again.html").path.read_text()
    for text in (written, msgspec.json.encode(facts).decode()):
        assert SURNAME not in text
        assert "Surname" not in text


def test_what_has_become_of_the_version_since_is_on_the_page(trained: ReviewedStore, tmp_path: Path) -> None:
    trained.client.set_model_version_tag("churn", "1", "churnstream.forced", "<b>because</b> I say so")
    written = write_review(trained.settings, "@champion", tmp_path / "review.html").path.read_text()
    assert "&lt;b&gt;because&lt;/b&gt; I say so" in written
    assert "<b>because" not in written


@pytest.mark.parametrize(("content", "said"), [(None, "has no review"), (b"{]", "damaged"), (b"{}", "damaged")])
def test_a_version_without_a_readable_review_says_what_to_do(
    trained: ReviewedStore, tmp_path: Path, content: bytes | None, said: str
) -> None:
    client = trained.client
    run = client.create_run("0").info.run_id
    if content is not None:
        (tmp_path / "facts.json").write_bytes(content)
        client.log_artifact(run, str(tmp_path / "facts.json"), "review")
    source = client.get_model_version("churn", "1").source
    number = client.create_model_version("churn", source, run).version
    with pytest.raises(UserError, match=said) as refused:
        write_review(trained.settings, str(number), tmp_path / "out.html")
    assert "train it again" in str(refused.value)
    assert not (tmp_path / "out.html").exists()


def test_a_place_that_cannot_be_written_is_told(trained: ReviewedStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another --out"):
        write_review(trained.settings, "1", tmp_path / "no" / "review.html")
