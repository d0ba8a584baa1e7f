"""Who is challenger, on a real MLflow store of good and broken versions."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from churnstream.cli import app
from contract.errors import UserError
from contract.models.aliases import CHALLENGER
from contract.models.registry import find_version, registry_client
from contract.settings import Settings
from tests.support.versions import FIVE, move_alias, store_with
from training.registered.challenge import challenge, end_challenge


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return store_with(tmp_path, FIVE)


def aliases(settings: Settings) -> dict[str, int]:
    client: MlflowClient = registry_client(settings)
    found = client.get_registered_model(settings.model_name).aliases
    return {alias: int(version) for alias, version in found.items()}


def test_a_version_that_could_be_champion_becomes_challenger(settings: Settings) -> None:
    assert challenge(settings, "3") == "churn v3 scores beside churn v1 from now on, as @challenger."
    assert challenge(settings, "churn/3") == "churn v3 has @challenger already."
    assert challenge(settings, "5") == "churn v5 scores beside churn v1 from now on, as @challenger, in place of v3."
    assert aliases(settings) == {"champion": 1, CHALLENGER: 5}
    assert end_challenge(settings) == "churn v5 no longer has @challenger; the champion scores alone."
    assert end_challenge(settings) == "No version of model churn has @challenger."
    assert aliases(settings) == {"champion": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1", "is the champion and scores already"),
        ("2", FIVE[1].value),
        ("4", FIVE[3].value),
        ("9", "it has versions 1, 2, 3, 4, 5"),
    ],
)
def test_what_the_scorer_would_refuse_is_refused_here(settings: Settings, text: str, reason: str) -> None:
    move_alias(settings, 3, CHALLENGER)
    with pytest.raises(UserError, match=reason):
        challenge(settings, text)
    assert aliases(settings) == {"champion": 1, CHALLENGER: 3}


def test_without_a_champion_there_is_nothing_to_challenge(settings: Settings) -> None:
    registry_client(settings).delete_registered_model_alias("churn", "champion")
    with pytest.raises(UserError, match="churnstream promote 3"):
        challenge(settings, "3")


def test_the_command(settings: Settings) -> None:
    where = ["--tracking-uri", settings.mlflow_tracking_uri]
    done = CliRunner().invoke(app, ["challenge", "3", *where])
    assert (done.exit_code, done.stdout) == (0, "churn v3 scores beside churn v1 from now on, as @challenger.\n")
    assert CliRunner().invoke(app, ["challenge", "--end", *where]).exit_code == 0
    assert find_version(registry_client(settings), settings.model_copy(update={"model_alias": CHALLENGER})) is None
    for wrong in ([], ["3", "--end"]):
        assert isinstance(CliRunner().invoke(app, ["challenge", *wrong, *where]).exception, UserError)
