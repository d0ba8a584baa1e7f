"""The whole circle: scored, labelled, learned from, scored beside the champion, and better by what rows can give."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from churnstream.cli import app
from contract.messages import ModelRef
from contract.models.registry import find_version, registry_client
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, OUTCOMES
from contract.worker.process import in_background
from monitor.join.worker import JoinWorker
from scorer.models.challenger import Challenger
from scorer.models.loaded import Model
from scorer.models.swap import Champion
from scorer.stream.worker import ScorerWorker
from tests.support.kafka.topics import committed, environment, send, stream_settings
from tests.support.messages import DAY, START, encode, key
from tests.support.mlflow.store import store_in
from tests.support.polling import eventually
from tests.support.retraining.learned import DELAY, SCHEMA, customers
from tests.support.running import running
from tests.support.sizes import size
from tests.support.tables.toy import toy_table
from training.kinds.kinds import xgboost_pipeline
from training.outcomes.reading import read_scored
from training.registered.promotion import promote
from training.train import train

pytestmark = pytest.mark.timeout(400)
SEEN, NEXT = size(ci=(800, 1_200), full=(8_000, 12_000))
"""Records before the retraining, a day of 30, and after it; in all of them labels are the opposite of the table's."""


@dataclass(frozen=True)
class CircleAtWork:
    """A stream whose scorer and join run."""

    settings: Settings
    worker: ScorerWorker
    challenger: Challenger

    def pass_through(self, table: pd.DataFrame, first_day: float, days: float) -> None:
        """Send customers and their labels, and wait until each answer has its label."""
        times = START + ((first_day + np.arange(len(table)) * days / len(table)) * DAY).astype(np.int64)
        before, labelled = self.worker.stats.predictions, len(committed(self.settings, OUTCOMES))
        answers = len(table) * (1 if self.challenger.version is None else 2)
        records, labels = [], []
        for (_, row), time in zip(table.iterrows(), times.tolist(), strict=True):
            named = {"record_id": f"r{row.CustomerId}", "customer_id": str(row.CustomerId)}
            features = {name: row[name] for name in SCHEMA.names}
            records.append({**named, "event_time": time, "features": features})
            labels.append({**named, "event_time": time + DELAY, "label": int(row.Exited)})
        send(self.settings, CUSTOMERS, [(key(each), encode(each)) for each in records])
        eventually(lambda: self.worker.stats.predictions >= before + len(table), 60)
        send(self.settings, LABELS, [(key(each), encode(each)) for each in labels])
        eventually(lambda: len(committed(self.settings, OUTCOMES)) >= labelled + answers, 60, interval=0.5)


def test_the_version_that_a_stream_calls_for_is_better_on_it_by_what_the_rows_can_give(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = stream_settings(
        broker,
        f"{tmp_path.name}.",
        tmp_path / "state",
        mlflow_tracking_uri=store_in(tmp_path).mlflow_tracking_uri,
        label_lateness=3 * DAY,
        model_poll_ms=100,
        challenger_budget=100.0,
    )
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    train(settings, toy_table(1_000))
    champion = Champion(settings)
    champion.load()

    def model() -> Model:
        assert champion.model is not None
        return champion.model

    challenger = Challenger(settings, lambda: model().ref.version)
    worker = ScorerWorker(settings, SCHEMA, model, challenger=challenger)
    with (
        in_background(champion.run, challenger.run),
        running(worker),
        running(JoinWorker(settings, SCHEMA)),
    ):
        served = CircleAtWork(settings, worker, challenger)
        served.pass_through(customers(SEEN, seed=1, flipped=True), 0, 30)
        learned, _ = read_scored(settings, SCHEMA)
        told = CliRunner().invoke(app, ["retrain", "--policy", "challenger"])
        assert told.exit_code == 0, told.output
        eventually(lambda: challenger.version == 2, 60)
        served.pass_through(customers(NEXT, seed=2, flipped=True), 30, 20)

    found, _ = read_scored(settings, SCHEMA, since=START + 30 * DAY)
    roles = ModelRef("churn", 1), ModelRef("churn", 2, "challenger")
    both = found.usable & found.scored_by(*roles)
    assert both.sum() > 0.7 * NEXT
    labels = found.labels[both]
    old, new = (float(roc_auc_score(labels, found.scores[role][both])) for role in roles)
    rows = learned.usable
    oracle = xgboost_pipeline(SCHEMA, 42).fit(learned.X[rows], learned.labels[rows])
    best = float(roc_auc_score(labels, oracle.predict_proba(found.X[both])[:, 1]))
    assert old < 0.3
    assert abs((new - old) / (best - old) - 1) < 0.2
    assert promote(settings, "@challenger").promoted
    assert find_version(registry_client(settings), settings) == 2
