from pathlib import Path

import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from contract.errors import UserError
from contract.schema import load_schema
from producer.display import warnings
from producer.scenario import Scenario
from producer.scenario_options import ScenarioOptions

DAY = 86_400_000
NOW = Scenario().start + 100 * DAY
RUN = CliRunner()


def failure(*arguments: str) -> str:
    result = RUN.invoke(app, arguments)
    assert isinstance(result.exception, UserError), result.output
    return str(result.exception)


def test_synth_writes_the_same_file_for_the_same_seed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        result = RUN.invoke(
            app, ["data", "synth", "--rows", "50", "--seed", "3", "--out", str(tmp_path / f"{name}.csv")]
        )
        assert result.exit_code == 0, result.output

    assert (tmp_path / "one.csv").read_text() == (tmp_path / "two.csv").read_text()
    assert len((tmp_path / "one.csv").read_text().splitlines()) == 51


def test_synth_replaces_a_file_only_when_told_to(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text("mine")

    assert "already exists" in failure("data", "synth", "--rows", "50", "--out", str(path))
    assert path.read_text() == "mine"
    assert RUN.invoke(app, ["data", "synth", "--rows", "50", "--force", "--out", str(path)]).exit_code == 0
    assert path.read_text().startswith("RowNumber,")


def test_replay_refuses_rows_beside_a_table(tmp_path: Path) -> None:
    assert "--rows and --seed are only for the synthetic bank" in failure(
        "replay", "--data", str(tmp_path), "--rows", "5"
    )


def test_replay_refuses_a_mistake_before_it_looks_for_kafka() -> None:
    assert "'Years' is not a feature" in failure("replay", "--drift", "Years:shift=8")
    assert "is not a file" in failure("replay", "--data", "none.csv")


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (ScenarioOptions(), []),
        (ScenarioOptions(period="90d", label_delay="5d"), []),
        (ScenarioOptions(period="200d"), ["more than a day ahead of when they are sent are dead-lettered"]),
        (ScenarioOptions(label_delay="exponential:mean=1d,max=70d"), ["labels may come 70d after their record"]),
    ],
)
def test_what_will_be_dead_lettered_is_said_before(scenario: ScenarioOptions, expected: list[str]) -> None:
    found = list(warnings(scenario.build(load_schema("bank_churn")), 1_000, 60 * DAY, NOW))

    assert len(found) == len(expected)
    assert all(text in warning for text, warning in zip(expected, found, strict=True))
