"""The challenger's budget, and when it comes and goes, on a registry that says what the test wants."""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from prometheus_client import REGISTRY

from contract.messages import ModelRef
from contract.schema import load_schema
from contract.settings import load_settings
from scorer.models.challenger import FREE_SECONDS, GRACE_SECONDS, MOST_FAILED_IN_A_ROW, MOST_LEFT_BEHIND, Challenger
from scorer.models.isolation import BrokenModelError
from scorer.models.scores import Scores
from scorer.testing import LogisticModel, MemoryRegistry
from tests.support.polling import eventually

SCHEMA = load_schema("bank_churn")
CHAMPION = LogisticModel()
"""Version 1."""


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Nobody:
    """A classifier that nobody asks."""

    def predict_proba(self, X: Any) -> Any:
        raise NotImplementedError


class SteppedSeconds:
    """Seconds that pass when the test says so, and while a challenger works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> SteppedSeconds:
    return SteppedSeconds()


@pytest.fixture
def registry() -> MemoryRegistry:
    """Five versions, none of which has the alias."""
    registry = MemoryRegistry(SCHEMA)
    for _ in range(5):
        registry.register(Nobody())
    return registry


@pytest.fixture
def champion() -> list[int]:
    return [1]


@pytest.fixture
def challenger(registry: MemoryRegistry, seconds: SteppedSeconds, champion: list[int]) -> Challenger:
    return Challenger(
        load_settings(challenger_budget=0.5, model_poll_ms=100), lambda: champion[0], source=registry, clock=seconds
    )


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "churnstream")

    def lines() -> list[str]:
        found = [f"{record.levelname} {record.getMessage()}" for record in caplog.records]
        caplog.clear()
        return found

    return lines


def takes(seconds: SteppedSeconds, duration: float, answers: Sequence[Any] = (1,)) -> Callable[[Scores], Sequence[Any]]:
    def work(_model: Scores) -> Sequence[Any]:
        seconds.now += duration
        return answers

    return work


def follow(challenger: Challenger, registry: MemoryRegistry, version: int | None) -> None:
    registry.move_alias(version)
    challenger.look()


def test_it_scores_under_its_own_role_and_its_answers_come_back_in_order(
    challenger: Challenger, registry: MemoryRegistry, said: Callable[[], list[str]]
) -> None:
    assert challenger.answer([lambda model: [model.ref]], CHAMPION, 1.0) is None
    follow(challenger, registry, 2)
    found = challenger.answer([lambda model: [model.ref], lambda _model: ["a", "b"]], CHAMPION, 1.0)
    assert found == [[ModelRef("churn", 2, "challenger")], ["a", "b"]]
    assert challenger.version == 2
    assert value("churnstream_challenger_version") == 2
    assert said() == ["INFO churn v2 scores beside the champion, as @challenger"]


def test_the_alias_brings_the_next_one_and_takes_it_away(
    challenger: Challenger, registry: MemoryRegistry, said: Callable[[], list[str]]
) -> None:
    follow(challenger, registry, 2)
    follow(challenger, registry, 3)
    follow(challenger, registry, None)
    assert challenger.version is None
    assert challenger.answer([lambda model: [model.ref]], CHAMPION, 1.0) is None
    assert value("churnstream_challenger_version") == 0
    challenger.look()
    assert said()[1:] == [
        "INFO churn v3 scores beside the champion, as @challenger, in place of v2",
        "INFO churn v3 no longer has the alias @challenger; no version scores beside the champion",
    ]


def test_the_champion_does_not_score_twice(
    challenger: Challenger, registry: MemoryRegistry, champion: list[int]
) -> None:
    follow(challenger, registry, 1)
    assert (challenger.version, registry.loads) == (None, [])
    follow(challenger, registry, 2)
    # promoted: at once, and before the alias is looked at
    asked: list[Scores] = []
    promoted = LogisticModel(ref=ModelRef("churn", 2))
    assert challenger.answer([lambda model: [asked.append(model)]], promoted, 1.0) is None
    assert not asked
    champion[0] = 2
    challenger.look()
    assert challenger.version is None
    # rolled back
    champion[0] = 1
    challenger.look()
    assert challenger.version == 2


def test_one_within_its_share_goes_on_for_good(
    challenger: Challenger, registry: MemoryRegistry, seconds: SteppedSeconds
) -> None:
    follow(challenger, registry, 2)
    for _ in range(10_000):
        assert challenger.answer([takes(seconds, 0.5)], CHAMPION, 1.0) == [(1,)]
    # and so does one of which each batch is small
    for _ in range(10_000):
        assert challenger.answer([takes(seconds, FREE_SECONDS)], CHAMPION, 0.0001) == [(1,)]


def test_one_over_its_share_is_dropped_when_it_has_used_up_its_grace(
    challenger: Challenger, registry: MemoryRegistry, seconds: SteppedSeconds, said: Callable[[], list[str]]
) -> None:
    dropped = value("churnstream_challenger_dropped_total", reason="slow")
    follow(challenger, registry, 2)
    said()
    batches = 0
    while challenger.answer([takes(seconds, 0.6)], CHAMPION, 1.0) is not None:
        batches += 1
    assert batches == pytest.approx(GRACE_SECONDS / 0.1, abs=1)
    assert value("churnstream_challenger_dropped_total", reason="slow") == dropped + 1
    assert challenger.answer([takes(seconds, 0.1)], CHAMPION, 1.0) is None
    [line] = said()
    assert "WARNING churn v2 is no longer the challenger: it took 0.6 s for a batch that takes the champion 1 s" in line
    assert "CHURNSTREAM_CHALLENGER_BUDGET (0.5)" in line

    for _ in range(3):
        challenger.look()
    assert (challenger.version, registry.loads) == (None, [2])
    follow(challenger, registry, 1)
    follow(challenger, registry, 2)
    assert challenger.version == 2


def test_a_pause_is_forgiven_after_a_while(
    challenger: Challenger, registry: MemoryRegistry, seconds: SteppedSeconds
) -> None:
    follow(challenger, registry, 2)
    for _ in range(20):
        assert challenger.answer([takes(seconds, 0.9)], CHAMPION, 1.0)
        for _ in range(4):
            assert challenger.answer([takes(seconds, 0.4)], CHAMPION, 1.0)


def test_one_that_hangs_is_left_behind_and_three_of_them_are_the_end(
    registry: MemoryRegistry, champion: list[int], said: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scorer.models.challenger.GRACE_SECONDS", 0.01)
    challenger = Challenger(load_settings(), lambda: champion[0], source=registry)
    release = threading.Event()

    def hang(_model: Scores) -> Sequence[int]:
        release.wait()
        return (1,)

    for version in range(2, 2 + MOST_LEFT_BEHIND):
        follow(challenger, registry, version)
        assert challenger.version == version
        assert challenger.answer([hang], CHAMPION, 0.001) is None
        assert challenger.version is None
    assert sum("is no longer the challenger" in line for line in said()) == MOST_LEFT_BEHIND
    for _ in range(2):
        follow(challenger, registry, 5)
    assert challenger.version is None
    [line] = said()
    assert "3 dropped challengers hang" in line
    release.set()

    def looked() -> bool:
        challenger.look()
        return challenger.version == 5

    eventually(looked)


def fails(error: Exception, _model: Scores) -> Sequence[int]:
    raise error


@pytest.mark.parametrize("error", [BrokenModelError("model churn v2 scores none"), MemoryError(), KeyError("Age")])
def test_whatever_it_raises_it_is_dropped(
    challenger: Challenger, registry: MemoryRegistry, error: Exception, said: Callable[[], list[str]]
) -> None:
    dropped = value("churnstream_challenger_dropped_total", reason="failing")
    follow(challenger, registry, 2)
    said()
    assert challenger.answer([partial(fails, error)], CHAMPION, 1.0) is None
    assert challenger.version is None
    assert value("churnstream_challenger_dropped_total", reason="failing") == dropped + 1
    [line] = said()
    assert line.startswith("WARNING churn v2 is no longer the challenger: ")


def test_one_that_fails_on_some_records_goes_on_and_on_all_of_them_is_dropped(
    challenger: Challenger, registry: MemoryRegistry, seconds: SteppedSeconds
) -> None:
    failures = value("churnstream_challenger_failures_total")
    follow(challenger, registry, 2)
    for _ in range(100):
        assert challenger.answer([takes(seconds, 0, [1, None])], CHAMPION, 1.0) == [[1, None]]
    assert value("churnstream_challenger_failures_total") == failures + 100
    for _ in range(MOST_FAILED_IN_A_ROW):
        assert challenger.answer([takes(seconds, 0, [None]), lambda _model: []], CHAMPION, 1.0)
    assert challenger.answer([takes(seconds, 0, [None])], CHAMPION, 1.0) is None
    assert challenger.version is None


def test_one_that_is_refused_is_told_once_and_the_one_before_gives_way(
    challenger: Challenger, registry: MemoryRegistry, said: Callable[[], list[str]]
) -> None:
    dropped = value("churnstream_challenger_dropped_total", reason="refused")
    registry.damaged = {3}
    follow(challenger, registry, 2)
    said()
    for _ in range(3):
        follow(challenger, registry, 3)
    assert challenger.version is None
    assert value("churnstream_challenger_dropped_total", reason="refused") == dropped + 1
    [gone, line] = said()
    assert gone == "INFO churn v2 gives way to v3"
    assert "WARNING churn v3 is no longer the challenger" in line
    assert "damaged" in line


def test_an_outage_of_the_registry_changes_nothing(
    challenger: Challenger, registry: MemoryRegistry, said: Callable[[], list[str]]
) -> None:
    follow(challenger, registry, 2)
    registry.find_failure = MlflowException("no answer")
    said()
    for _ in range(3):
        challenger.look()
    assert challenger.version == 2
    [line] = said()
    assert "churn v2 goes on scoring beside the champion" in line
