"""Promotion and rollback on a real MLflow store. The versions are made once, each test has a copy of the store."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from contract.errors import UserError
from contract.models.aliases import read_reigns
from contract.models.bundle import REFERENCE_ARTIFACT
from contract.models.registry import find_version, registry_client
from contract.schema import load_schema
from contract.settings import Settings
from contract.split.held_out import held_out
from tests.support.mlflow.store import copied_store, store_in
from tests.support.tables.toy import toy_table
from training.registered import tags
from training.registered.promotion import promote, rollback
from training.registered.tries import Note, read_notes, spend
from training.table.split_files import LEARNED_FROM
from training.train import train

SCHEMA = load_schema("bank_churn")
ROWS = 2_000
GOOD, GOOD_TOO, POOR = 1, 2, 3


def poor(table: pd.DataFrame) -> pd.DataFrame:
    """The table, with ages that say nothing about the labels in the rows that are not held out."""
    test = held_out(table["CustomerId"].astype(str).to_numpy(object))
    shuffled = table.sample(frac=1, random_state=1).reset_index(drop=True)
    spoiled = table.copy()
    spoiled.loc[~test, "Age"] = shuffled["Age"]
    return spoiled


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of three versions, two good ones and a poor one; the first has the alias."""
    folder = tmp_path_factory.mktemp("trained")
    settings = store_in(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train(settings, toy_table(ROWS))
        train(settings, toy_table(ROWS), seed=1)
        train(settings, poor(toy_table(ROWS)))
    return folder


@pytest.fixture
def settings(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The store, copied; artifacts are read where they were made."""
    monkeypatch.chdir(tmp_path)
    return copied_store(trained, tmp_path)


@pytest.fixture
def client(settings: Settings) -> MlflowClient:
    return registry_client(settings)


def champion(client: MlflowClient, settings: Settings) -> int | None:
    return find_version(client, settings)


def test_a_version_is_promoted_only_if_it_is_better_by_more_than_noise(
    settings: Settings, client: MlflowClient
) -> None:
    poor_one = promote(settings, str(POOR))
    assert not poor_one.promoted
    assert poor_one.comparison is not None
    assert poor_one.comparison.high < 0
    assert champion(client, settings) == GOOD

    client.set_registered_model_alias("churn", "champion", str(POOR))
    better = promote(settings, f"churn/{GOOD_TOO}")
    assert better.promoted
    assert better.comparison is not None
    assert better.comparison.low > 0
    assert champion(client, settings) == GOOD_TOO


def test_force_promotes_what_is_not_proven_better_and_says_so_in_a_tag(
    settings: Settings, client: MlflowClient
) -> None:
    verdict = promote(settings, str(POOR), force=True)
    assert verdict.promoted
    assert champion(client, settings) == POOR
    assert client.get_model_version("churn", str(POOR)).tags[tags.FORCED] == verdict.reason
    assert tags.FORCED not in client.get_model_version("churn", str(GOOD)).tags


def test_the_champion_is_left_as_it_is(settings: Settings, client: MlflowClient) -> None:
    assert "already" in promote(settings, "@champion").reason
    with pytest.raises(UserError, match="no version that had"):
        rollback(settings)
    assert champion(client, settings) == GOOD


def test_rollback_goes_back_one_version_at_a_time(settings: Settings, client: MlflowClient) -> None:
    for version in (POOR, GOOD_TOO):
        promote(settings, str(version), force=True)
    first, second = rollback(settings), rollback(settings)
    assert (first.before, first.now) == (GOOD_TOO, POOR)
    assert (second.before, second.now) == (POOR, GOOD)
    assert champion(client, settings) == GOOD
    with pytest.raises(UserError, match="no version that had @champion before churn v1"):
        rollback(settings)


def test_rollback_passes_over_a_version_that_is_gone(settings: Settings, client: MlflowClient) -> None:
    for version in (POOR, GOOD_TOO):
        promote(settings, str(version), force=True)
    client.delete_model_version("churn", str(POOR))
    back = rollback(settings)
    assert back.now == GOOD
    assert back.passed_over == ("churn v3 is gone",)


def test_a_crash_between_history_and_alias_does_no_harm(
    settings: Settings, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(settings, str(GOOD_TOO), force=True)

    def killed(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_registered_model_alias", killed)
        with pytest.raises(KeyboardInterrupt):
            promote(settings, str(POOR), force=True)
    assert champion(client, settings) == GOOD_TOO
    assert rollback(settings).now == GOOD


def reigns(client: MlflowClient) -> list[int]:
    """Which versions got the alias, in their order, as the tag says; each at a time of its own."""
    noted = read_reigns(client.get_registered_model("churn").tags[tags.REIGNS + "champion"])
    assert [each.since for each in noted] == sorted({each.since or 0 for each in noted})
    return [each.version for each in noted]


def test_since_when_a_version_has_the_alias_is_noted_whoever_gives_it(settings: Settings, client: MlflowClient) -> None:
    assert reigns(client) == [GOOD], "by train"
    promote(settings, str(POOR), force=True)
    assert reigns(client) == [GOOD, POOR]
    rollback(settings)
    assert reigns(client) == [GOOD, POOR, GOOD]
    assert promote(settings, str(GOOD)).promoted
    assert reigns(client) == [GOOD, POOR, GOOD], "it had it"


def test_an_alias_is_given_also_where_the_time_cannot_be_noted(
    settings: Settings, client: MlflowClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_tag = MlflowClient.set_registered_model_tag

    def fails_for_reigns(self: MlflowClient, name: str, key: str, value: str) -> None:
        if key.startswith(tags.REIGNS):
            raise OSError("MLflow is away")
        set_tag(self, name, key, value)

    monkeypatch.setattr(MlflowClient, "set_registered_model_tag", fails_for_reigns)
    assert promote(settings, str(POOR), force=True).promoted
    assert champion(client, settings) == POOR
    assert "but the time of the change could not be noted (MLflow is away)" in caplog.text
    assert reigns(client) == [GOOD]


def test_rollback_without_a_champion_says_what_to_do(settings: Settings, client: MlflowClient) -> None:
    client.delete_registered_model_alias("churn", "champion")
    with pytest.raises(UserError, match="churnstream promote VERSION"):
        rollback(settings)


@pytest.mark.parametrize("force", [False, True])
def test_what_the_reports_protocol_made_is_never_promoted(
    settings: Settings, client: MlflowClient, force: bool
) -> None:
    client.set_model_version_tag("churn", str(GOOD_TOO), tags.PROTOCOL, tags.STUDY)
    with pytest.raises(UserError, match="report's protocol"):
        promote(settings, str(GOOD_TOO), force=force)
    client.delete_model_version_tag("churn", str(GOOD_TOO), tags.PROTOCOL)
    client.set_tag(client.get_model_version("churn", str(GOOD_TOO)).run_id, tags.PROTOCOL, tags.STUDY)
    with pytest.raises(UserError, match="report's protocol"):
        promote(settings, str(GOOD_TOO), force=force)
    assert champion(client, settings) == GOOD


@pytest.mark.parametrize("force", [False, True])
def test_a_model_without_our_card_is_never_promoted(
    settings: Settings, client: MlflowClient, tmp_path: Path, force: bool
) -> None:
    from sklearn.linear_model import LogisticRegression

    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    mlflow.sklearn.save_model(model, tmp_path / "foreign", serialization_format="skops", pip_requirements=[])
    client.create_model_version("churn", str(tmp_path / "foreign"))
    with pytest.raises(UserError, match="no churnstream card"):
        promote(settings, "4", force=force)
    assert champion(client, settings) == GOOD


def test_a_champion_of_another_split_is_not_compared_with(settings: Settings, client: MlflowClient) -> None:
    client.set_registered_model_alias("churn", "champion", str(POOR))
    client.set_model_version_tag("churn", str(POOR), tags.SPLIT_SEED, "7")
    refused = promote(settings, str(GOOD))
    assert not refused.promoted
    assert refused.comparison is None
    assert "split seed 7" in refused.reason
    assert champion(client, settings) == POOR
    assert promote(settings, str(GOOD), force=True).forced
    assert champion(client, settings) == GOOD


def test_of_a_champion_that_held_out_others_the_rows_it_has_learned_from_are_left_out(
    settings: Settings, client: MlflowClient, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client.delete_model_version_tag("churn", str(GOOD_TOO), tags.JUDGED)
    before = promote(settings, str(GOOD_TOO)).comparison
    run_id = client.get_model_version("churn", str(GOOD)).run_id
    client.set_model_version_tag("churn", str(GOOD), tags.SPLIT_RULE, "as earlier releases had it")
    client.delete_model_version_tag("churn", str(GOOD_TOO), tags.JUDGED)
    with caplog.at_level("WARNING"):
        found = promote(settings, str(GOOD_TOO))
    assert found.comparison == before, "it has learned from none of them after all"
    assert "has learned from" not in caplog.text

    path = next(file for file in trained.rglob(LEARNED_FROM) if run_id in file.parts)
    held = pd.read_parquet(path.with_name("X_test.parquet"))
    learned = pd.read_parquet(path)
    kept = path.read_bytes()
    try:
        pd.concat([learned, held.iloc[:40]]).to_parquet(path, index=False)
        client.delete_model_version_tag("churn", str(GOOD_TOO), tags.JUDGED)
        with caplog.at_level("WARNING"):
            found = promote(settings, str(GOOD_TOO))
        assert "churn v1 has learned from 40 of the held-out rows" in caplog.text
        assert f"on {len(held) - 40} held-out rows" in found.reason
        pd.concat([learned, held.iloc[10:]]).to_parquet(path, index=False)
        client.delete_model_version_tag("churn", str(GOOD_TOO), tags.JUDGED)
        refused = promote(settings, str(GOOD_TOO))
        assert not refused.promoted
        assert "has learned from all but 10 of the held-out rows" in refused.reason
        path.unlink()
        assert "does not hold the rows it learned from" in promote(settings, str(GOOD_TOO)).reason
    finally:
        path.write_bytes(kept)


def test_a_reference_sample_with_other_columns_is_refused(
    settings: Settings, client: MlflowClient, trained: Path
) -> None:
    run_id = client.get_model_version("churn", str(GOOD_TOO)).run_id
    path = next(file for file in trained.rglob(REFERENCE_ARTIFACT) if run_id in file.parts)
    kept = path.read_bytes()
    try:
        pd.read_parquet(path).rename(columns={"Age": "Years"}).to_parquet(path)
        with pytest.raises(UserError, match="have no column Age"):
            promote(settings, str(GOOD_TOO))
        path.write_bytes(b"no parquet")
        with pytest.raises(UserError, match="cannot be read"):
            promote(settings, str(GOOD_TOO))
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9", r"no model 'churn' with version 9.*it has versions 1, 2, 3"),
        ("@nobody", "alias @nobody .*it has versions 1, 2, 3.*: name one of these"),
        ("other/1", "no model 'other'.*churnstream train"),
        ("three", "names no model; give"),
        ("churn v2", "names no model; give"),
    ],
)
def test_a_version_that_is_not_there_is_told_with_the_remedy(settings: Settings, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        promote(settings, text)


def test_the_commands_say_what_happened_and_fail_where_nothing_did(settings: Settings) -> None:
    from churnstream.cli import app

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, [*arguments, "--tracking-uri", settings.mlflow_tracking_uri])
        return done.exit_code, done.output

    code, said = run("promote", str(POOR))
    assert (code, "does not take @champion" in said) == (3, True)
    code, said = run("promote", str(POOR), "--force")
    assert (code, "takes @champion from churn v1, as --force says" in said) == (0, True)
    code, said = run("rollback")
    assert (code, "@champion is churn v1 again; it was churn v3" in said) == (0, True)


def compared(client: MlflowClient) -> set[tuple[str, int, int]]:
    """Which rows have decided between which two versions, as the registered model's tags say."""
    notes = read_notes(client.get_registered_model("churn").tags)
    return {(note.rows, note.challenger, note.champion) for note in notes}


def test_what_train_has_judged_is_said_again_and_costs_nothing(settings: Settings, client: MlflowClient) -> None:
    spent = compared(client)
    assert spent == {("customer/0", GOOD_TOO, GOOD), ("customer/0", POOR, GOOD)}, "by train"
    first, again = promote(settings, str(POOR)), promote(settings, str(POOR))
    assert first == again
    assert "98.33 % interval" in again.reason, "the second comparison on these rows"
    assert "as needed for comparison 2 on them" in again.reason
    assert promote(settings, str(POOR), force=True).forced
    assert compared(client) == spent


def test_another_champion_is_another_comparison(settings: Settings, client: MlflowClient) -> None:
    client.set_registered_model_alias("churn", "champion", str(POOR))
    verdict = promote(settings, str(GOOD_TOO))
    assert verdict.comparison is not None
    assert verdict.comparison.confidence == pytest.approx(1 - 2 * 0.05 / 12)
    assert ("customer/0", GOOD_TOO, POOR) in compared(client)


def test_a_crash_after_a_look_at_the_rows_gives_no_free_try(
    settings: Settings, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.set_registered_model_alias("churn", "champion", str(GOOD_TOO))

    def killed(*_args: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.registered.promotion.compare", killed)
        with pytest.raises(KeyboardInterrupt):
            promote(settings, str(POOR))
    assert ("customer/0", POOR, GOOD_TOO) in compared(client)
    spent = compared(client)
    client.delete_model_version("churn", str(GOOD))
    verdict = promote(settings, str(POOR))
    assert compared(client) == spent
    assert "as needed for comparison 3 on them" in verdict.reason, "a version that is gone has been tried, too"


def test_two_trainings_at_the_same_time_both_count(settings: Settings, client: MlflowClient) -> None:
    """Each notes before it counts, so whoever counts last counts all, and the i-th errs with no more than its share."""
    before = len(compared(client))
    notes = [Note("customer/0", 100 + number, GOOD) for number in range(6)]
    with ThreadPoolExecutor(3) as pool:
        numbers = list(pool.map(lambda note: spend(registry_client(settings), settings, note), notes))
    assert len(compared(client)) == before + len(notes)
    found = sorted(number for number in numbers if number is not None)
    assert len(found) == len(notes)
    assert all(number >= place for place, number in enumerate(found, start=before + 1))


def test_rows_that_are_used_up_decide_nothing_more(
    settings: Settings, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.registered.tries.MOST_COMPARISONS", 2)
    assert spend(client, settings, Note("customer/0", POOR, GOOD)) == 2, "that is one of the two"
    client.set_registered_model_alias("churn", "champion", str(POOR))
    verdict = promote(settings, str(GOOD_TOO))
    assert (verdict.promoted, verdict.comparison) == (False, None)
    assert "another --split-seed" in verdict.reason
    assert promote(settings, str(GOOD_TOO), force=True).forced
