"""A whole selection on a real MLflow store: its runs, its result, and that it can be repeated."""

import math
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from typer.testing import CliRunner

from contract.errors import UserError
from contract.messages import ModelRef
from contract.models.bundle import REFERENCE_ARTIFACT
from contract.models.registry import MODEL_HASH_TAG, file_hash, positive_probabilities, registry_client
from contract.records import features_type
from contract.schema import load_schema
from contract.settings import Settings
from contract.split.held_out import held_out
from monitor.reports.reference import ReferenceCache
from scorer.models.loaded import load_model
from tests.support.mlflow.store import full_disk
from tests.support.models import small_pipeline
from tests.support.tables.toy import SURNAME, toy_table
from training.kinds.kinds import KINDS
from training.registered.mlflow_runs import open_run
from training.registered.register import Trained, register
from training.selection.develop import finish
from training.selection.measure import measure
from training.selection.search import Plan
from training.table.prepare import outside, read_table
from training.table.split import folds
from training.train import TrainingResult, train

SCHEMA = load_schema("bank_churn")
PLAN = Plan("random", ("tree", "naive_bayes", "voting"), trials=2)
METRICS = (
    *("duration_seconds", "score_1000_ms", "accuracy", "precision", "recall", "f1", "roc_auc", "average_precision"),
    *("brier", "log_loss", "calibration_error", "tn", "fp", "fn", "tp"),
)
TIMED = ("duration_seconds", "score_1000_ms")


@pytest.fixture
def settings(store: Settings) -> Settings:
    return store


def runs_of(settings: Settings, role: str) -> pd.DataFrame:
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    found = mlflow.search_runs(
        experiment_names=["churn training"], filter_string=f"tags.`churnstream.role` = '{role}'", max_results=1_000
    )
    assert isinstance(found, pd.DataFrame)
    return found


def test_a_selection_leaves_a_run_for_each_kind_and_sampling_with_its_trials_below(settings: Settings) -> None:
    result = train(settings, toy_table(), plan=PLAN, figures=False)
    assert result.selection is not None
    candidates = runs_of(settings, "candidate")
    pairs = {(kind, sampling) for kind in PLAN.kinds for sampling in PLAN.samplings}
    assert set(zip(candidates["params.kind"], candidates["params.sampling"], strict=True)) == pairs
    assert len(candidates) == 9
    assert (candidates["status"] == "FINISHED").all()
    assert not candidates[[f"metrics.{name}" for name in METRICS]].isna().any().any()
    assert set(candidates["params.search"]) == {"random"}
    assert set(candidates["params.max_depth"].dropna()) >= {"6"}

    trials = runs_of(settings, "trial")
    by_parent = trials.groupby("tags.mlflow.parentRunId").size()
    names = candidates.set_index("run_id")["tags.mlflow.runName"]
    expected = {name: 1 if name.startswith("voting") else 2 for name in names}
    assert {names[parent]: count for parent, count in by_parent.items()} == expected
    assert not trials[[f"metrics.{name}" for name in METRICS]].isna().any().any()

    tested = candidates.dropna(subset=["metrics.test_f1"])
    assert tested["run_id"].tolist() == [result.run_id]
    assert tested["metrics.test_f1"].item() == result.metrics["f1"]
    [selection] = runs_of(settings, "selection").to_dict("records")
    assert selection["params.chosen"] == result.candidate.name == result.selection.ordered[0].name
    assert "F1" in selection["params.rule"]
    assert set(candidates["tags.churnstream.selection"]) == {selection["run_id"]} == {result.selection.run_id}


def test_the_chosen_run_has_figures_split_and_card(settings: Settings) -> None:
    table = toy_table()
    plan = Plan(kinds=("tree", "naive_bayes"), samplings=("plain",), trials=0)
    result = train(settings, table, plan=plan, split_dir=Path("kept"))
    client = registry_client(settings)
    folder = Path(client.download_artifacts(result.run_id, ""))
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for figure in ("roc", "precision_recall", "calibration", "confusion", "threshold"):
        assert {f"figures/{figure}.png", f"figures/test_{figure}.png"} <= there
    assert {"figures/test_importance.png", "model_card.md", "churnstream/schema.toml", REFERENCE_ARTIFACT} <= there
    for part in ("X_train", "X_test", "y_train", "y_test"):
        for kind in ("csv", "parquet"):
            kept = (Path("kept") / f"{part}.{kind}").read_bytes()
            assert (folder / "split" / f"{part}.{kind}").read_bytes() == kept
    test = held_out(table["CustomerId"].astype(str).to_numpy(object))
    assert pd.read_csv(folder / "split/X_test.csv")["Age"].tolist() == table.loc[test, "Age"].tolist()
    card = (folder / "model_card.md").read_text()
    assert "Chosen from 2 candidates" in card
    assert str(client.get_model_version("churn", "1").description) == card
    assert load_schema(str(folder / "churnstream" / "schema.toml")).fingerprint == SCHEMA.fingerprint


def figures_of(result: TrainingResult) -> object:
    assert result.selection is not None
    return [
        (each.name, each.parameters, {name: value for name, value in each.metrics.items() if name not in TIMED})
        for each in result.selection.candidates
    ]


def test_the_same_command_and_seed_give_the_same_metrics_and_the_same_split(settings: Settings) -> None:
    plan = replace(PLAN, search="bayes", samplings=("plain", "smote"))
    first, second = (train(settings, toy_table(), plan=plan, figures=False) for _ in range(2))
    assert first.split_hash == second.split_hash
    assert figures_of(first) == figures_of(second)
    assert (first.metrics, first.intervals) == (second.metrics, second.intervals)
    other = train(settings, toy_table(), plan=plan, figures=False, split_seed=1)
    assert other.split_hash != first.split_hash
    assert figures_of(other) != figures_of(first)


def test_models_of_two_split_seeds_are_not_compared(settings: Settings) -> None:
    train(settings, toy_table())
    second = train(settings, toy_table(), split_seed=1)
    assert not second.verdict.promoted
    assert "--split-seed 0" in second.verdict.reason
    forced = train(settings, toy_table(), split_seed=1, force=True)
    assert forced.verdict.promoted
    version = registry_client(settings).get_model_version("churn", str(forced.version))
    assert "split seed" in version.tags["churnstream.forced"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_registered_model_of_every_kind_scores_as_it_did_before_it_was_saved(settings: Settings, kind: str) -> None:
    table = toy_table(400)
    rows = read_table(table, SCHEMA)
    test = held_out(rows.customers)
    X, y = outside(rows, test)
    splits = folds(rows.customers[~test], y, 0, 2)
    candidate = measure(kind, "smote", {}, small_pipeline(kind, "smote", SCHEMA), X, y, splits)
    made = finish(candidate, rows, test, splits)
    client = registry_client(settings)
    with open_run(client, kind, {}) as run:
        trained = Trained(
            made.fitted.classifier, candidate.threshold, rows.data_hash, made.held_out, "card", "schema", {}, {}, {}
        )
        register(client, settings, SCHEMA, trained, run)
    model = load_model(settings, 1)
    feature = features_type(SCHEMA)
    records = [feature(**row) for row in table.loc[test, list(SCHEMA.names)].to_dict("records")]
    batch = model.score(records)[0]
    alone = np.array([model.score([record])[0][0] for record in records[:10]])
    assert np.abs(batch - made.held_out.scores).max() <= 1e-6
    assert np.abs(alone - made.held_out.scores[:10]).max() <= 1e-6
    assert np.abs(positive_probabilities(made.fitted.classifier, made.held_out.X) - batch).max() <= 1e-6


def test_a_reference_sample_with_other_columns_is_refused(settings: Settings, tmp_path: Path) -> None:
    result = train(settings, toy_table())
    [path] = [path for path in tmp_path.rglob("training_sample.parquet") if result.run_id in str(path)]
    pd.read_parquet(path).rename(columns={"Age": "Alter"}).to_parquet(path, index=False)
    with pytest.raises(UserError, match="no column Age"):
        ReferenceCache(settings.mlflow_tracking_uri, tmp_path / "cache", SCHEMA).load(ModelRef("churn", 1))


def test_another_model_in_the_file_is_refused(settings: Settings, tmp_path: Path) -> None:
    """A file that skops reads well, with another model in it, and with the hash forged as well."""
    train(settings, toy_table())
    [path] = tmp_path.rglob("model.skops")
    skops.io.dump(small_pipeline("naive_bayes", "plain", SCHEMA).fit(*learned()), path)
    seal(settings, path)
    with pytest.raises(UserError, match="does not answer as when it was registered"):
        load_model(settings)


def test_a_sampler_in_a_model_file_is_refused(settings: Settings, tmp_path: Path) -> None:
    train(settings, toy_table())
    [path] = tmp_path.rglob("model.skops")
    skops.io.dump(small_pipeline("naive_bayes", "smote", SCHEMA).fit(*learned()), path)
    seal(settings, path)
    with pytest.raises(UserError, match=r"refused.*SMOTENC"):
        load_model(settings)


def test_a_search_that_breaks_off_leaves_failed_runs_and_no_version(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow.sklearn, "log_model", full_disk)
    with pytest.raises(UserError, match="No space left"):
        train(settings, toy_table(), plan=Plan(kinds=("tree",), samplings=("plain",), trials=0), figures=False)
    assert runs_of(settings, "selection")["status"].tolist() == ["FAILED"]
    assert registry_client(settings).search_registered_models() == []


def invoke(settings: Settings, *arguments: str) -> tuple[int, str]:
    from churnstream.cli import app

    command = ["train", *arguments, "--tracking-uri", settings.mlflow_tracking_uri]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    return done.exit_code, done.stdout


def test_the_command_compares_and_says_by_what_it_chose(settings: Settings, tmp_path: Path) -> None:
    toy_table().to_csv(tmp_path / "t.csv", index=False)
    options = ["--data", "t.csv", "--kinds", "naive_bayes, tree", "--samplings", "plain,smote", "--jobs", "1"]
    code, said = invoke(
        settings, *options, "--search", "exhaustive", "--trials", "2", "--split-dir", "kept", "--no-figures"
    )
    assert code == 0
    assert "4 candidates on validation folds, best first" in said
    assert "drawn at random: " in said
    assert "tree 2 of 96" in said
    assert "naive_bayes 2 of 11" in said
    assert set(runs_of(settings, "candidate")["params.searched"]) == {"2 of 96", "2 of 11"}
    assert "The rule: highest F1" in said
    assert "95 % interval" in said
    assert "Next: churnstream score" in said
    assert SURNAME not in said
    assert (tmp_path / "kept" / "split.json").is_file()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--kinds", "tree,bush"], "--kinds got 'bush'"),
        (["--samplings", ","], "--samplings got 'nothing'"),
        (["--protocol", "report", "--all"], "leave out --all"),
        (["--protocol", "report", "--task", "regression"], "only one of"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    settings: Settings, tmp_path: Path, options: list[str], expected: str
) -> None:
    toy_table().to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=expected):
        invoke(settings, "--data", "t.csv", *options)


def test_bad_rows_can_stop_it(settings: Settings, tmp_path: Path) -> None:
    table = toy_table()
    table.loc[3, "Age"] = 3
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match="data row 4"):
        invoke(settings, "--data", "t.csv", "--on-bad-rows", "stop")
    code, _ = invoke(settings, "--data", "t.csv", "--on-bad-rows", "report")
    assert code == 0
    [bad] = tmp_path.rglob("bad_rows.json")
    assert '"column": "Age"' in bad.read_text()


def seal(settings: Settings, path: Path) -> None:
    """Make the registry take a model file for the one that was registered."""
    registry_client(settings).set_model_version_tag("churn", "1", MODEL_HASH_TAG, file_hash(path))


def learned() -> tuple[pd.DataFrame, object]:
    rows = read_table(toy_table(), SCHEMA)
    return rows.X, rows.y


def test_metrics_are_finite_in_the_plain_training_too(settings: Settings) -> None:
    result = train(settings, toy_table())
    logged = registry_client(settings).get_run(result.run_id).data.metrics
    assert all(math.isfinite(logged[name]) for name in METRICS)
