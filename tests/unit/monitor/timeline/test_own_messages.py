"""Messages on our own topics: garbage is skipped, counted and named, and later releases are understood."""

import json
from typing import Any

import pytest

from contract.messages import ModelRef, encode
from contract.panes import JoinProgress, Pane
from contract.windows import Alert, Window
from monitor.timeline.own_messages import OwnMessages, PaneMessages
from tests.support.messages import DAY, START
from tests.support.timeline.panes import numeric_schema, pane_of, progress, scored
from tests.support.windows import window

SCHEMA = numeric_schema(2)
PANE = pane_of(scored(0, 5), SCHEMA)
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
        None,
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"{" * 100_000,
        b'{"type":"pane"}',
        b'{"type":"weather","degrees":3}',
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
    ],
)
def test_garbage_is_skipped_and_counted(value: bytes | None) -> None:
    messages = PaneMessages("t.panes")
    assert messages.read(value, 7) is None
    assert messages.skipped == 1
    assert messages.read(encode(PANE), 8) == PANE
    assert messages.skipped == 1


def test_the_log_names_topic_partition_and_offset_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    messages = OwnMessages("once.in.a.while", Window)
    for offset in range(1_000):
        messages.read(b"{}", offset)
    assert messages.skipped == 1_000
    (line,) = caplog.messages
    assert line.startswith("topic once.in.a.while, partition 0, offset 0: no message of ours, skipped")


@pytest.mark.parametrize("kind", [Pane, JoinProgress, Window, Alert])
def test_fields_of_a_later_release_are_passed_over(kind: type) -> None:
    if kind is Window:
        one = window()
        value = changed(one, next_release={"a": 1}, model={"name": "churn", "version": 3, "role": "champion", "x": 1})
        assert OwnMessages("t.windows", Window).read(value, 0) == one
    elif kind is Alert:
        assert OwnMessages("t.alerts", Alert).read(changed(ALERT, next_release=1), 0) == ALERT
    elif kind is Pane:
        row = [*json.loads(encode(PANE))["summary"]["sample"][0], "more"]
        sample = [row, *json.loads(encode(PANE))["summary"]["sample"][1:]]
        assert PaneMessages("t.panes").read(with_summary(sample=sample, next_release=1), 0) == PANE
    else:
        assert PaneMessages("t.panes").read(changed(progress(1), next_release=1), 0) == progress(1)
