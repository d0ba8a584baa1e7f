"""Retraining on what a stream has learned, from a real broker into a real MLflow store."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from mlflow import MlflowClient
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from churnstream.cli import app
from contract.messages import ModelRef
from contract.models.registry import find_version, registry_client
from contract.settings import Settings
from tests.support.dashboard.sent import StreamWriter, message
from tests.support.dashboard.told import incident
from tests.support.kafka.topics import environment, stream_settings
from tests.support.messages import DAY, START
from tests.support.mlflow.store import copied_store, store_in
from tests.support.paths import ROOT
from tests.support.retraining.dying import STEPS
from tests.support.retraining.learned import (
    SCHEMA,
    customers,
    model_input,
    scores_of,
    write_learned,
    write_progress,
)
from tests.support.sizes import size
from tests.support.tables.toy import SURNAME, toy_table
from training.kinds.kinds import xgboost_pipeline
from training.outcomes.reading import read_scored
from training.registered import tags
from training.registered.challenge import challenge
from training.retrain.lineage import LINEAGE_ARTIFACT, retrained_versions
from training.retrain.options import RetrainOptions
from training.retrain.retrain import RetrainingResult, retrain
from training.train import train

CHAMPION = ModelRef("churn", 1)
BEFORE, AFTER = 600, 900
"""Records before the relation flipped on day 20, and after."""
FLIP = START + 20 * DAY
RELATION = RetrainOptions(when=("performance",), policy="promote")


@pytest.fixture(scope="module")
def made(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A champion, and a stream that it has scored: 20 days as in its table, then 30 days of the opposite."""
    folder = tmp_path_factory.mktemp("retrain")
    store = store_in(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = stream_settings(
            broker,
            f"retrain-{os.getpid()}-",
            folder / "state",
            mlflow_tracking_uri=store.mlflow_tracking_uri,
            label_lateness=3 * DAY,
        )
        train(settings, toy_table(1_000))
        write_learned(settings, CHAMPION, customers(BEFORE, seed=1), first_day=0, days=20)
        write_learned(settings, CHAMPION, customers(AFTER, seed=2, flipped=True), first_day=20, days=30)
        # scored, and their time is not up: labels of these would be of those who are quick to leave
        write_learned(settings, CHAMPION, customers(50, seed=3, flipped=True), first_day=51, days=1)
        write_learned(settings, CHAMPION, customers(50, seed=4), first_day=52, days=1, labels=False)
        write_progress(settings, 53.5)
        relation = msgspec.structs.replace(incident("relation", day=0), model=CHAMPION, start=FLIP)
        StreamWriter(settings).write([message(relation)])
        yield settings


@pytest.fixture(scope="module")
def trained(made: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, RetrainingResult]:
    """The version that an incident has called for, in a store of its own."""
    folder = tmp_path_factory.mktemp("trained")
    settings = _in_a_copy(made, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return settings, retrain(settings, RELATION)


@pytest.fixture
def settings(made: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The stream, and a store of the test's own in which there is the champion alone."""
    monkeypatch.chdir(tmp_path)
    return _in_a_copy(made, tmp_path)


@pytest.fixture
def client(settings: Settings) -> MlflowClient:
    return registry_client(settings)


def _in_a_copy(settings: Settings, folder: Path) -> Settings:
    store = copied_store(Path(settings.mlflow_tracking_uri.removeprefix("sqlite:///")).parent, folder)
    return settings.model_copy(update={"mlflow_tracking_uri": store.mlflow_tracking_uri})


def test_a_stream_is_read_as_what_was_scored_and_what_came_of_it(settings: Settings) -> None:
    records, passage = read_scored(settings, SCHEMA)
    assert (len(records), int(records.usable.sum())) == (BEFORE + AFTER + 100, BEFORE + AFTER)
    assert (np.diff(records.times) >= 0).all()
    assert records.scored_by(CHAMPION).all()
    assert passage.maturity == 3 * DAY
    assert passage.mature_before == START + int(50.5 * DAY)

    later, passage = read_scored(settings, SCHEMA, since=FLIP, until=FLIP + DAY, maturity=DAY, features=False)
    assert later.times.min() >= FLIP
    assert later.times.max() < FLIP + DAY
    assert (len(later), later.X.shape[1]) == (AFTER // 30, 0)
    assert passage.mature_before == START + int(52.5 * DAY)


def test_the_next_version_gains_what_the_rows_can_give(trained: tuple[Settings, RetrainingResult]) -> None:
    settings, found = trained
    assert found.decision.trains
    assert (found.decision.since, found.version) == (FLIP, 2)
    assert found.became is not None
    assert not found.became.refused
    assert find_version(registry_client(settings), settings) == 2
    assert "v1 has ROC AUC 0." in str(found.compared)

    records, _ = read_scored(settings, SCHEMA, since=FLIP)
    taken = records.usable
    oracle = xgboost_pipeline(SCHEMA, 42).fit(records.X[taken], records.labels[taken])
    to_come = customers(4_000, seed=9, flipped=True)
    old, new = (roc_auc_score(to_come.Exited, scores_of(settings, number, to_come)) for number in (1, 2))
    best = roc_auc_score(to_come.Exited, oracle.predict_proba(model_input(to_come))[:, 1])
    assert old < 0.3
    assert abs((new - old) / (best - old) - 1) < 0.2


def test_a_version_carries_its_lineage_and_nothing_private(trained: tuple[Settings, RetrainingResult]) -> None:
    settings, found = trained
    client = registry_client(settings)
    version = client.get_model_version("churn", str(found.version))

    assert version.tags[tags.RETRAINED_TOPICS] == f"{settings.topic_prefix}predictions,{settings.topic_prefix}outcomes"
    assert version.tags[tags.RETRAINED_FROM] == "2025-01-21T00:00:00.000+00:00"
    assert version.tags[tags.RETRAINED_UNTIL] < "2025-02-20"
    assert version.tags[tags.RETRAINED_ROWS] == str(AFTER)
    assert "relation" in version.tags[tags.RETRAINED_BECAUSE]
    assert version.tags[tags.NEW_TO] == "1"
    assert version.tags[tags.RETRAINING_POLICY] == "promote"
    lineage = json.loads(Path(client.download_artifacts(str(version.run_id), LINEAGE_ARTIFACT)).read_text())
    assert lineage["hash"] == version.tags[tags.RETRAINING]
    assert [place["begin"] for place in lineage["read"]["predictions"]] == [0, 0]
    written = Path(client.download_artifacts(str(version.run_id), ""))
    for file in written.rglob("*"):
        assert file.is_dir() or SURNAME.encode() not in file.read_bytes(), file


def test_what_has_been_learned_from_already_is_not_learned_from_again(
    trained: tuple[Settings, RetrainingResult],
) -> None:
    settings, _ = trained
    again = retrain(settings, RetrainOptions())
    assert (again.decision.trains, again.version) == (False, None)
    assert "only 0 records" in again.decision.reasons[-1]
    assert len(retrained_versions(registry_client(settings), settings)) == 1


def test_whether_it_is_time_can_be_asked_and_nothing_is_done(settings: Settings, client: MlflowClient) -> None:
    quiet = retrain(settings, RetrainOptions(when=("drift",)))
    assert (quiet.decision.trains, quiet.version) == (False, None)
    asked = retrain(settings, replace(RELATION, trains=False))
    assert (asked.decision.trains, asked.version) == (True, None)
    waiting = retrain(settings, RetrainOptions(until=START + 8 * DAY))
    assert "and 20 are needed" in waiting.decision.reasons[-1]
    assert retrained_versions(client, settings) == []


def test_a_table_is_added_and_the_version_becomes_challenger(
    settings: Settings, client: MlflowClient, tmp_path: Path
) -> None:
    toy_table(300, seed=5).to_csv(tmp_path / "table.csv", index=False)
    found = retrain(settings, RetrainOptions(policy="challenger", table=tmp_path / "table.csv"))

    assert found.trained is not None
    assert found.trained.table.rows_read == BEFORE + AFTER + 300
    assert int(client.get_model_version_by_alias("churn", "challenger").version) == found.version
    assert "already" in challenge(settings, str(found.version))
    assert find_version(client, settings) == 1


@pytest.mark.parametrize("step", size(ci=["after registration"], full=list(STEPS)))
def test_killed_and_started_again_it_registers_one_version(
    settings: Settings, client: MlflowClient, step: str, tmp_path: Path
) -> None:
    died = subprocess.run(
        [sys.executable, "-m", "tests.support.retraining.dying", step],
        cwd=tmp_path,
        env=environment(settings) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr

    retrain(settings, RELATION)
    (version,) = retrained_versions(client, settings)
    assert (version.number, version.policy) == (2, "promote")
    assert find_version(client, settings) == 2
    assert len(client.search_model_versions("name='churn'")) == 2
    retrain(settings, RetrainOptions(policy="promote"))
    assert len(client.search_model_versions("name='churn'")) == 2


def test_the_command_says_why_and_ends_with_3_where_the_version_does_not_take_the_alias(
    settings: Settings, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    told = CliRunner().invoke(app, ["retrain", "--when", "drift"])
    assert told.exit_code == 0, told.output
    assert "1,500 of them can be learned from" in told.output
    assert "50 have a label, but their time (3d) is not up" in told.output
    assert "Nothing is trained: churn v1 has no open incident of drift" in told.output

    # as good as the champion, and no better: these are the rows from before the flip
    told = CliRunner().invoke(app, ["retrain", "--until", "2025-01-21", "--policy", "promote"])
    assert told.exit_code == 3, told.output
    lines = told.output.strip().splitlines()
    assert lines[-2].startswith("churn v2 does not take @champion from churn v1")
    assert lines[-1] == "Next: churnstream promote 2 --force, if it should score anyway"
    assert find_version(client, settings) == 1
