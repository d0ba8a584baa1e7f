"""Comparisons of candidates and of versions on a real MLflow store."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from churnstream.cli import app
from contract.arrays import Floats, Labels, Mask
from contract.errors import UserError
from contract.schema import load_schema
from contract.settings import Settings
from contract.split.held_out import SPLIT_RULE, held_out
from tests.support.tables.toy import toy_table
from training.quality.evaluate import evaluate
from training.quality.intervals import METRICS
from training.registered import tags
from training.registered.compare import FIGURE, compare_models
from training.registered.compare_rows import kept_rows, unseen_rows
from training.registered.mlflow_runs import open_run
from training.registered.validation_file import VALIDATION_ARTIFACT, validation_bytes
from training.registered.versions import Version
from training.table.prepare import Table, read_table
from training.table.split_files import LEARNED_FROM, SPLIT_FOLDER
from training.train import train

SCHEMA = load_schema("bank_churn")


@pytest.fixture
def settings(store: Settings) -> Settings:
    return store


def candidate(
    client: MlflowClient, name: str, y: Labels, scores: Floats, *, threshold: float = 0.5, split: str = "s"
) -> str:
    """A run as a search leaves it."""
    with open_run(client, name, {tags.SPLIT_HASH: split}) as run:
        run.log({"threshold": threshold})
        run.content(validation_bytes(y, scores), VALIDATION_ARTIFACT)
    return run.run_id


def labels(rows: int = 600) -> tuple[Labels, Floats]:
    rng = np.random.default_rng(0)
    truth = rng.beta(1, 2, rows)
    return (rng.random(rows) < truth).astype(np.int64), truth


def test_two_candidates_are_compared_on_their_out_of_fold_probabilities(
    settings: Settings, client: MlflowClient
) -> None:
    y, good = labels()
    poor = np.clip(good + np.random.default_rng(1).normal(0, 0.5, len(y)), 0, 1)
    one, other = candidate(client, "forest smote", y, good, threshold=0.4), candidate(client, "tree plain", y, poor)
    found = compare_models(settings, one, other)
    assert found.titles == ("forest smote", "tree plain")
    assert found.contrast.metrics == (evaluate(y, good, 0.4), evaluate(y, poor, 0.5))
    assert found.contrast.differences["roc_auc"].low > 0
    assert Path(found.figure).read_bytes().startswith(b"\x89PNG")
    assert found.figure.endswith(FIGURE)
    run = client.get_run(found.run_id)
    assert run.info.run_name == "compare forest smote tree plain"
    assert run.info.status == "FINISHED"
    auc = found.contrast.differences["roc_auc"]
    assert run.data.metrics["difference/roc_auc"] == auc.value
    assert (run.data.metrics["difference/roc_auc_low"], run.data.metrics["difference/roc_auc_high"]) == (
        auc.low,
        auc.high,
    )

    candidate(client, "tree plain", y, 1 - good)
    candidate(client, "tree plain", y, poor)
    assert compare_models(settings, "forest smote", "tree plain").contrast == found.contrast  # the newest of a name

    back = compare_models(settings, other, one)
    assert back.contrast.differences["roc_auc"].value == -auc.value
    assert back.contrast.mcnemar.p == found.contrast.mcnemar.p


def test_runs_that_cannot_be_compared_are_refused(settings: Settings, client: MlflowClient) -> None:
    y, scores = labels()
    one = candidate(client, "one", y, scores)
    for other in (
        candidate(client, "other split", y, scores, split="t"),
        candidate(client, "other labels", 1 - y, scores),
        candidate(client, "fewer rows", y[1:], scores[1:]),
    ):
        with pytest.raises(UserError, match="validated on different rows"):
            compare_models(settings, one, other)
    with open_run(client, "no candidate", {}) as run:
        run.log({"f1": 0.5})
    with pytest.raises(UserError, match="so it cannot be compared"):
        compare_models(settings, one, run.run_id)
    for nothing in ("no such run", "it's none", " "):
        with pytest.raises(UserError, match="names no model; give a version"):
            compare_models(settings, one, nothing)
    with pytest.raises(UserError, match="there is no run"):
        compare_models(settings, one, "0" * 32)
    with pytest.raises(UserError, match="both names mean run"):
        compare_models(settings, one, one)
    with pytest.raises(UserError, match="leave --data out"):
        compare_models(settings, one, run.run_id, toy_table())
    with pytest.raises(UserError, match="no model 'churn' with version 3"):
        compare_models(settings, one, "3")


def made_version(
    settings: Settings,
    client: MlflowClient,
    rows: Table,
    seed: int,
    *,
    kept: bool = True,
    test: Mask | None = None,
) -> Version:
    """A version as training leaves it in MLflow, without its model; an earlier release held out ``test``."""
    split = {tags.SPLIT_RULE: SPLIT_RULE, tags.TEST_SHARE: "0.15"} if test is None else {}
    test = held_out(rows.customers, seed) if test is None else test
    with open_run(client, "made", {}) as run:
        if kept:
            path = Path(LEARNED_FROM)
            rows.X[~test].to_parquet(path, index=False)
            client.log_artifact(run.run_id, str(path), SPLIT_FOLDER)
    found = {tags.SPLIT_SEED: str(seed), tags.DATA_HASH: rows.data_hash, **split}
    return Version(settings, seed + 1, run.run_id, found)


def test_only_rows_are_used_that_neither_version_has_learned_from(settings: Settings, client: MlflowClient) -> None:
    rows = read_table(toy_table(6_000), SCHEMA)
    versions = made_version(settings, client, rows, 0, kept=False), made_version(settings, client, rows, 1, kept=False)
    found = unseen_rows(client, versions, rows, SCHEMA)
    both = held_out(rows.customers, 0) & held_out(rows.customers, 1)
    pd.testing.assert_frame_equal(found.X, rows.X[both].reset_index(drop=True))
    assert (found.y == rows.y[both]).all()
    assert 0 < len(found.y) < 0.05 * len(rows.y)


def test_in_a_table_that_has_grown_all_held_out_rows_are_new_to_both(settings: Settings, client: MlflowClient) -> None:
    grown = read_table(toy_table(4_000), SCHEMA)
    begun = read_table(toy_table(4_000).iloc[:2_500], SCHEMA)
    old, new = made_version(settings, client, begun, 0), made_version(settings, client, grown, 0)
    assert len(unseen_rows(client, (old, new), grown, SCHEMA).y) == held_out(grown.customers, 0).sum()


@pytest.mark.parametrize("grown", [True, False])
def test_rows_that_a_version_of_an_earlier_release_has_learned_from_are_left_out(
    settings: Settings, client: MlflowClient, grown: bool
) -> None:
    rows = read_table(toy_table(4_000), SCHEMA)
    begun = read_table(toy_table(4_000).iloc[: 2_500 if grown else 4_000], SCHEMA)
    its_test = held_out(begun.customers, 0, share=0.13)
    old, new = made_version(settings, client, begun, 0, test=its_test), made_version(settings, client, rows, 0)
    found = unseen_rows(client, (old, new), rows, SCHEMA)
    learned = {tuple(row) for row in begun.X[~its_test].itertuples(index=False)}
    assert not learned & {tuple(row) for row in found.X.itertuples(index=False)}
    held = held_out(rows.customers, 0)
    both = held[: len(its_test)] & ~its_test
    assert both.any()
    assert len(found.y) == held.sum() - both.sum()
    with pytest.raises(UserError, match=r"different or unknown (data|rules of the split)"):
        kept_rows(client, old, new, SCHEMA)


def test_what_cannot_be_known_or_is_too_little_is_refused(settings: Settings, client: MlflowClient) -> None:
    rows, other = read_table(toy_table(), SCHEMA), read_table(toy_table(seed=1), SCHEMA)
    known = made_version(settings, client, rows, 0)
    unknown = Version(settings, 9, known.run_id, {tags.DATA_HASH: rows.data_hash})
    with pytest.raises(UserError, match="split seed was not kept"):
        unseen_rows(client, (known, unknown), rows, SCHEMA)
    with pytest.raises(UserError, match="does not hold the rows it learned from"):
        unseen_rows(client, (known, made_version(settings, client, other, 0, kept=False)), rows, SCHEMA)
    with pytest.raises(UserError, match="--split-seed"):
        unseen_rows(client, (known, made_version(settings, client, rows, 1)), rows, SCHEMA)


def test_two_versions_are_compared_on_the_rows_kept_with_them_or_on_a_table(
    settings: Settings, client: MlflowClient, tmp_path: Path
) -> None:
    table = toy_table(2_000)
    first, second = train(settings, table), train(settings, table, seed=1)
    kept = compare_models(settings, "churn/2", "@champion")
    given = compare_models(settings, "2", "1", table)
    assert kept.titles == given.titles == ("churn v2", "churn v1")
    assert kept.contrast == given.contrast
    assert kept.contrast.metrics[0]["roc_auc"] == pytest.approx(second.metrics["roc_auc"])
    assert kept.contrast.metrics[1]["f1"] == pytest.approx(first.metrics["f1"])
    assert client.get_run(kept.run_id).info.run_name == "compare v2 v1"
    with pytest.raises(UserError, match="both names mean churn v1"):
        compare_models(settings, "1", "@champion")

    table.to_csv(tmp_path / "customers.csv", index=False)
    arguments = ["compare", "2", "1", "--data", "customers.csv", "--tracking-uri", settings.mlflow_tracking_uri]
    shown = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    for name in METRICS:
        low, high = given.contrast.intervals[0][name]
        value = given.contrast.metrics[0][name]
        assert f"{value:.3f} ({low:.3f} {high:.3f})".replace("(0.", "(.").replace(" 0.", " .") in shown.stdout
    assert max(len(line) for line in shown.stdout.split("\n")[1:13]) <= 80
    assert "McNemar" in shown.stdout
    assert FIGURE in shown.stdout

    client.set_model_version_tag("churn", "2", tags.SPLIT_SEED, "7")
    with pytest.raises(UserError, match="different or unknown split seeds"):
        compare_models(settings, "2", "1")
