"""A stream that the release before began, and this one goes on with: nothing is lost, nothing is doubled."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from churnstream.live.watch import Snapshot, StreamWatch
from churnstream.processes.children import Child, Children
from contract import messages
from contract.durations import DAY
from contract.kafka.clients import admin_client
from contract.messages import ModelRef, Prediction, RecordPosition
from contract.panes import Fold, JoinProgress, Pane, PaneSample, Summary, TimelineProgress
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, LABELS, OUTCOMES, PANES, PREDICTIONS, VERSIONS, WINDOWS, topic_specs
from contract.windows import Window, decode_window, is_of_release_before, window_message_type
from tests.support.kafka.topics import committed, end_stream, environment, send
from tests.support.messages import START, customer, encode, features, key, label
from tests.support.mlflow.sinking import assert_one_value_a_place, points
from tests.support.oracle import assert_windows_are_one_group_by, topic_frame
from tests.support.polling import eventually
from tests.support.release_before import running_it, running_this
from tests.support.versions import store_with
from tests.support.windows import cumulative, nowcast, window

RECORDS, DAYS = 1_200, 20
WORKERS = ("score", "join", "monitor")


class BankStream:
    """Records evenly over ``DAYS`` days, the label of each within six; sent day by day as their time comes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sent_until = START
        times = [START + i * DAYS * DAY // RECORDS for i in range(RECORDS)]
        records = [customer(i, event_time=time) for i, time in enumerate(times)]
        labels = [label(i, event_time=time, delay=1 + i * 7_919 % (6 * DAY)) for i, time in enumerate(times)]
        self._messages = {CUSTOMERS: records, LABELS: sorted(labels, key=lambda each: each["event_time"])}

    def send_until(self, day: int) -> None:
        until = START + day * DAY
        for topic, all_of_it in self._messages.items():
            due = [each for each in all_of_it if self._sent_until <= each["event_time"] < until]
            send(self._settings, topic, [(key(each), encode(each)) for each in due])
        self._sent_until = until

    def correct_label(self, number: int) -> None:
        """Say the contrary of a record's label, now."""
        record = self._messages[CUSTOMERS][number]
        (known,) = [each for each in self._messages[LABELS] if each["record_id"] == record["record_id"]]
        correction = known | {"label": 1 - known["label"], "event_time": self._sent_until - 1}
        send(self._settings, LABELS, [(key(correction), encode(correction))])

    def end(self) -> None:
        self.send_until(2 * DAYS)
        end_stream(self._settings, START + 2 * DAYS * DAY)


class UpgradedWorkers:
    """The stream's workers, of the release before at first."""

    def __init__(self, children: Children, settings: Settings) -> None:
        self._children = children
        self._settings = settings
        self._now = running_this(environment(settings))
        self._at_work = {name: children.start(f"{name}-before", name, "-v") for name in WORKERS}
        # the topics are those that the release before makes
        eventually(self._has_topics, timeout=60, message="the topics are made")
        self._watch = StreamWatch(settings)

    def replace(self, name: str) -> Child:
        """Let this release's worker take the place of one of the release before."""
        before = self._at_work[name]
        before.signal(signal.SIGTERM)
        before.end(60)
        before.check()
        self._children.environment = self._now
        self._at_work[name] = self._children.start(name, name, "-v")
        return self._at_work[name]

    def wait_for(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        def reached() -> bool:
            self._children.check()
            return condition(self._watch.refresh())

        eventually(reached, timeout=120, interval=0.2, message="the stream goes on")
        return self._watch.snapshot

    def _has_topics(self) -> bool:
        self._children.check()
        there = admin_client(self._settings).list_topics(timeout=10).topics
        made_later = {self._settings.topic(VERSIONS)}
        return {spec.name for spec in topic_specs(self._settings)} - made_later <= set(there)

    def close(self) -> None:
        self._children.stop(timeout=120)
        self._watch.close()


def has_closed(day: int) -> Callable[[Snapshot], bool]:
    """Whether a window that ends ``day`` days after the start has been published."""
    return lambda snapshot: any(window.end >= START + day * DAY for window in snapshot.windows.values())


def logs(folder: Path, name: str) -> str:
    return (folder / "logs" / f"{name}.log").read_text()


def windows_on(settings: Settings) -> Iterator[tuple[Window, bool]]:
    """Each window on the topic, and whether the release before has written it."""
    for message in committed(settings, WINDOWS):
        value = message.value() or b""
        if window_message_type(message.key()) is Window:
            yield decode_window(value), is_of_release_before(value)


@pytest.mark.timeout(400)
def test_a_stream_goes_on_when_its_workers_are_upgraded_in_the_documented_order(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = load_settings(
        kafka={"bootstrap.servers": broker},
        topic_prefix=topic_prefix,
        state_dir=tmp_path,
        mlflow_tracking_uri=store_with(tmp_path).mlflow_tracking_uri,
        partitions=2,
        window=3 * DAY,
        min_records=100,
        publish_interval_ms=50,
        request_timeout_ms=10_000,
    )
    with Children(running_it(environment(settings)), tmp_path) as children:
        upgrade = UpgradedWorkers(children, settings)
        stream = BankStream(settings)
        stream.send_until(8)
        upgrade.wait_for(has_closed(7))
        stream.correct_label(1)
        upgrade.wait_for(lambda snapshot: any(window.revision for window in snapshot.windows.values()))
        panes = [json.loads(message.value() or b"{}") for message in committed(settings, PANES)]
        upgrade.replace("monitor")
        stream.send_until(11)
        upgrade.wait_for(has_closed(10))
        beside = list(windows_on(settings))
        upgrade.replace("join")
        stream.send_until(14)
        upgrade.wait_for(has_closed(13))
        stream.correct_label(0)
        upgrade.replace("score")
        stream.end()
        snapshot = upgrade.wait_for(lambda snapshot: snapshot.complete)
        upgrade.close()

    began = {window.key: window for window, is_of_before in beside if is_of_before}
    assert any(window.status == "final" for window in began.values())
    assert len(began) < len(beside), "this monitor published nothing beside the join of the release before"
    assert any(pane.get("summary", {}).get("sample") for pane in panes), "panes of the release before have a sample"

    finals = [window for window in snapshot.ordered() if window.status == "final"]
    assert len(finals) == len(snapshot.windows)
    assert set(began) <= {window.key for window in finals}
    first = min(finals, key=lambda window: window.start)
    assert began[first.key].status == "final"
    assert first.revision > began[first.key].revision, "the corrected label revises a window of the release before"
    predictions = topic_frame(settings, PREDICTIONS)
    labels = topic_frame(settings, LABELS).sort_values("event_time").drop_duplicates("record_id", keep="last")
    assert len(predictions) == len(labels) == len(topic_frame(settings, OUTCOMES)) - 2 == RECORDS
    assert_windows_are_one_group_by(finals, predictions, labels)

    newest = {message.key(): message.value() or b"{}" for message in committed(settings, PANES)}
    alive = [json.loads(value)["summary"] for value in newest.values() if json.loads(value).get("type") == "pane"]
    assert alive
    for summary in alive:
        counted = [part[0] for name, part in summary["segments"].items() if name.startswith("Geography: ")]
        assert sum(counted) == summary["records"], "panes that the release before began have segments by now"

    told = [line for line in logs(tmp_path, "join").splitlines() if "WARNING" in line or "ERROR" in line]
    assert len(told) == settings.partitions, told
    assert all("it is rebuilt" in line for line in told), "the stores of the release before are of another form"
    assert "ERROR" not in logs(tmp_path, "monitor") + logs(tmp_path, "score")

    found = points(settings)
    assert_one_value_a_place(found)
    begin = min(step for step, _, _ in found["v1 inputs", "labels/coverage"])
    realised = {step: value for step, _, value in found["v1 realised", "performance/tp"]}
    steps = {begin + (window.start - first.start) // settings.slide: window for window in finals}
    assert realised == {step: window.performance.tp for step, window in steps.items()}


READER = """
import sys
from contract.messages import Window, prediction_type
from contract.schema import load_schema
from monitor.timeline.own_messages import OwnMessages, PaneMessages
import msgspec

panes, windows = PaneMessages("panes"), OwnMessages("windows", Window)
prediction = msgspec.json.Decoder(prediction_type(load_schema("bank_churn")))
for number, line in enumerate(sys.stdin.buffer):
    topic, value = line.split(b" ", 1)
    if topic == b"predictions":
        found = prediction.decode(value)
    else:
        found = (panes if topic == b"panes" else windows).read(value.strip() or None, number)
    print(type(found).__name__)
"""


def test_a_reader_of_the_release_before_passes_over_what_is_new_and_reads_the_rest(tmp_path: Path) -> None:
    model, sums = ModelRef("churn", 3), Summary(records=2, labelled=1, tn=1, inferred=1, delay_hours_positive={3: 1})
    pane = Pane(partition=0, start=0, slide=DAY, model=model, threshold=0.5, summary=sums)
    sample = PaneSample(
        partition=0, start=0, slide=DAY, model=model, records=1, hashes=[1], probabilities=[0.5], columns=[[1.0]]
    )
    progress = JoinProgress(partition=0, watermark=1, label_watermark=None, ended=False, ahead=3, labels_idle=True)
    prediction = Prediction(
        record_id="r",
        customer_id="c",
        event_time=START,
        features=features(),
        probability=0.25,
        predicted=0,
        threshold=0.5,
        model=model,
        source=RecordPosition(0, 1),
    )
    written: list[tuple[str, bytes, str]] = [
        ("predictions", messages.encode(prediction), "Prediction"),
        ("panes", messages.encode(pane), "Pane"),
        ("panes", messages.encode(sample), "NoneType"),
        ("panes", messages.encode(Fold(model=model, until=DAY, summary=sums)), "NoneType"),
        ("panes", messages.encode(TimelineProgress(windows_from=3)), "NoneType"),
        ("panes", b"", "NoneType"),
        ("panes", messages.encode(progress), "JoinProgress"),
        ("windows", messages.encode(window(nowcast=nowcast())), "Window"),
        ("windows", messages.encode(cumulative()), "NoneType"),
    ]
    told = subprocess.run(
        [sys.executable, "-c", READER],
        input=b"".join(topic.encode() + b" " + value + b"\n" for topic, value, _ in written),
        env=running_it(dict(os.environ)),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr.decode()
    assert told.stdout.decode().split() == [kind for _, _, kind in written]
