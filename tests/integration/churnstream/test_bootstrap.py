"""``churnstream init`` on a real broker and a real registry: the first time it makes what lacks, then nothing more."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnstream.stack.bootstrap import initialise
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import misfits
from contract.models.registry import find_version, registry_client
from contract.settings import Settings, load_settings
from producer.synthetic import write_csv
from tests.support.paths import SHIPPED_SCHEMA


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)  # where a database's artifacts go
    return load_settings(
        kafka={"bootstrap.servers": broker},
        topic_prefix=topic_prefix,
        state_dir=tmp_path / "state",
        mlflow_tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}",
    )


def test_topics_and_a_champion_are_made_once(settings: Settings, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    write_csv(table, 1_000, seed=3)
    first = initialise(settings, table)
    assert first.startswith("10 topics created; churn v1 is the first @champion, trained on ")
    assert misfits(admin_client(settings), settings) == []
    assert initialise(settings, table) == "all topics exist; churn v1 is already champion"
    assert find_version(registry_client(settings), settings) == 1


def test_a_model_that_guesses_is_no_champion_unless_forced(settings: Settings, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    write_csv(table, 1_000, seed=3)
    guessed = pd.read_csv(table)
    guessed["Exited"] = np.random.default_rng(5).permutation(guessed["Exited"])
    guessed.to_csv(table, index=False)
    with pytest.raises(UserError, match=r"does not take @champion: its ROC AUC.*no better than guessing.*FORCE=1"):
        initialise(settings, table)
    assert find_version(registry_client(settings), settings) is None
    assert "churn v2 takes @champion, as --force says" in initialise(settings, table, force=True)
    assert find_version(registry_client(settings), settings) == 2


def test_another_data_set_needs_a_table(settings: Settings) -> None:
    other = settings.model_copy(update={"dataset": str(SHIPPED_SCHEMA)})
    with pytest.raises(UserError, match=r"no champion of churn and no table .*give a table with --data"):
        initialise(other, None)
