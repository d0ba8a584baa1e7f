"""One's own table in the compose stack: what of it is replayed, and which settings would fit it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churnstream.stack.own_table import open_own
from contract.settings import Settings, load_settings
from contract.split.held_out import held_out
from producer.delays import parse_delay

SCHEMA = """
name = "club"
version = 1
id = "member"
[label]
column = "left"
[features.visits]
kind = "ordinal"
min = 0
max = 100
"""
DATES = 'time = "seen"\nlabel_time = "known"\n'
ROWS = 4_000


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    seen = pd.Timestamp("2023-01-02") + pd.to_timedelta(np.arange(ROWS) // 40, unit="D")
    frame = pd.DataFrame(
        {
            "member": [f"M{number}" for number in range(ROWS)],
            "visits": rng.integers(0, 40, ROWS),
            "left": (rng.random(ROWS) < 0.3).astype(int),
            "seen": seen,
            "known": seen + pd.to_timedelta(rng.integers(1, 15, ROWS), unit="D"),
        }
    )
    # in the stack it has this name, whatever it is
    frame.to_parquet(tmp_path / "customers.csv")
    return tmp_path / "customers.csv"


def settings(folder: Path, schema: str, **more: str) -> Settings:
    path = folder / "schema.toml"
    path.write_text(schema)
    return load_settings(dataset=str(path), **more)


def test_with_dates_the_part_behind_the_cut_is_replayed_at_its_own_times(table: Path, tmp_path: Path) -> None:
    opened, scenario, told = open_own(settings(tmp_path, DATES + SCHEMA), table, 10, None)
    assert opened.history is not None
    facts = opened.history.facts
    assert facts.first == pd.Timestamp("2023-02-21").value // 1_000_000
    assert len(opened.source) == ROWS // 2
    # some 50 days, and labels up to 14 days later, within ten seconds
    assert scenario.speed == pytest.approx((49 + 14) * 8_640, rel=0.05)
    assert any(line.startswith("cut at 2023-02-21T00:00:00Z") for line in told)


def test_without_dates_the_customers_that_were_not_learned_from_are_replayed(table: Path, tmp_path: Path) -> None:
    opened, scenario, told = open_own(settings(tmp_path, SCHEMA), table, 10, "2026-01-01")
    customers = [f"M{number}" for number in range(ROWS)]
    assert len(opened.source) == held_out(customers, share=0.5).sum()
    assert scenario.start == pd.Timestamp("2026-01-01").value // 1_000_000
    assert scenario.label_delay == parse_delay("exponential:mean=3d,max=10d")
    assert scenario.drifts == ()
    assert any("SIMULATED" in line for line in told)


def test_what_would_fit_better_is_said(table: Path, tmp_path: Path) -> None:
    given = settings(tmp_path, DATES + SCHEMA, window="3d", slide="1d", label_lateness="8d")
    told = open_own(given, table, 10, None)[2]
    assert told[-1].startswith(
        "these settings would fit the table better: WINDOW=7d SLIDE=1d LABEL_LATENESS=14d LABEL_TOLERANCE=0s"
    )
    fitting = settings(tmp_path, DATES + SCHEMA, window="7d", slide="1d", label_lateness="14d")
    assert not any("would fit" in line for line in open_own(fitting, table, 10, None)[2])
