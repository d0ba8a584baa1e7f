"""What is told of versions: each fact once, again if it got lost on its way, and nothing while MLflow is away."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
import pytest

from contract.messages import ModelRef
from contract.settings import load_settings
from contract.testing.clock import ManualClock
from contract.versions import Reign, ServingVersions, TrainedVersion, VersionMessage
from contract.windows import Estimate
from monitor.inputs.rule import InputReference
from monitor.model_facts.registry import VersionFigures
from monitor.model_facts.serving import ListedModel
from monitor.model_facts.thread import FactsThread
from monitor.reports.reference import Learned
from monitor.timeline.outbox import VersionFacts
from monitor.timeline.own_messages import StandingVersion
from tests.support.tables.bank_inputs import SCHEMA

CHAMPION = ModelRef("churn", 3)
FIGURES = VersionFigures(5, "run", 0.4, 300, {"f1": Estimate(0.5, 0.4, 0.6)})
KINDS = ("realised", "estimated", "inputs")


@dataclass
class ListedRegistry:
    """A registry in memory."""

    models: dict[str, ListedModel] = field(default_factory=lambda: {"churn": ListedModel({"champion": 3}, {})})
    versions: dict[int, VersionFigures] = field(default_factory=lambda: {3: FIGURES})
    found_runs: dict[str, str] = field(default_factory=dict)
    away: bool = False
    asked: int = 0

    def model(self, name: str) -> ListedModel | None:
        self._answer()
        return self.models.get(name)

    def version(self, _name: str, number: int) -> VersionFigures | None:
        self._answer()
        self.asked += 1
        return self.versions.get(number)

    def runs(self) -> tuple[str, Mapping[str, str]] | None:
        self._answer()
        return ("7", self.found_runs) if self.found_runs else None

    def _answer(self) -> None:
        if self.away:
            raise ConnectionError("MLflow is away")


@dataclass
class OneReference:
    """The sample of one training run, for every model."""

    reference: InputReference
    run_id: str = "run"
    models: list[ModelRef] = field(default_factory=lambda: [CHAMPION])

    def ready(self) -> list[ModelRef]:
        return self.models

    def learned(self, _model: ModelRef) -> Learned | None:
        return Learned(self.run_id, self.reference)


class FactsTold:
    """A thread's looks, made one by one, and the topic that they lead to."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.registry = ListedRegistry()
        self.references = OneReference(InputReference.of(frame, SCHEMA))
        self.clock = ManualClock()
        self.box = VersionFacts(2)
        self.topic: dict[str, VersionMessage] = {}
        self.wanted: list[ModelRef] = []
        self.begin()

    def begin(self) -> None:
        """A monitor gets to work."""
        self.box.begin([StandingVersion.of(message) for message in self.topic.values()])
        self.facts = FactsThread(
            load_settings(),
            self.registry,
            self.references,
            self.clock,
            lambda: self.box.turn,
            self.box.put,
            self.wanted.extend,
        )

    def look(self) -> list[str]:
        """The keys of what is told now."""
        turn = self.box.turn
        assert turn is not None
        self.facts.look(turn)
        return [message.key for message in self.box.waiting()]

    def publish(self) -> None:
        waiting = self.box.waiting()
        self.topic |= {message.key: message for message in waiting}
        self.box.published(waiting)

    def later(self, minutes: int = 2) -> None:
        self.clock.advance(minutes * 60_000)


@pytest.fixture
def told(frame: pd.DataFrame) -> FactsTold:
    return FactsTold(frame)


def test_each_fact_is_told_once_also_over_restarts(told: FactsTold) -> None:
    assert told.look() == ["churn/serving", "churn/3"]
    told.publish()
    for _ in range(3):
        told.later()
        assert told.look() == []
    told.begin()
    assert told.look() == []
    trained = told.topic["churn/3"]
    assert isinstance(trained, TrainedVersion)
    assert (trained.created, trained.held_out) == (5, {"f1": Estimate(0.5, 0.4, 0.6)})


def test_what_was_on_its_way_when_a_turn_ended_is_told_in_the_next(told: FactsTold) -> None:
    told.look()
    told.box.end()
    told.begin()
    assert told.look() == ["churn/serving", "churn/3"]


def test_an_alias_that_moves_is_told_at_the_next_look(told: FactsTold) -> None:
    told.look()
    told.publish()
    told.clock.advance(200)
    told.registry.models["churn"] = ListedModel({"champion": 4}, {})
    assert told.look() == ["churn/serving"]
    told.publish()
    serving = told.topic["churn/serving"]
    assert isinstance(serving, ServingVersions)
    assert serving.champion == Reign(4, told.clock.now())


def test_the_champion_is_got_ready_before_it_has_scored_anything(told: FactsTold) -> None:
    told.references.models = []
    told.registry.models["churn"] = ListedModel({"challenger": 2}, {})
    told.look()
    assert told.wanted == []
    told.registry.models["churn"] = ListedModel({"champion": 3, "challenger": 2}, {})
    told.look()
    assert told.wanted == [CHAMPION]


def test_runs_are_told_when_there_are_some_and_then_no_version_is_asked_for(told: FactsTold) -> None:
    told.look()
    told.publish()
    told.registry.found_runs = {f"churn/3/champion/{kind}": kind for kind in KINDS}
    assert told.look() == [], "not at each look"
    told.later()
    assert told.look() == ["churn/3"]
    told.publish()
    trained = told.topic["churn/3"]
    assert isinstance(trained, TrainedVersion)
    assert (trained.experiment, trained.runs) == ("7", {kind: kind for kind in KINDS})
    asked = told.registry.asked
    told.later(600)
    told.later()
    told.look()
    assert told.registry.asked == asked


def test_what_never_comes_is_looked_for_less_and_less_often(told: FactsTold) -> None:
    told.look()
    told.publish()
    for _ in range(24 * 60):
        told.later(1)
        assert told.look() == []
    assert 10 < told.registry.asked < 40


def test_while_mlflow_is_away_nothing_is_told_and_nothing_is_taken_back(told: FactsTold) -> None:
    told.registry.away = True
    with pytest.raises(ConnectionError):
        told.look()
    assert not told.box.waiting()
    told.registry.away = False
    assert told.look() == ["churn/serving", "churn/3"]
    told.publish()
    told.registry.away = True
    told.begin()
    with pytest.raises(ConnectionError):
        told.look()
    assert not told.box.waiting()


def test_a_version_that_was_deleted_stays_as_it_was_told(told: FactsTold) -> None:
    told.look()
    told.publish()
    told.registry.versions.clear()
    told.registry.found_runs = {"churn/3/champion/realised": "a"}
    told.begin()
    assert told.look() == []


def test_of_a_version_that_was_deleted_before_it_was_told_its_sample_is_told(told: FactsTold) -> None:
    told.registry.versions.clear()
    told.look()
    told.publish()
    trained = told.topic["churn/3"]
    assert isinstance(trained, TrainedVersion)
    assert (trained.created, trained.held_out) == (None, {})
    assert trained.columns


def test_a_version_registered_anew_under_its_number_is_told_with_its_own_sample_alone(told: FactsTold) -> None:
    told.look()
    told.publish()
    told.registry.versions[3] = VersionFigures(9, "another run")
    told.later()
    assert told.look() == [], "windows are still compared with the other's sample"
    told.references.run_id = "another run"
    told.begin()
    assert told.look() == ["churn/3"]
    told.publish()
    trained = told.topic["churn/3"]
    assert isinstance(trained, TrainedVersion)
    assert trained.created == 9


def test_what_has_no_room_is_told_later(told: FactsTold) -> None:
    told.references.models = [ModelRef("churn", number) for number in (3, 4, 5)]
    told.registry.versions = dict.fromkeys((3, 4, 5), FIGURES)
    found = []
    for _ in range(3):
        found += told.look()
        told.publish()
        told.later()
    assert found == ["churn/serving", "churn/3", "churn/4", "churn/5"]


def test_a_version_in_both_roles_is_one(told: FactsTold) -> None:
    told.references.models = [CHAMPION, ModelRef("churn", 3, "challenger")]
    assert told.look() == ["churn/serving", "churn/3"]
