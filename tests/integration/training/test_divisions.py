"""A training by time, and one of customers with several rows, on a real MLflow store: what is kept, and compared."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from contract.durations import DAY
from contract.models.bundle import CUSTOMER_COLUMN, REFERENCE_ARTIFACT, TIME_COLUMN
from contract.models.registry import registry_client
from contract.schema import load_schema
from contract.settings import Settings
from tests.support.mlflow.store import copied_store, store_in
from training.registered import tags
from training.registered.compare_rows import unseen_rows
from training.registered.promotion import promote
from training.registered.versions import describe, reference_rows
from training.table.division import TIME_RULE
from training.table.prepare import read_table
from training.train import train

ROWS = 1_200
BY_TIME, LATER, BY_CUSTOMER = 1, 2, 3
SCHEMA = """
name = "club"
id = "member"
time = "day"
label_time = "known"
[label]
column = "left"
[features.visits]
kind = "numeric"
[features.age]
kind = "numeric"
"""


def club(rows: int = ROWS, *, each: int = 1) -> pd.DataFrame:
    """A row every six hours from 2024 on, labels known ten days later; ``each`` rows a member."""
    rng = np.random.default_rng(4)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(2 * ROWS) * 6, unit="h")
    visits, age = rng.normal(size=2 * ROWS), rng.normal(size=2 * ROWS)
    left = (rng.random(2 * ROWS) < 1 / (1 + np.exp(1 + 2 * visits))).astype(int)
    known = (days + pd.Timedelta("10d")).strftime("%Y-%m-%d %H:%M")
    members = [f"M{number:05}" for number in np.arange(2 * ROWS) // each]
    columns = {"member": members, "visits": visits, "age": age, "left": left, "known": known}
    return pd.DataFrame(columns | {"day": days.strftime("%Y-%m-%d %H:%M")}).head(rows)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a schema and a store of three versions."""
    folder = tmp_path_factory.mktemp("divided")
    (folder / "club.toml").write_text(SCHEMA)
    settings = store_in(folder).model_copy(update={"dataset": str(folder / "club.toml")})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        first = train(settings, club())
        assert first.division.said.startswith("divided by time")
        train(settings, club(2 * ROWS))
        train(settings, club(each=4), figures=False)
    return folder


@pytest.fixture
def settings(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return copied_store(trained, tmp_path).model_copy(update={"dataset": str(trained / "club.toml")})


def kept(settings: Settings, number: int) -> pd.DataFrame:
    version = describe(registry_client(settings), settings, number)
    path = registry_client(settings).download_artifacts(version.run_id, REFERENCE_ARTIFACT)
    return pd.read_parquet(io.BytesIO(Path(path).read_bytes()))


def test_a_version_says_which_rows_it_learned_from_and_keeps_when_the_others_came(settings: Settings) -> None:
    version = describe(registry_client(settings), settings, BY_TIME)
    assert version.tags[tags.SPLIT_RULE] == TIME_RULE
    assert version.tags[tags.GAP] == "10d"
    assert tags.SPLIT_SEED not in version.tags
    assert version.test_period is not None
    start, end = version.test_period
    assert version.learned_before is not None
    assert version.learned_before + 10 * DAY <= start + DAY
    frame = kept(settings, BY_TIME)
    assert len(frame) == 180
    assert frame[TIME_COLUMN].min() == start
    assert frame[TIME_COLUMN].max() == end - 1
    assert CUSTOMER_COLUMN not in frame.columns


def test_of_members_with_several_rows_a_number_is_kept_and_no_id(settings: Settings) -> None:
    version = describe(registry_client(settings), settings, BY_CUSTOMER)
    assert not version.by_time
    frame = kept(settings, BY_CUSTOMER)
    assert frame[CUSTOMER_COLUMN].value_counts().tolist() == [4] * (len(frame) // 4)
    assert sorted(frame[CUSTOMER_COLUMN].unique()) == list(range(len(frame) // 4))
    assert not frame.isin([f"M{number:05}" for number in range(ROWS)]).any().any()


def test_a_later_version_is_compared_on_rows_that_the_champion_has_not_learned_from(settings: Settings) -> None:
    client = registry_client(settings)
    later = reference_rows(client, describe(client, settings, LATER), load_schema(settings.dataset))
    assert later.times is not None
    client.set_registered_model_alias("churn", "champion", str(BY_TIME))
    verdict = promote(settings, str(LATER))
    assert verdict.comparison is not None
    assert f"on {len(later.y):,} held-out rows" in verdict.reason
    client.set_registered_model_alias("churn", "champion", str(LATER))
    back = promote(settings, str(BY_TIME))
    assert back.comparison is None
    assert "it cannot be compared with churn v2: the rows of churn v2 were divided differently" in back.reason
    assert "test on newer rows" in back.reason


def test_rows_of_a_table_that_came_after_both_learned_are_new_to_both(settings: Settings) -> None:
    client, schema = registry_client(settings), load_schema(settings.dataset)
    versions = describe(client, settings, BY_TIME), describe(client, settings, LATER)
    rows = read_table(club(2 * ROWS), schema, times=True)
    assert rows.times is not None
    bounds = [version.learned_before for version in versions]
    assert None not in bounds
    found = unseen_rows(client, versions, rows, schema)
    assert len(found.y) == (rows.times >= max(bound or 0 for bound in bounds)).sum()


def test_the_command_says_how_rows_were_divided(settings: Settings, tmp_path: Path) -> None:
    club().to_csv(tmp_path / "club.csv", index=False)
    arguments = ["train", "--data", "club.csv", "--dataset", settings.dataset, "--split", "time", "--gap", "30d"]
    done = CliRunner().invoke(app, [*arguments, "--tracking-uri", settings.mlflow_tracking_uri], catch_exceptions=False)
    assert "Divided by time: " in done.stdout
    assert "with a gap of 30d, as --gap says" in done.stdout
    assert "churn v4 on 180 held-out rows" in done.stdout
