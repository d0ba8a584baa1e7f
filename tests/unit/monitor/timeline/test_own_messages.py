"""Messages on our own topics: garbage is skipped, counted and named, and later releases are understood."""

import json
from typing import Any

import pytest

from contract.alerts import Alert
from contract.messages import ModelRef, encode
from contract.panes import UNIT, Fold, PaneMessage, PaneSample, Summary, TimelineProgress
from contract.versions import ServingVersions, TrainedColumn, TrainedVersion
from contract.windows import Cumulative
from monitor.timeline.own_messages import (
    AlertMessages,
    OwnMessages,
    PaneMessages,
    StandingVersion,
    VersionMessages,
    WindowMessages,
)
from tests.support.messages import DAY, START
from tests.support.timeline.panes import numeric_schema, pane_of, progress, scored
from tests.support.windows import window

SCHEMA = numeric_schema(2)
PANE = pane_of(scored(0, 5), SCHEMA)
SAMPLE = PaneSample(
    partition=0,
    start=START,
    slide=DAY,
    model=PANE.model,
    records=5,
    hashes=[1, 2],
    probabilities=[0.25, 0.5],
    columns=[[1.0, 2.0], [None, 3.0]],
)
FOLD = Fold(model=PANE.model, until=START, summary=Summary())
POINT = Cumulative(model=PANE.model, end=START, revision=0, performance=window().performance)
ALERT = Alert(
    key="drift/churn/3/champion/0",
    state="raised",
    kind="drift",
    model=ModelRef("churn", 3),
    start=START,
    end=START + DAY,
    features=["Age"],
    message="drift",
)


def changed(message: Any, **values: Any) -> bytes:
    return json.dumps(json.loads(encode(message)) | values).encode()


def with_summary(**values: Any) -> bytes:
    summary = json.loads(encode(PANE))["summary"] | values
    return changed(PANE, summary=summary)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"{" * 100_000,
        b'{"type":"pane"}',
        b'{"type":3}',
        b'{"x":' + b"[" * 100_000,
        b'{"type":"progress","partition":"0"}',
        encode(PANE)[:-20],
        changed(progress(1), partition=-1),
        changed(PANE, partition=-1),
        changed(PANE, slide=0),
        changed(PANE, start=START + 1),
        with_summary(records=-1),
        with_summary(labelled=6),
        with_summary(tp=-1),
        with_summary(tp=17),
        with_summary(records=3, labelled=0, tn=0, fp=0, fn=0, tp=0),
        with_summary(sample=[[1, "a", 0.5, 1, None, [1.0]], [2, "b", 0.5, 1, None, [1.0, 2.0]]]),
        with_summary(segments={"Age: missing": [6, 0, 0]}),
        with_summary(segments={"Age: missing": [-1]}),
        with_summary(segments={"Age: missing": [5, 6]}),
        with_summary(segments={"Age: missing": [5, 0, 5 * UNIT + 1]}),
        with_summary(segments={"Age: missing": [2, 0, 0, 1, 1, 1, 0]}),
        with_summary(segments={"Age: missing": [2, 0, 0, 1, 0, 0, 0, 0, 0, -1]}),
        changed(PANE, summary={"records": 10**10, "segments": {"Age: missing": [10**10, 0, 2**62 + 1]}}),
        changed(PANE, summary={"records": 10**60, "segments": {"Age: missing": [10**60]}}),
        changed(SAMPLE, hashes=[1]),
        changed(SAMPLE, columns=[[1.0], [1.0]]),
        changed(SAMPLE, records=1),
        changed(SAMPLE, start=START + 1),
        changed(SAMPLE, rows=[1]),
        changed(SAMPLE, rows=[0, 1]),
        changed(SAMPLE, rows=[1, 5]),
        changed(FOLD, summary={"records": 3, "labelled": 4}),
    ],
)
def test_garbage_is_skipped_and_counted(value: bytes) -> None:
    messages = PaneMessages("t.panes")
    assert messages.read(value, 7) is None
    assert messages.skipped == 1
    assert messages.read(encode(PANE), 8) == PANE
    assert messages.skipped == 1


def test_the_log_names_topic_partition_and_offset_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    messages = WindowMessages("once.in.a.while")
    for offset in range(1_000):
        messages.read(b"{}", offset)
    assert messages.skipped == 1_000
    (line,) = caplog.messages
    assert line.startswith("topic once.in.a.while, partition 0, offset 0: not a message of churnstream, skipped")


@pytest.mark.parametrize("message", [PANE, SAMPLE, progress(1), FOLD, TimelineProgress(windows_from=3)])
def test_every_kind_on_panes_is_read_and_fields_of_a_later_release_are_passed_over(message: PaneMessage) -> None:
    assert PaneMessages("t.panes").read(changed(message, next_release={"a": 1}), 0) == message


def test_fields_of_a_later_release_are_passed_over_deep_inside_too() -> None:
    row = [*json.loads(encode(PANE))["summary"]["sample"][0], "more"]
    sample = [row, *json.loads(encode(PANE))["summary"]["sample"][1:]]
    assert PaneMessages("t.panes").read(with_summary(sample=sample, next_release=1), 0) == PANE
    one = window()
    value = changed(one, next_release={"a": 1}, model={"name": "churn", "version": 3, "role": "champion", "x": 1})
    assert WindowMessages("t.windows").read(value, 0, one.key.encode()) == one
    assert AlertMessages("t.alerts").read(changed(ALERT, next_release=1), 0) == ALERT


def test_the_kinds_on_windows_are_told_apart_by_their_keys() -> None:
    messages = WindowMessages("t.windows")
    assert messages.read(encode(window()), 0, window().key.encode()) == window()
    assert messages.read(encode(POINT), 1, POINT.key.encode()) == POINT
    assert messages.read(encode(POINT), 2, window().key.encode()) is None
    assert messages.skipped == 1


@pytest.mark.parametrize(
    ("messages", "key", "value", "kind"),
    [
        (PaneMessages("t.panes"), b"weather/3", b'{"type":"weather","degrees":3}', "weather"),
        (WindowMessages("t.windows"), b"churn/3/champion/segments", b'{"segments":[]}', "segments"),
        (AlertMessages("t.alerts"), b"f1/churn/3/champion/0", changed(ALERT, kind="weather"), "weather"),
    ],
)
def test_kinds_of_a_later_release_are_passed_over_with_one_line_each(
    messages: OwnMessages[Any], key: bytes, value: bytes, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for offset in range(100):
        assert messages.read(value, offset, key) is None
    assert messages.skipped == 0
    (line,) = caplog.messages
    assert f"offset 0: messages of the kind '{kind}', which this release does not know" in line


def test_lines_about_kinds_of_a_later_release_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    messages = PaneMessages("t.panes")
    for number in range(1_000):
        assert messages.read(b'{"type":"%d"}' % number, number) is None
    assert len(caplog.messages) == 100


@pytest.mark.parametrize("messages", [PaneMessages("t"), WindowMessages("t"), AlertMessages("t")])
def test_a_message_without_a_value_is_no_garbage(messages: OwnMessages[Any], caplog: pytest.LogCaptureFixture) -> None:
    assert messages.read(None, 0, b"churn/3/champion/0/0") is None
    assert messages.skipped == 0
    assert not caplog.messages


def test_a_kind_of_message_on_versions_that_a_later_release_adds_is_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("WARNING", "churnstream.timeline")
    messages = VersionMessages("versions")
    trained = TrainedVersion(name="churn", version=3, columns={"Age": TrainedColumn(mean=1.0)})
    serving = ServingVersions(name="churn", alias="champion")
    for message in (trained, serving):
        assert messages.read(encode(message), 1, message.key.encode()) == message
    assert messages.read(b"{}", 2, b"churn/3/fairness") is None
    assert messages.read(b"{", 3, b"churn/3") is None
    assert messages.read(None, 4, b"churn/3") is None
    assert messages.skipped == 1
    assert ["'fairness'" in line for line in caplog.messages] == [True, False]


def test_what_stands_of_a_version_is_told_apart_by_all_of_it_and_kept_without_its_columns() -> None:
    one, other = (
        StandingVersion.of(TrainedVersion(name="churn", version=3, columns={"Age": TrainedColumn(mean=mean)}))
        for mean in (1.0, 2.0)
    )
    assert one.message == other.message == TrainedVersion(name="churn", version=3)
    assert one.digest != other.digest
