"""The champion is followed on a real MLflow store, and a worker on a real broker scores with it all the while."""

import gc
import json
import logging
import re
import signal
import subprocess
import sys
import tempfile
import threading
from functools import partial
from itertools import pairwise
from pathlib import Path

import mlflow
import numpy as np
import psutil
import pytest

from churnstream.local_kafka.broker import free_port
from contract.models.lookup import LookedUp, look_up
from contract.models.registry import FoundVersion, find_registered, registry_client
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, PREDICTIONS
from contract.worker.process import in_background
from scorer.models.loaded import Model, load_model
from scorer.models.swap import Champion
from scorer.stream.worker import ScorerWorker
from tests.support.kafka.record_stream import RecordStream
from tests.support.kafka.topics import committed, environment, send, stream_settings
from tests.support.messages import customer, encode, features, key
from tests.support.mlflow.server import mlflow_server
from tests.support.polling import eventually
from tests.support.running import running
from tests.support.tables.toy import toy_table
from tests.support.versions import FIVE, VersionKind, move_alias, probabilities, store_with
from training.train import train

SCHEMA = load_schema("bank_churn")
GOOD = [number for number, kind in enumerate(FIVE, 1) if kind is VersionKind.GOOD]
ROUND = [2, 3, 4, 5, 4, 3, 2, 1, 5]
"""Where the alias goes, from 1: each broken version twice, each good one forwards and back."""
ASKED = "asked-for-the-champion"
LOOKS = 30


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store of five versions, two of them broken."""
    monkeypatch.chdir(tmp_path)
    return store_with(tmp_path, FIVE).mlflow_tracking_uri


@pytest.fixture
def settings(uri: str) -> Settings:
    return load_settings(mlflow_tracking_uri=uri, model_poll_ms=100)


def version(champion: Champion) -> int:
    assert champion.model is not None
    return champion.model.ref.version


def as_found(looked: LookedUp | None) -> FoundVersion | None:
    return None if looked is None else FoundVersion(looked.version, looked.created)


def has_followed(champion: Champion, to: int) -> bool:
    """Whether the follower has come to its verdict on the version."""
    if to in GOOD:
        return version(champion) == to and champion.refused is None
    return champion.refused is not None and champion.refused.version == to


def test_the_alias_moves_through_good_and_broken_versions(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "churnstream.swap")
    champion = Champion(settings)
    champion.load()
    with in_background(champion.run):
        last_good = 1
        for to in ROUND:
            move_alias(settings, to)
            eventually(partial(has_followed, champion, to), message=f"v{to} is judged")
            if to in GOOD:
                last_good = to
            else:
                assert champion.refused is not None
                assert FIVE[to - 1] in champion.refused.reason
            assert version(champion) == last_good
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    refused = [to for to in ROUND if to not in GOOD]
    assert [line.split(" does not")[0] for line in warnings] == [f"churn v{to}" for to in refused]
    taken = [record.getMessage() for record in caplog.records if record.levelname == "INFO"]
    assert taken[1:] == [f"churn v{b} took over from v{a}" for a, b in pairwise([1, 3, 5, 3, 1, 5])]


def test_a_champion_that_was_deleted_goes_on(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    champion = Champion(settings)
    champion.load()
    client = registry_client(settings)
    client.delete_model_version("churn", "1")
    for _ in range(3):
        champion.look()
    client.delete_registered_model("churn")
    champion.look()
    assert version(champion) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_model_made_anew_under_the_same_number_takes_over(settings: Settings) -> None:
    champion = Champion(settings)
    champion.load()
    before = champion.current
    registry_client(settings).delete_registered_model("churn")
    assert train(settings, toy_table(400, seed=9)).version == 1
    champion.look()
    assert version(champion) == 1
    assert champion.current is not before
    assert champion.model is not None
    assert champion.model.classifier is not (before and before.model.classifier)


def test_looking_and_swapping_leak_nothing(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    champion = Champion(settings)
    champion.load()

    def work() -> int:
        for to in (2, 3, 1):
            move_alias(settings, to)
            for _ in range(LOOKS):
                champion.look()
        # MLflow's download threads end when the collector has found their pool
        gc.collect()
        return psutil.Process().num_fds()

    work()
    files, threads = work(), threading.active_count()
    for _ in range(3):
        assert work() <= files
    eventually(lambda: threading.active_count() <= threads)
    assert list(tmp_path.glob("churnstream-model-*")) == []


def test_the_registry_of_the_settings_is_read_whatever_the_process_has(settings: Settings, tmp_path: Path) -> None:
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'other.db'}")
    try:
        assert load_model(settings, 3).ref.version == 3
    finally:
        mlflow.set_tracking_uri(before)
    assert not (tmp_path / "other.db").exists()


def test_an_outage_of_a_real_server_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "churnstream.swap")
    monkeypatch.chdir(tmp_path)
    port = free_port()

    def said(text: str) -> int:
        return sum(text in record.getMessage() for record in caplog.records)

    with mlflow_server(tmp_path, port) as address:
        settings = load_settings(mlflow_tracking_uri=address, model_poll_ms=100)
        for seed in range(2):
            train(settings, toy_table(400, seed=seed))
        move_alias(settings, 1)
        for asked in (None, 1, 2, 3):
            assert as_found(look_up(settings, asked)) == find_registered(registry_client(settings), settings, asked)
        assert look_up(settings.model_copy(update={"model_alias": "no such"})) is None
        champion = Champion(settings)
        champion.load()
    with in_background(champion.run):
        eventually(lambda: said("registry cannot be used"), timeout=60)
        assert version(champion) == 1
        with mlflow_server(tmp_path, port):
            move_alias(settings, 2)
            eventually(lambda: version(champion) == 2, timeout=60)
            eventually(lambda: said("can be used again"))
            # now: as soon as the server has gone, it is an outage again
            assert said("registry cannot be used") == 1
    assert champion.refused is None


def test_no_record_is_lost_and_each_has_one_good_version_while_the_alias_moves(
    broker: str, topic_prefix: str, tmp_path: Path, uri: str
) -> None:
    settings = stream_settings(
        broker, topic_prefix, tmp_path, mlflow_tracking_uri=uri, model_poll_ms=100, batch_size=20
    )
    champion = Champion(settings)
    champion.load()

    steps: list[str] = []

    def model() -> Model:
        assert champion.model is not None
        steps.append(ASKED)
        return champion.model

    worker = ScorerWorker(settings, SCHEMA, model, checkpoint=steps.append)
    with in_background(champion.run), running(worker):
        stream = RecordStream(settings, worker)
        stream.flow(lambda: True)
        for to in ROUND:
            move_alias(settings, to)
            stream.flow(partial(has_followed, champion, to))
        eventually(lambda: worker.stats.predictions >= stream.sent)

    messages = committed(settings, PREDICTIONS)
    found = [json.loads(message.value() or b"") for message in messages]
    assert sorted(each["record_id"] for each in found) == sorted(f"test-{i}" for i in range(stream.sent))
    assert committed(settings, DEAD_LETTERS) == []

    numbers = np.array([int(each["record_id"].removeprefix("test-")) for each in found])
    used = np.array([each["model"]["version"] for each in found])
    given = np.array([each["probability"] for each in found])
    assert set(used) == set(GOOD)
    rows = [features(i) for i in range(stream.sent)]
    own = {each: probabilities(settings, each, rows)[numbers] for each in GOOD}
    for one, other in pairwise(GOOD):
        assert (np.abs(own[one] - own[other]) > 1e-6).mean() > 0.9, "the versions can be told apart"
    for each in GOOD:
        mine = used == each
        assert np.abs(given[mine] - own[each][mine]).max() <= 1e-6

    places = [message.partition() for message in messages]
    swaps = sum(
        before == after and a != b for (before, a), (after, b) in pairwise(zip(places, used.tolist(), strict=True))
    )
    assert swaps >= settings.partitions * 5
    looks = " ".join(step for step in steps if step in (ASKED, "after-poll", "after-scoring"))
    batches = re.findall(r"after-poll(.*?)after-scoring", looks)
    assert len(batches) >= worker.stats.batches
    assert {batch.split().count(ASKED) for batch in batches} == {1}, "the version may change within a batch"


def test_the_command_follows_the_alias(broker: str, topic_prefix: str, tmp_path: Path, uri: str) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, mlflow_tracking_uri=uri, model_poll_ms=100)
    sent = 0

    def used() -> set[int]:
        nonlocal sent
        send(settings, CUSTOMERS, [(key(customer(sent)), encode(customer(sent)))])
        sent += 1
        return {json.loads(message.value() or b"")["model"]["version"] for message in committed(settings, PREDICTIONS)}

    command = [sys.executable, "-m", "churnstream", "score", "-v"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(settings), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            eventually(lambda: used() == {1}, timeout=60)
            move_alias(settings, 3)
            eventually(lambda: used() == {1, 3}, timeout=30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stderr is not None
            assert "churn v3 took over from v1" in process.stderr.read()
        finally:
            process.kill()
