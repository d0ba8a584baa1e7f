"""A part of ``benchmarks/drift_quality.py``, with bounds: few false alarms, and what the rule is for is found."""

import importlib
from typing import Any

import pytest

from tests.support.paths import ROOT


@pytest.fixture
def quality(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("drift_quality")


def test_the_benchmark_keeps_its_promises_in_small(quality: Any) -> None:
    streams = [quality.SyntheticStream(900 + number, pool=10_000) for number in range(2)]
    verdicts = quality.undrifted(streams, 300, 60, 901)
    assert sum(quality.alarmed(one, quality.LEVELS["7 d each day"]) for one in verdicts) <= 4
    prepared = quality.prepare(streams, 904)
    for name in ("Age + 5", "a new country, 2 %", "Geography unrelated to the rest"):
        runs = [found for found, _ in quality.found_after(prepared, name, 2, 4, 902)]
        assert quality.caught(runs, quality.LEVELS["hourly"]).found == 4, name
    again = quality.same_customers(streams, 300, 3, 16, 903)
    assert len(again) == 16
    assert sum(quality.alarmed(one, quality.LEVELS["7 d each day"]) for one in again) <= 2
