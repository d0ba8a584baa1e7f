"""The rules by which the champion is followed, on a registry that says and does what the test wants."""

import itertools
import logging
import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import OperationalError

from contract.errors import UserError
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.testing import ManualClock
from contract.worker.process import in_background
from scorer.models.swap import Champion, Refusal, Serving
from scorer.testing import MemoryRegistry
from tests.support.polling import eventually

SCHEMA = load_schema("bank_churn")
OUTAGES = [
    MlflowException("no answer"),
    ConnectionRefusedError(111, "Connection refused"),
    TimeoutError("timed out"),
    OperationalError("SELECT 1", None, Exception("database is locked")),
    UserError("there is no model registry at mlflow.db"),
]


class Constant:
    """A classifier that nobody asks."""

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        raise NotImplementedError


def point(registry: MemoryRegistry, version: int) -> None:
    """Give the alias to ``version``, registered if it is not yet."""
    while version not in registry.versions:
        registry.register(Constant())
    registry.move_alias(version)


@pytest.fixture
def settings() -> Settings:
    return load_settings(model_poll_ms=100)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry(SCHEMA)


@pytest.fixture
def refusals() -> list[tuple[int, str]]:
    return []


@pytest.fixture
def champion(
    settings: Settings, registry: MemoryRegistry, clock: ManualClock, refusals: list[tuple[int, str]]
) -> Champion:
    return Champion(
        settings, source=registry, clock=clock, on_refusal=lambda version, reason: refusals.append((version, reason))
    )


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """What was logged since the last call."""
    caplog.set_level(logging.INFO, "churnstream.swap")

    def lines() -> list[tuple[str, str]]:
        found = [(record.levelname, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return found

    return lines


def version(champion: Champion) -> int | None:
    return champion.model.ref.version if champion.model else None


def refused(champion: Champion) -> int | None:
    return champion.refused.version if champion.refused else None


def test_a_new_version_takes_over_and_the_old_one_too(
    champion: Champion, registry: MemoryRegistry, clock: ManualClock, said: Callable[[], list[tuple[str, str]]]
) -> None:
    point(registry, 2)
    champion.load()
    assert (version(champion), champion.since) == (2, 1_000)
    assert said() == [("INFO", "churn v2 scores")]
    clock.advance(10)
    champion.look()
    assert (registry.loads, said(), champion.since) == ([2], [], 1_000)
    point(registry, 3)
    champion.look()
    assert (version(champion), champion.since) == (3, 1_010)
    assert said() == [("INFO", "churn v3 took over from v2")]
    point(registry, 2)
    champion.look()
    assert version(champion) == 2
    assert said() == [("INFO", "churn v2 took over from v3")]


def test_a_version_that_fails_its_checks_is_refused_once_and_again_only_after_the_alias_has_moved(
    champion: Champion,
    registry: MemoryRegistry,
    refusals: list[tuple[int, str]],
    said: Callable[[], list[tuple[str, str]]],
) -> None:
    registry.damaged = {2}
    point(registry, 1)
    champion.load()
    said()
    point(registry, 2)
    for _ in range(3):
        champion.look()
    assert version(champion) == 1
    assert champion.refused == Refusal(2, "model churn v2 is refused: damaged")
    assert refusals == [(2, "model churn v2 is refused: damaged")]
    assert registry.loads == [1, 2]
    [(level, line)] = said()
    assert level == "WARNING"
    assert "churn v2 is refused: damaged" in line
    assert "churn v1 goes on scoring" in line

    registry.damaged = set()
    champion.look()
    assert version(champion) == 1
    point(registry, 1)
    champion.look()
    assert champion.refused is None
    assert registry.loads == [1, 2]
    point(registry, 2)
    champion.look()
    assert version(champion) == 2
    assert registry.loads == [1, 2, 2]


def test_a_refusal_ends_where_another_version_takes_over_or_the_alias_goes(
    champion: Champion, registry: MemoryRegistry, said: Callable[[], list[tuple[str, str]]]
) -> None:
    registry.damaged = {2, 3}
    point(registry, 1)
    champion.load()
    point(registry, 2)
    champion.look()
    point(registry, 3)
    champion.look()
    assert refused(champion) == 3
    point(registry, 4)
    champion.look()
    assert (version(champion), refused(champion)) == (4, None)
    point(registry, 2)
    champion.look()
    registry.move_alias(None)
    champion.look()
    assert (version(champion), refused(champion)) == (4, None)
    assert [line.split(":")[0] for level, line in said() if level == "WARNING"][:3] == [
        "churn v2 does not take over",
        "churn v3 does not take over",
        "churn v2 does not take over",
    ]


@pytest.mark.parametrize("failure", OUTAGES, ids=lambda error: type(error).__name__)
def test_an_outage_is_waited_out_and_told_when_it_begins_and_ends(
    champion: Champion, registry: MemoryRegistry, failure: Exception, said: Callable[[], list[tuple[str, str]]]
) -> None:
    point(registry, 1)
    champion.load()
    said()
    registry.find_failure = failure
    point(registry, 2)
    for _ in range(3):
        champion.look()
    assert (version(champion), champion.refused) == (1, None)
    [(level, line)] = said()
    assert level == "WARNING"
    assert "churn v1 goes on scoring" in line
    registry.find_failure = None
    champion.look()
    assert version(champion) == 2
    assert [level for level, _ in said()] == ["INFO", "INFO"]
    registry.find_failure = failure
    champion.look()
    assert [level for level, _ in said()] == ["WARNING"]


@pytest.mark.parametrize("failure", OUTAGES[:-1], ids=lambda error: type(error).__name__)
def test_an_outage_while_a_version_is_loaded_is_no_refusal(
    champion: Champion,
    registry: MemoryRegistry,
    failure: Exception,
    refusals: list[tuple[int, str]],
    said: Callable[[], list[tuple[str, str]]],
) -> None:
    point(registry, 1)
    champion.load()
    said()
    point(registry, 2)
    registry.load_failure = failure
    for _ in range(3):
        champion.look()
    assert (version(champion), champion.refused, refusals) == (1, None, [])
    assert [level for level, _ in said()] == ["WARNING"]
    assert registry.loads == [1, 2, 2, 2]
    registry.load_failure = None
    champion.look()
    assert version(champion) == 2


def test_a_refusal_outlasts_an_outage(
    champion: Champion, registry: MemoryRegistry, refusals: list[tuple[int, str]]
) -> None:
    registry.damaged = {2}
    point(registry, 1)
    champion.load()
    point(registry, 2)
    champion.look()
    registry.find_failure = MlflowException("no answer")
    champion.look()
    assert champion.refused is not None
    registry.find_failure = None
    champion.look()
    assert len(refusals) == 1


def test_an_alias_that_is_gone_changes_nothing_and_is_said_once(
    champion: Champion, registry: MemoryRegistry, said: Callable[[], list[tuple[str, str]]]
) -> None:
    point(registry, 1)
    champion.load()
    said()
    registry.move_alias(None)
    for _ in range(3):
        champion.look()
    assert version(champion) == 1
    [(level, line)] = said()
    assert level == "WARNING"
    assert "alias @champion" in line
    assert "churn v1 goes on scoring" in line
    point(registry, 1)
    champion.look()
    assert registry.loads == [1]
    assert [level for level, _ in said()] == ["INFO"]
    registry.move_alias(None)
    champion.look()
    assert [level for level, _ in said()] == ["WARNING"]


def test_a_version_that_was_deleted_and_made_again_under_its_number_is_another_one(
    champion: Champion, registry: MemoryRegistry
) -> None:
    point(registry, 1)
    champion.load()
    registry.delete_all()
    point(registry, 1)
    champion.look()
    assert registry.loads == [1, 1]


def test_without_a_model_it_keeps_looking(
    champion: Champion, registry: MemoryRegistry, clock: ManualClock, said: Callable[[], list[tuple[str, str]]]
) -> None:
    registry.damaged = {1}
    for _ in range(2):
        champion.look()
    registry.find_failure = MlflowException("no answer")
    champion.look()
    registry.find_failure = None
    point(registry, 1)
    champion.look()
    assert (champion.model, champion.since, champion.current) == (None, None, None)
    assert champion.refused is not None
    lines = said()
    assert [level for level, _ in lines] == ["WARNING", "WARNING", "WARNING", "INFO"]
    assert all("there is no model yet" in line for level, line in lines if level == "WARNING")
    clock.advance(5)
    point(registry, 2)
    champion.look()
    assert (version(champion), champion.since) == (2, 1_005)


def test_the_first_one_is_loaded_or_told_why_not(champion: Champion, registry: MemoryRegistry) -> None:
    with pytest.raises(UserError, match=r"no model 'churn' with alias @champion.*churnstream train"):
        champion.load()
    point(registry, 1)
    registry.damaged = {1}
    with pytest.raises(UserError, match="churn v1 is refused"):
        champion.load()
    registry.load_failure = MlflowException("no answer")
    with pytest.raises(UserError, match="cannot be used"):
        champion.load()
    assert champion.current is None


def test_nothing_ends_the_thread(
    settings: Settings, registry: MemoryRegistry, said: Callable[[], list[tuple[str, str]]]
) -> None:
    def refuse(_version: int, _reason: str) -> None:
        raise RuntimeError("the listener's own")

    champion = Champion(settings, source=registry, on_refusal=refuse)
    registry.damaged = {2}
    point(registry, 1)
    champion.load()
    said()
    with in_background(champion.run):
        assert any(thread.name == "AliasFollower.run" for thread in threading.enumerate())
        registry.find_failure = ZeroDivisionError("of all things")
        eventually(lambda: any(level == "ERROR" for level, _ in said()))
        registry.find_failure, registry.load_failure = None, AttributeError("in a library")
        point(registry, 3)
        eventually(lambda: registry.loads.count(3) >= 2)
        assert [level for level, _ in said()] == ["ERROR"]
        registry.load_failure = None
        point(registry, 2)
        eventually(lambda: champion.refused and champion.refused.version == 2)
        point(registry, 4)
        eventually(lambda: version(champion) == 4)
    assert not any(thread.name == "AliasFollower.run" for thread in threading.enumerate())


def test_the_first_model_is_waited_for_and_each_reason_told_once(
    settings: Settings, registry: MemoryRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    champion = Champion(settings.model_copy(update={"model_poll_ms": 1}), source=registry)
    stop = threading.Event()
    waiting = threading.Thread(target=champion.load_when_there, args=(stop,))
    waiting.start()
    eventually(lambda: "waiting for a model to score with" in caplog.text)
    assert champion.model is None
    point(registry, 1)
    waiting.join(30)
    assert champion.model is not None
    assert caplog.text.count("waiting for a model to score with") == 1


def test_waiting_for_the_first_model_ends_where_it_is_told_to(settings: Settings, registry: MemoryRegistry) -> None:
    champion = Champion(settings, source=registry)
    stop = threading.Event()
    stop.set()
    champion.load_when_there(stop)
    assert champion.model is None


def test_a_reader_sees_a_model_with_its_own_time(
    settings: Settings, registry: MemoryRegistry, clock: ManualClock
) -> None:
    champion = Champion(settings, source=registry, clock=clock)
    point(registry, 1)
    clock.time = 1
    champion.load()
    mixed: list[Serving] = []
    stop = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            current = champion.current
            assert current is not None
            seen.add(current.since)
            if current.model.ref.version != current.since:
                mixed.append(current)
            time.sleep(0)  # lets the other threads have the interpreter

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    numbers = itertools.count(2)

    def hand_over() -> bool:
        for number in itertools.islice(numbers, 3):
            clock.time = number
            point(registry, number)
            champion.look()
        return len(seen) > 8

    try:
        eventually(hand_over, interval=0.001, progress=lambda: len(seen))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not mixed
