from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import UserError
from contract.schema import load_schema
from producer.delays import LabelDelay
from producer.scenario import DEFAULT_START, Scenario
from producer.scenario_options import ScenarioOptions, read_scenario

SCHEMA = load_schema("bank_churn")
DAY = 86_400_000


@given(rows=st.integers(1, 10_000), period=st.integers(1, 400 * DAY), data=st.data())
def test_event_times_are_even_and_do_not_depend_on_chunks(rows: int, period: int, data: st.DataObject) -> None:
    scenario = Scenario(period=period)
    first = data.draw(st.integers(0, rows - 1))

    times = scenario.event_times(0, rows, rows)

    assert times[0] == scenario.start
    assert times[-1] < scenario.start + period
    assert np.ptp(np.diff(times)) <= 1 if rows > 2 else True
    assert scenario.event_times(first, rows - first, rows).tolist() == times[first:].tolist()


def test_the_default_is_the_same_on_any_day() -> None:
    assert Scenario().start == DEFAULT_START == 1_735_689_600_000
    assert ScenarioOptions().build(SCHEMA) == Scenario()


def test_options_as_given_on_the_command_line() -> None:
    options = ScenarioOptions("2024-06-01", "90d", 500.0, "3d", label_share=0.5, drifts=("Age:shift=8,from=1d",))

    scenario = options.build(SCHEMA)

    assert (scenario.start, scenario.period, scenario.rate) == (1_717_200_000_000, 90 * DAY, 500.0)
    assert (scenario.label_delay, scenario.label_share) == (LabelDelay("constant", 3 * DAY, 3 * DAY), 0.5)
    assert scenario.drifts[0].start == scenario.start + DAY


def test_a_file_gives_the_same_scenario_and_flags_win(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(
        """
        start = 2024-06-01T02:00:00+02:00
        period = "90d"
        rate = 500
        label_delay = "3d"
        label_share = 1
        drift = [
            "Age:shift=8,from=1d",
            { kind = "mix", feature = "Geography", amount = 0.5, to = "Spain", from = 2024-07-01, until = "60d" },
        ]
        """
    )

    scenario = ScenarioOptions(label_share=0.5, drifts=("flip=0.1",)).over(read_scenario(path)).build(SCHEMA)

    texts = ("Age:shift=8,from=1d", "Geography:mix=0.5,to=Spain,from=30d,until=60d", "flip=0.1")
    assert scenario == ScenarioOptions("2024-06-01", "90d", 500.0, "3d", label_share=0.5, drifts=texts).build(SCHEMA)


def test_drift_tables_of_toml(tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text('[[drift]]\nkind = "shift"\nfeature = "Age"\namount = 8\nfrom = 2025-01-21T00:00:00Z\n')

    assert read_scenario(path).build(SCHEMA) == ScenarioOptions(drifts=("Age:shift=8,from=20d",)).build(SCHEMA)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("period = 30d", "is not TOML"),
        ("pace = 3", "unknown field `pace`; the keys are start, period, rate"),
        ('rate = "fast"', r"Expected `float \| null`, got `str` - at `\$.rate`"),
        ('[[drift]]\nkind = "shift"\nfeature = "Age"', "drift Age: the amount is missing"),
        ('[[drift]]\nkind = "shift"\nfeature = "Age"\namount = 8\nfrom = 20', "from: '20' is not a point in time"),
        ('[[drift]]\nkind = "shift"\nfeature = "Age"\namount = [1]', r"shift: \[1\] is not a finite number"),
        ("[[drift]]\nkind = []", "kind .* is not known"),
        ('[[drift]]\nkind = "shift"\nfeature = []\namount = 1', "is not a feature of bank_churn"),
        ('start = "yesterday"', "start: 'yesterday' is not a time; write ISO 8601"),
        ('period = "long"', "period: 'long' is not a duration"),
        ('period = "0d"', "period got 0"),
        ("rate = 0", "rate got 0"),
        ("label_share = 1.5", "label share got 1.5"),
        ("negative_label_share = -0.5", "label share, negative got -0.5"),
        ('positive_label_delay = "late"', "label delay 'late'"),
        ('label_delay = "late"', "label delay 'late'"),
        ('drift = ["Age:shift"]', "drift 'Age:shift'"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text)

    with pytest.raises(UserError, match=message):
        read_scenario(path).build(SCHEMA)


def test_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.toml cannot be read: No such file"):
        read_scenario(tmp_path / "none.toml")
