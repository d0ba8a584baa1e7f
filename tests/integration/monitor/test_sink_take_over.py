"""A monitor that takes over from another, with a state folder of its own: MLflow gets every window, and each once."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.messages import ModelRef, encode
from contract.settings import Settings
from contract.topics import WINDOWS
from contract.windows import WindowMessage
from monitor.mlflow_sink.offsets import PROGRESS_TAG
from monitor.mlflow_sink.sink import MlflowSink
from monitor.mlflow_sink.thread import SinkThread
from tests.support.kafka.topics import delete_topics, send, stream_settings
from tests.support.mlflow.sinking import (
    CLOCK,
    assert_one_value_a_place,
    end,
    history,
    points,
    publish,
    windows_topic,
    with_f1,
)
from tests.support.mlflow.store import store_in
from tests.support.polling import eventually
from tests.support.windows import cumulative, final, nowcast, window


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return stream_settings(
        broker, topic_prefix, tmp_path / "state", mlflow_tracking_uri=store_in(tmp_path).mlflow_tracking_uri
    )


class Following:
    """The sink of a monitor, with what its timeline does with it, in this thread."""

    def __init__(self, settings: Settings, folder: str = "state", **changed: Any) -> None:
        mine = {"state_dir": settings.state_dir.parent / folder} | changed
        self.settings = settings.model_copy(update=mine)
        self.sink = MlflowSink(self.settings, CLOCK, windows_topic(settings))

    def take_up(self, end_offset: int) -> None:
        self.sink.handed_over.take_up(end_offset)
        self.sink.drain()
        self.sink.read_back()
        self.sink.drain()

    def publish(self, *messages: WindowMessage, drain: bool = True) -> None:
        for offset, each in zip(publish(self.settings, *messages), messages, strict=True):
            self.sink.spool.append(each, offset)
            self.sink.handed_over.submitted(offset)
        if drain:
            self.sink.drain()


def life(day: int, revisions: int) -> Iterator[WindowMessage]:
    """A window from its first provisional revision to its final one, each other than the one before."""
    for i in range(revisions):
        share = (i + 1) / (revisions + 1)
        yield with_f1(
            window(day, revision=i, labelled=int(2_000 * share), delay_p50_hours=20.0 + i, nowcast=nowcast(share)),
            share,
        )
    yield with_f1(final(day, revision=revisions), 0.75)


def interleaved(days: int, revisions: int) -> list[WindowMessage]:
    return [each for states in zip(*(life(day, revisions) for day in range(days)), strict=True) for each in states]


def progress(settings: Settings) -> str:
    experiment = MlflowClient(settings.mlflow_tracking_uri).get_experiment_by_name(settings.experiment)
    assert experiment is not None
    return str(experiment.tags[PROGRESS_TAG])


def assert_complete(settings: Settings, days: int, revisions: int) -> None:
    found = points(settings)
    assert_one_value_a_place(found)
    coverage = [
        (day, end(day) + i, int(2_000 * (i + 1) / (revisions + 1)) / 2_000)
        for day in range(days)
        for i in range(revisions)
    ]
    last = [(day, end(day) + revisions, 1.0) for day in range(days)]
    assert found["v3 inputs", "labels/coverage"] == sorted(coverage + last)
    assert found["v3 realised", "performance/f1"] == [(*place[:2], 0.75) for place in last]
    assert len(found["v3 provisional", "performance/f1"]) == days * revisions
    assert len(found["v3 nowcast", "performance/f1"]) == days * revisions
    assert {step for step, _, _ in found["v3 inputs", "drift/Age"]} == set(range(days))


def copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


@pytest.mark.parametrize("died", [2, 13])
def test_a_stand_by_that_takes_over_gives_mlflow_every_window_once(settings: Settings, died: int) -> None:
    messages = interleaved(days=5, revisions=3)
    first = Following(settings, "first")
    first.take_up(0)
    first.publish(*messages[:died])
    first.publish(*messages[died : died + 2], drain=False)  # dies with these in its spool
    published = publish(settings, *messages[died + 2 : died + 3])  # and with this one committed, not yet spooled

    second = Following(settings, "second")
    second.take_up(published[-1] + 1)
    second.publish(*messages[died + 3 :])
    assert_complete(settings, days=5, revisions=3)
    assert progress(settings) == f"{len(messages)} 0 {windows_topic(settings).identity}"


def test_two_monitors_at_once_contradict_each_other_in_nothing(settings: Settings) -> None:
    messages = interleaved(days=3, revisions=3)
    first, second = Following(settings, "first"), Following(settings, "second")
    first.take_up(0)
    first.publish(*messages[:5], drain=False)
    second.take_up(5)
    second.publish(*messages[5:])
    first.sink.drain()  # it has lost its partition, and still writes what it had spooled
    assert_complete(settings, days=3, revisions=3)
    third = Following(settings, "third")
    third.take_up(len(messages))  # whatever the first has said of its progress
    assert_complete(settings, days=3, revisions=3)


def test_a_lost_state_folder_loses_no_window_that_waited_in_it(settings: Settings) -> None:
    messages = [*interleaved(days=3, revisions=2), cumulative(0)]
    first = Following(settings)
    first.take_up(0)
    first.publish(*messages[:4])
    first.publish(*messages[4:], drain=False)
    shutil.rmtree(first.settings.state_dir)
    again = Following(settings)
    again.take_up(len(messages))
    assert_complete(settings, days=3, revisions=2)
    assert history(settings, "v3 realised", "cumulative/f1") == [(0, end(0) + 1, 0.8)]


def test_a_take_over_while_mlflow_is_away_is_made_up_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = interleaved(days=3, revisions=2)
    first = Following(settings, "first")
    first.take_up(0)
    first.publish(*messages[:3])
    first.publish(*messages[3:5], drain=False)

    def away(*_args: object, **_kw: object) -> None:
        raise ConnectionError("MLflow is away")

    second = Following(settings, "second")
    with monkeypatch.context() as patch:
        for name in ("get_experiment_by_name", "log_batch"):
            patch.setattr(MlflowClient, name, away)
        thread = SinkThread(second.sink)
        thread.take_up(5)
        for offset, each in zip(publish(settings, *messages[5:]), messages[5:], strict=True):
            thread.submit(each, offset)
        eventually(lambda: thread.last_error is not None, timeout=30)
        assert len(second.sink.spool) == len(messages) - 5
    thread.wake()
    eventually(lambda: not second.sink.handed_over.is_behind and not len(second.sink.spool), timeout=30)
    assert thread.close(30.0)
    assert_complete(settings, days=3, revisions=2)


def test_a_full_spool_holds_up_the_reading_back_and_loses_nothing(settings: Settings) -> None:
    messages = interleaved(days=4, revisions=3)
    publish(settings, *messages)
    small = Following(settings, spool_limit=3)
    small.take_up(len(messages))
    assert_complete(settings, days=4, revisions=3)


def test_a_refused_window_that_was_read_back_is_set_aside(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(settings, window(0), window(1, model=ModelRef("churn", 4)), window(2))
    monkeypatch.setattr("monitor.mlflow_sink.metric_names.MOST_CHARACTERS", 1_000)
    offsets = publish(settings, window(3, missing={"A" * 300: 1}))
    monitor = Following(settings)
    monitor.take_up(offsets[-1] + 1)
    assert monitor.sink.refused == 1
    assert progress(settings).startswith("4 0 ")
    assert len(list((monitor.settings.state_dir / "monitor" / "spool").glob("*.refused"))) == 1


def test_windows_of_another_stream_and_of_the_release_before_are_passed_over(settings: Settings) -> None:
    publish(settings, window(0), stream="another")
    publish(settings, window(1))
    of_before = encode(window(2)).replace(b',"inferred":0', b"")
    assert of_before != encode(window(2))
    send(settings, WINDOWS, [(window(2).key.encode(), of_before), (b"churn/3/champion/later-kind", b"{}")], partition=0)
    send(settings, WINDOWS, [(window(0).key.encode(), None)], partition=0)
    monitor = Following(settings)
    monitor.take_up(5)
    assert [timestamp for _, timestamp, _ in history(settings, "v3 inputs", "drift/Age")] == [end(1)]
    assert progress(settings).startswith("5 0 ")


def test_a_topic_made_anew_begins_at_0_again_and_its_points_meet_no_earlier_ones(settings: Settings) -> None:
    first = Following(settings)
    first.take_up(0)
    first.publish(*interleaved(days=2, revisions=2))
    before = points(settings)
    first.publish(window(5), drain=False)
    admin = admin_client(settings)
    delete_topics(admin, [settings.topic(WINDOWS)])
    ensure_topics(admin, settings)
    # what is computed anew may be final at once, under the same number
    published = publish(settings, with_f1(final(0, revision=0), 0.7))
    again = Following(settings)
    again.take_up(published[-1] + 1)
    assert progress(settings) == f"1 1 {windows_topic(settings).identity}"
    found = points(settings)
    assert_one_value_a_place(found)
    for metric, each in before.items():
        assert set(each) <= set(found[metric])
    realised = found["v3 realised", "performance/f1"]
    assert max(point for point in realised if point[0] == 0)[2] == 0.7, "the newest is the new topic's"


def test_an_mlflow_that_went_back_to_an_older_copy_gets_again_what_it_lost(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = interleaved(days=3, revisions=2)
    monitor = Following(settings)
    monitor.take_up(0)
    monitor.publish(*messages[:4])
    database = Path(settings.mlflow_tracking_uri.removeprefix("sqlite:///"))
    copy(database, tmp_path / "copy.db")
    monitor.publish(*messages[4:6])

    def away(*_args: object, **_kw: object) -> None:
        raise ConnectionError("MLflow is away")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", away)
        with pytest.raises(ConnectionError):
            monitor.publish(*messages[6:7])
    copy(tmp_path / "copy.db", database)
    monitor.publish(*messages[7:])
    monitor.sink.read_back()
    monitor.sink.drain()
    assert_complete(settings, days=3, revisions=2)
