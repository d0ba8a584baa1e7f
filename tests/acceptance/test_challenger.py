"""A challenger beside the champion under load, while both aliases move: what is published, and what MLflow shows."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from confluent_kafka import Message
from mlflow import MlflowClient
from prometheus_client import REGISTRY

from churnstream.processes.children import Child
from contract.messages import ModelRef
from contract.models.aliases import CHALLENGER
from contract.models.registry import FoundVersion
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import ALERTS, CUSTOMERS, DEAD_LETTERS, LABELS, PREDICTIONS
from contract.worker.process import in_background
from monitor.join.worker import JoinWorker
from scorer.models.challenger import Challenger
from scorer.models.loaded import Model, ModelRegistry, load_model
from scorer.models.swap import Champion
from scorer.stream.batch import BatchScorer, Raw
from scorer.stream.worker import ScorerWorker
from tests.support.kafka.record_stream import RecordStream
from tests.support.kafka.topics import committed, end_stream, environment, send, stream_settings
from tests.support.messages import DAY, START, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.versions import FIVE, VersionKind, move_alias, store_with

pytestmark = pytest.mark.timeout(400)
SCHEMA = load_schema("bank_churn")
GOOD = [number for number, kind in enumerate(FIVE, 1) if kind is VersionKind.GOOD]
HANGING = 5
"""A good version, which as challenger never answers."""
MOVES = [
    (CHALLENGER, 3),
    ("champion", 3),
    (CHALLENGER, 2),
    (CHALLENGER, 1),
    ("champion", 4),
    (CHALLENGER, HANGING),
    ("champion", 5),
    (CHALLENGER, 3),
    ("champion", 1),
    (CHALLENGER, 1),
    ("champion", 3),
]
"""Which alias goes where, from champion 1 on. 2 and 4 are broken; who is champion, too, is no challenger."""
DROPPED = [(CHALLENGER, 2), (CHALLENGER, HANGING)]
CHALLENGERS = {1, 3}
HOUR = 3_600_000


@dataclass
class HangingSource:
    """MLflow, of which one version hangs as challenger until it is released."""

    registry: ModelRegistry
    released: threading.Event = field(default_factory=threading.Event)

    def find(self, version: int | None = None) -> FoundVersion | None:
        return self.registry.find(version)

    def load(self, version: int) -> Model:
        model = self.registry.load(version)
        return replace(model, classifier=self, direct=None) if version == HANGING else model

    def predict_proba(self, _rows: pd.DataFrame) -> Any:
        self.released.wait()
        raise RuntimeError("too late for anybody")


@dataclass(frozen=True)
class ChallengedStream:
    """What is left of a stream whose champion and challenger have changed under load."""

    settings: Settings
    folder: Path
    sent: int

    def predictions(self) -> list[Message]:
        return committed(self.settings, PREDICTIONS)


@pytest.fixture(scope="module")
def challenged(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChallengedStream]:
    folder = tmp_path_factory.mktemp("challenged")
    uri = store_with(folder, FIVE).mlflow_tracking_uri
    settings = stream_settings(
        broker,
        f"{folder.name}.",
        folder / "state",
        mlflow_tracking_uri=uri,
        model_poll_ms=100,
        batch_size=20,
        challenger_budget=100.0,
        window=8 * HOUR,
        slide=4 * HOUR,
        min_records=2,
    )
    champion = Champion(settings)
    champion.load()

    def model() -> Model:
        assert champion.model is not None
        return champion.model

    source = HangingSource(ModelRegistry(settings.model_copy(update={"model_alias": CHALLENGER})))
    challenger = Challenger(settings, lambda: model().ref.version, source=source)
    worker = ScorerWorker(settings, SCHEMA, model, challenger=challenger)
    before = drops()

    def settled(named: Mapping[str, int], at_work: int, dropped: int) -> bool:
        """Whether both aliases are followed to where they are; ``at_work``: the last good champion."""
        beside = named.get(CHALLENGER)
        refused = champion.refused.version if champion.refused else None
        return (
            model().ref.version == at_work
            and refused == (None if named["champion"] == at_work else named["champion"])
            and challenger.version == (beside if beside in CHALLENGERS - {at_work} else None)
            and drops() - before == dropped
        )

    try:
        with in_background(champion.run, challenger.run), running(worker):
            stream = RecordStream(settings, worker)
            stream.flow(lambda: True)
            named, at_work = {"champion": 1}, 1
            for done, (alias, to) in enumerate(MOVES, 1):
                move_alias(settings, to, alias)
                named[alias] = to
                at_work = to if alias == "champion" and to in GOOD else at_work
                dropped = sum(move in DROPPED for move in MOVES[:done])
                stream.flow(partial(settled, dict(named), at_work, dropped))
            eventually(lambda: worker.stats.predictions >= stream.sent)
        assert worker.stats.dead_letters == 0
        yield ChallengedStream(settings, folder, stream.sent)
    finally:
        source.released.set()


def drops() -> float:
    """Challengers dropped so far in this process, for whatever reason."""
    reasons = ("refused", "slow", "failing")
    found = [REGISTRY.get_sample_value("churnstream_challenger_dropped_total", {"reason": each}) for each in reasons]
    return sum(each or 0.0 for each in found)


def of_role(messages: list[Message], role: str) -> list[Message]:
    return [message for message in messages if f'"role":"{role}"'.encode() in (message.value() or b"")]


def said(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.value() or b"")
    return found


def alone(settings: Settings, role: str) -> dict[int, dict[tuple[int, int], bytes]]:
    """By version and the record's place, what a scorer says that has this version alone."""
    records: dict[int, list[Raw]] = {}
    for message in committed(settings, CUSTOMERS):
        raw = Raw(message.offset() or 0, message.key(), message.value())  # type: ignore[arg-type]
        records.setdefault(message.partition() or 0, []).append(raw)
    found: dict[int, dict[tuple[int, int], bytes]] = {}
    for version in GOOD:
        model = load_model(settings, version)
        model = replace(model, ref=ModelRef(model.ref.name, version, role))  # type: ignore[arg-type]
        for partition, raws in records.items():
            scored = BatchScorer(SCHEMA).score(raws, partition, model).predictions
            places = [(partition, raw.offset) for raw in raws]
            found.setdefault(version, {}).update(zip(places, (value for _, value in scored), strict=True))
    return found


def test_each_record_has_one_prediction_of_the_champion_with_the_bits_that_it_has_alone(
    challenged: ChallengedStream,
) -> None:
    found = of_role(challenged.predictions(), "champion")
    counts = Counter(said(message)["record_id"] for message in found)
    assert counts == Counter({f"test-{i}": 1 for i in range(challenged.sent)})
    assert committed(challenged.settings, DEAD_LETTERS) == []
    expected = alone(challenged.settings, "champion")
    used = set()
    for message in found:
        answer = said(message)
        used.add(answer["model"]["version"])
        place = answer["source"]["partition"], answer["source"]["offset"]
        assert message.value() == expected[answer["model"]["version"]][place]
    assert used == set(GOOD)


def test_the_challenger_answers_to_the_same_records_behind_the_champion(challenged: ChallengedStream) -> None:
    messages = challenged.predictions()
    expected = alone(challenged.settings, CHALLENGER)
    used = Counter[int]()
    for before, message in pairwise(messages):
        answer = said(message)
        if answer["model"]["role"] == "champion":
            continue
        first = said(before)
        assert first["model"]["role"] == "champion"
        assert (first["record_id"], first["source"]) == (answer["record_id"], answer["source"])
        assert message.partition() == before.partition()
        assert first["model"]["version"] != answer["model"]["version"]
        place = answer["source"]["partition"], answer["source"]["offset"]
        assert message.value() == expected[answer["model"]["version"]][place]
        used[answer["model"]["version"]] += 1
    assert used.keys() == CHALLENGERS
    assert min(used.values()) >= 40


def test_its_windows_stand_beside_the_champions_in_mlflow(challenged: ChallengedStream) -> None:
    settings = challenged.settings
    labels = [label(i, delay=HOUR) for i in range(challenged.sent)]
    send(settings, LABELS, [(key(each), encode(each)) for each in labels])
    end_stream(settings, START + 365 * DAY)
    monitor = Child("monitor", ["monitor", "-v"], environment(settings), challenged.folder)
    try:
        with running(JoinWorker(settings, SCHEMA)):
            eventually(lambda: steps(settings, "v3 challenger realised"), 120, monitor.explain(), interval=0.3)
            eventually(lambda: all(steps(settings, f"v{version} realised") for version in GOOD), 60, interval=0.3)
    finally:
        monitor.end(10)
    # the same windows, of those whom it scored beside
    assert steps(settings, "v3 challenger realised") & (steps(settings, "v1 realised") | steps(settings, "v5 realised"))
    alerts = [said(message) for message in committed(settings, ALERTS) if message.value()]
    incidents = [alert["model"] for alert in alerts if "severity" in alert and alert["model"] is not None]
    assert {model["role"] for model in incidents} == {"champion"}
    verdicts = [alert["model"]["role"] for alert in alerts if alert["kind"] == "verdict"]
    assert set(verdicts) == {"champion", CHALLENGER}


def steps(settings: Settings, run_name: str) -> set[int]:
    """Of the windows that an MLflow run has the F1 of."""
    client = MlflowClient(settings.mlflow_tracking_uri)
    experiment = client.get_experiment_by_name(settings.experiment)
    runs = [] if experiment is None else client.search_runs([experiment.experiment_id])
    return {
        point.step
        for run in runs
        if run.info.run_name == run_name
        for point in client.get_metric_history(run.info.run_id, "performance/f1")
    }
