"""The topic ``versions`` as a real monitor writes it: what training logged, who has the alias, and nothing twice."""

import signal
from pathlib import Path

import mlflow
import msgspec
import pytest

from churnstream.processes.children import Child
from contract.messages import ModelRef
from contract.models.registry import registry_client
from contract.settings import Settings
from contract.topics import VERSIONS
from contract.versions import ServingVersions, TrainedVersion, VersionMessage, version_message_type
from monitor.files import reference_files
from tests.support.kafka.topics import committed, environment
from tests.support.messages import DAY
from tests.support.polling import eventually
from tests.support.timeline.panes import apart, numeric_schema, pane_of, progress, publish, scored
from tests.support.versions import move_alias, stream_with_champion
from training.registered.promotion import give_alias, rollback
from training.registered.verdict import Verdict

FIRST = ModelRef("churn", 1)


def said(settings: Settings) -> list[VersionMessage]:
    """Every message on the topic, in order."""
    return [
        msgspec.json.decode(message.value() or b"", type=version_message_type(message.key()))
        for message in committed(settings, VERSIONS)
    ]


def trained(settings: Settings, version: int = 1) -> list[TrainedVersion]:
    return [one for one in said(settings) if isinstance(one, TrainedVersion) and one.version == version]


def serving(settings: Settings) -> list[ServingVersions]:
    return [one for one in said(settings) if isinstance(one, ServingVersions)]


def champions(settings: Settings) -> list[int]:
    """Who had the alias, as the newest message says."""
    return [reign.version for one in serving(settings)[-1:] for reign in one.champions]


def started(settings: Settings, folder: Path, name: str) -> Child:
    monitor = Child(name, ["monitor", "-v"], environment(settings), folder)
    eventually(lambda: "took up" in monitor.log_path.read_text(), 120, monitor.explain())
    return monitor


def register_again(settings: Settings) -> int:
    """A second version, of the first one's files."""
    client = registry_client(settings)
    first = client.get_model_version("churn", "1")
    # where a model's files are, MLflow asks of the process's own store, whichever the client is of
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    try:
        again = client.create_model_version("churn", first.source, first.run_id, tags=dict(first.tags))
    finally:
        mlflow.set_tracking_uri(before)
    return int(again.version)


@pytest.mark.timeout(600)
def test_versions_are_told_once_and_again_only_when_they_change(broker: str, tmp_path: Path) -> None:
    settings = stream_with_champion(
        broker, tmp_path, partitions=1, window=2 * DAY, model_poll_ms=200, session_timeout_ms=6_000
    )
    client = registry_client(settings)
    monitor = started(settings, tmp_path, "first")
    try:
        # before its first records: its reference is on hand when they come
        eventually(lambda: trained(settings) and champions(settings) == [1], 60, monitor.explain())
        assert len(reference_files(settings.state_dir)) == 1
        # without samples, which would be of another schema than the model's
        panes = [apart(pane_of(scored(day, 20), numeric_schema(1), model=FIRST))[0] for day in range(4)]
        publish(settings, [*panes, progress(4)])
        first = trained(settings)[0]
        found = client.get_model_version("churn", "1")
        metrics = client.get_run(found.run_id).data.metrics
        assert first.created == found.creation_timestamp
        assert first.threshold == metrics["threshold"]
        for name in ("accuracy", "precision", "recall", "f1", "roc_auc", "brier"):
            logged = [metrics[f"test_{name}{end}"] for end in ("", "_low", "_high")]
            assert list(msgspec.structs.astuple(first.held_out[name])) == logged
        assert first.rows > 0
        assert sum(first.columns["Age"].counts) == first.reference_rows > 0
        assert "Surname" not in first.columns

        second = register_again(settings)
        give_alias(client, settings, second, Verdict(True, "tried"))
        eventually(lambda: champions(settings) == [1, second], 30, monitor.explain())
        # the next monitor finds the runs at its first look
        eventually(lambda: "windows logged" in monitor.log_path.read_text(), 60, monitor.explain())
        # a kill at any moment: what is on the topic counts
        monitor.signal(signal.SIGKILL)
        eventually(lambda: monitor.exit_code is not None, 30)
    finally:
        monitor.end(10)
    before = said(settings)
    champion = serving(settings)[-1].champion
    assert champion is not None
    assert champion.since is not None

    monitor = started(settings, tmp_path, "second")
    try:
        eventually(lambda: trained(settings)[-1].runs.keys() >= {"realised", "estimated", "inputs"}, 60)
        newest = trained(settings)[-1]
        assert msgspec.structs.replace(newest, experiment=first.experiment, runs=first.runs) == first
        assert rollback(settings).now == 1
        eventually(lambda: champions(settings) == [1, second, 1], 30, monitor.explain())
        move_alias(settings, second)
        eventually(lambda: champions(settings) == [1, second, 1, second], 30, monitor.explain())
    finally:
        monitor.signal(signal.SIGTERM)
        eventually(lambda: monitor.exit_code is not None, 60)
        monitor.end(10)
    assert monitor.exit_code == 0
    assert "Traceback" not in monitor.log_path.read_text()
    keys = [one.key for one in said(settings)[len(before) :]]
    # the restart itself told nothing again
    assert keys.count("churn/serving") == 2
    assert keys.count("churn/1") == (newest != first)
