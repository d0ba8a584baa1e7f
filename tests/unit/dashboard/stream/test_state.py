"""The state of the stream equals the newest messages, in whatever order and among whatever else they come."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.alerts import Alert, ModelVerdict
from contract.kafka.stream_identity import STREAM_HEADER
from contract.messages import ModelRef, encode
from contract.panes import JoinProgress
from contract.topics import ALERTS, DEAD_LETTERS, PANES, VERSIONS, WINDOWS
from contract.versions import Reign, ServingVersions, TrainedColumn, TrainedVersion
from contract.windows import Cumulative, Drift, SegmentMetrics, Window
from dashboard.stream.backlog import WindowBacklog
from dashboard.stream.received import Header, Received
from dashboard.stream.state import Bounds, StreamState
from dashboard.stream.versions import KeptVersions
from tests.support.messages import START
from tests.support.windows import MODEL, cumulative, feature_drift, final, window

CHALLENGER = ModelRef("churn", 4, "challenger")
Message = tuple[str, bytes | None, bytes | None]


def received(message: Message, offset: int, headers: tuple[Header, ...] = ()) -> Received:
    topic, key, value = message
    return Received(topic, 0, offset, key, value, headers, START + offset)


def keyed(
    topic: str, content: Window | Cumulative | Alert | ModelVerdict | TrainedVersion | ServingVersions
) -> Message:
    return topic, content.key.encode(), encode(content)


def alert(key: str = "drift/churn/3", state: str = "opened", day: int = 0) -> Alert:
    made = {"key": key, "state": state, "kind": "drift", "model": None, "start": START, "end": START + day}
    return msgspec.convert(made | {"features": ["Age"], "message": "Age drifted"}, Alert)


def verdict(model: ModelRef = MODEL, title: str = "HEALTHY") -> ModelVerdict:
    return ModelVerdict(model=model, state="healthy", since=None, until=START, title=title, message="")


def progress(partition: int, ahead: int = 0) -> Message:
    content = JoinProgress(partition=partition, watermark=START, label_watermark=None, ended=False, ahead=ahead)
    return PANES, content.key.encode(), encode(content)


def taken(*messages: Message, bounds: Bounds | None = None) -> StreamState:
    state = StreamState(bounds)
    for offset, message in enumerate(messages):
        state.take(received(message, offset))
    return state


windows = st.builds(
    lambda day, revision, model, kind: kind(day, revision=revision, model=model),
    st.integers(0, 6),
    st.integers(0, 3),
    st.sampled_from([MODEL, CHALLENGER]),
    st.sampled_from([window, final]),
).map(lambda one: keyed(WINDOWS, one))
alerts = st.builds(
    alert, st.sampled_from(["a", "b", "c"]), st.sampled_from(["opened", "updated", "closed", "retracted"])
).map(lambda one: keyed(ALERTS, one))
others = st.one_of(
    st.builds(lambda title: keyed(ALERTS, verdict(title=title)), st.sampled_from(["HEALTHY", "WORSE"])),
    st.builds(
        lambda number, rows: keyed(VERSIONS, TrainedVersion(name="churn", version=number, rows=rows)),
        st.integers(1, 3),
        st.integers(0, 3),
    ),
    st.builds(
        lambda number: keyed(
            VERSIONS, ServingVersions(name="churn", alias="champion", champions=(Reign(number, None),))
        ),
        st.integers(1, 3),
    ),
    st.builds(progress, st.integers(0, 3), st.integers(0, 3)),
    st.just(keyed(WINDOWS, cumulative())),
)
readable = st.one_of(windows, alerts, others)
deleted = readable.map(lambda message: (message[0], message[1], None))
garbage = st.one_of(
    st.tuples(st.sampled_from([WINDOWS, ALERTS, VERSIONS, PANES, DEAD_LETTERS]), st.binary(), st.binary()),
    # something else than its key says, and something that a later release says
    readable.map(
        lambda message: (message[0], b"progress/9" if message[0] == PANES else b"x/" + (message[1] or b""), message[2])
    ),
    alerts.map(lambda message: (message[0], message[1], (message[2] or b"").replace(b'"drift"', b'"of tomorrow"'))),
    st.sampled_from([PANES, "of-tomorrow"]).map(lambda topic: (topic, b"churn/3/champion/0/0", b"{}")),
)


def naive(messages: list[Message]) -> dict[str, object]:
    """By kind what the newest messages say, each taken by itself."""
    newest: dict[tuple[str, bytes | None], bytes | None] = {}
    told: dict[str, list[Alert]] = {}
    for topic, key, value in messages:
        newest[topic, key] = value
        if topic == ALERTS and not (key or b"").endswith(b"verdict"):
            name = (key or b"").decode()
            if value is None:
                told.pop(name, None)
            else:
                told.setdefault(name, []).append(msgspec.json.decode(value, type=Alert))
    types = {WINDOWS: Window, VERSIONS: TrainedVersion, PANES: JoinProgress, ALERTS: ModelVerdict}
    found: dict[str, object] = {"told": told}
    for topic, kind in types.items():
        for (where, key), value in newest.items():
            name = (key or b"").decode()
            if where != topic or value is None or name.endswith("cumulative"):
                continue
            if topic == ALERTS and not name.endswith("verdict"):
                continue
            of_name = ServingVersions if name.endswith("serving") else kind
            found[f"{topic} {name}"] = msgspec.json.decode(value, type=of_name)
    return found


def known(state: StreamState) -> dict[str, object]:
    found: dict[str, object] = {"told": {key: [one.alert for one in kept] for key, kept in state.incidents.items()}}
    for model in state.models():
        ends = [one.end for one in state.windows(model)]
        assert ends == sorted(ends)
        for slim in state.windows(model):
            stored = state.window(model, slim.start)
            assert stored is not None
            assert (stored.window.revision, stored.window.status) == (slim.revision, slim.status)
            found[f"{WINDOWS} {slim.key}"] = stored.window
    found |= {f"{ALERTS} {key}": one for key, one in state.verdicts.items()}
    found |= {f"{VERSIONS} {one.key}": one for one in state.versions.values()}
    found |= {f"{VERSIONS} {one.key}": one for one in state.serving.values()}
    return found | {f"{PANES} {one.key}": one for one in state.progress.values()}


@given(st.lists(st.tuples(st.just(True), readable | deleted) | st.tuples(st.just(False), garbage), max_size=60))
def test_it_equals_the_newest_messages_whatever_else_comes(messages: list[tuple[bool, Message]]) -> None:
    state = taken(*(message for _, message in messages))
    assert known(state) == naive([message for is_good, message in messages if is_good])


@given(st.lists(st.one_of(windows, deleted, others), max_size=60), st.lists(st.integers(1, 9), max_size=20))
def test_what_is_sifted_at_the_start_makes_no_difference(messages: list[Message], sizes: list[int]) -> None:
    state, backlog, offset = StreamState(), WindowBacklog(most_bytes=20_000), 0
    for size in [*sizes, len(messages)]:
        batch = [received(message, offset + n) for n, message in enumerate(messages[offset : offset + size])]
        offset += len(batch)
        state.take_all(backlog.sift(batch, at_end=False))
    state.take_all(backlog.sift([], at_end=True))
    assert known(state) == naive(messages)


@given(st.lists(windows, min_size=1, max_size=80), st.integers(3, 8))
def test_of_too_many_windows_the_oldest_go_and_do_not_come_back(messages: list[Message], most: int) -> None:
    state = StreamState(Bounds(windows=most))
    gone: set[str] = set()
    before: set[str] = set()
    for offset, message in enumerate(messages):
        state.take(received(message, offset))
        now = {one.key for model in state.models() for one in state.windows(model)}
        assert len(now) <= most
        gone |= before - now
        assert not gone & now
        before = now
    newest = {message[1]: msgspec.json.decode(message[2] or b"", type=Window) for message in messages}
    ordered = sorted((one.end, one.key) for one in newest.values())
    assert {key for _, key in ordered[-(most * 9 // 10) :]} <= before


def test_windows_are_bounded_by_bytes() -> None:
    size = len(encode(window()))
    state = taken(*(keyed(WINDOWS, window(day)) for day in range(50)), bounds=Bounds(window_bytes=20 * (6_000 + size)))
    starts = [one.start for one in state.windows(MODEL)]
    assert 10 <= len(starts) <= 25
    assert starts[-1] == window(49).start


def test_a_slim_window_lacks_what_only_the_whole_one_needs() -> None:
    features = {"Age": msgspec.structs.replace(feature_drift(0.1, False), counts=(1, 2), mean=45.0)}
    drift = Drift(judged=True, drifted=False, share=0.0, features=features, customers=(7,), pooled=(8,))
    segments = (SegmentMetrics(name="Gender=Male", records=5, labelled=5, judged=False),)
    one = window(drift=drift, segments=segments)
    state = taken(keyed(WINDOWS, one))
    (slim,) = state.windows(MODEL)
    assert (slim.segments, slim.drift.customers, slim.drift.pooled) == ((), (), ())
    assert slim.drift.features["Age"].counts == ()
    assert slim.drift.features["Age"].mean == 45.0
    stored = state.window(MODEL, one.start)
    assert stored is not None
    assert (stored.window, stored.offset, stored.at) == (one, 0, START)
    assert state.window(MODEL, one.start + 1) is None


def test_a_window_of_the_release_before_has_the_revision_that_this_one_gives() -> None:
    raw = msgspec.json.decode(encode(final(revision=4)))
    del raw["inferred"]
    state = taken((WINDOWS, final().key.encode(), msgspec.json.encode(raw)))
    assert state.windows(MODEL)[0].revision == 5


def test_fields_of_a_later_release_are_passed_over() -> None:
    raw = msgspec.json.decode(encode(window())) | {"of_tomorrow": [1]}
    state = taken((WINDOWS, window().key.encode(), msgspec.json.encode(raw)))
    assert len(state.windows(MODEL)) == 1
    assert state.skipped == 0


@pytest.mark.parametrize("topic", [WINDOWS, ALERTS, VERSIONS, DEAD_LETTERS])
@pytest.mark.parametrize("value", [b"{", b'"\xff"', b"[" * 100_000, b"", b"{}"])
def test_garbage_is_counted_and_never_raised(topic: str, value: bytes) -> None:
    state = taken((topic, b"churn/3/champion/0", value), (topic, b"\xff", value), (topic, None, value))
    assert state.skipped == 3
    assert state.revision == 0


def test_incidents_that_are_over_go_before_those_that_stand() -> None:
    opened = [keyed(ALERTS, alert(f"standing {number}")) for number in range(5)]
    over = [keyed(ALERTS, alert(f"over {number}", "closed")) for number in range(12)]
    state = taken(*opened, *over, bounds=Bounds(incidents=10))
    assert set(state.incidents) >= {f"standing {number}" for number in range(5)}
    assert len(state.incidents) <= 10
    assert "over 11" in state.incidents
    assert "over 0" not in state.incidents
    many = taken(*(keyed(ALERTS, alert(f"standing {number}")) for number in range(30)), bounds=Bounds(incidents=10))
    assert len(many.incidents) <= 10
    assert "standing 29" in many.incidents


def test_of_a_long_history_the_first_message_and_the_newest_are_kept() -> None:
    state = taken(*(keyed(ALERTS, alert(day=day)) for day in range(9)), bounds=Bounds(told=4))
    (kept,) = state.incidents.values()
    assert [one.alert.end - START for one in kept] == [0, 6, 7, 8]
    size = len(encode(alert()))
    many = taken(*(keyed(ALERTS, alert(f"{number:013}")) for number in range(40)), bounds=Bounds(alert_bytes=10 * size))
    assert 8 <= len(many.incidents) <= 10


def test_a_message_is_taken_once() -> None:
    state = StreamState()
    messages = [received(keyed(WINDOWS, window(revision=number)), number) for number in range(3)]
    state.take_all([messages[2], messages[0], messages[2], messages[1]])
    assert state.windows(MODEL)[0].revision == 2
    assert state.revision == 1


def test_what_is_of_another_stream_is_passed_over() -> None:
    state = StreamState()
    state.begin_anew("mine")
    for offset, (day, stream) in enumerate([(0, b"mine"), (1, b"another"), (2, None)]):
        headers = () if stream is None else ((STREAM_HEADER, stream),)
        state.take(received(keyed(WINDOWS, window(day)), offset, headers))
    assert [one.start for one in state.windows(MODEL)] == [window(0).start, window(2).start]
    before = state.revision
    state.begin_anew("next")
    assert state.models() == ()
    assert state.revision > before
    state.take(received(keyed(WINDOWS, window(5)), 0))
    assert len(state.windows(MODEL)) == 1


def test_earlier_progress_counts_where_none_is_known() -> None:
    state = taken(progress(1, ahead=5))
    for partition in (0, 1):
        state.fill_in(received(progress(partition, ahead=2), 0))
    state.fill_in(received((PANES, b"progress/x", b"{}"), 0))
    assert {number: one.ahead for number, one in state.progress.items()} == {0: 2, 1: 5}
    assert state.skipped == 1


def test_versions_are_decoded_when_they_are_looked_at_and_the_newest_message_is_true() -> None:
    columns = {f"column {number}": TrainedColumn(mean=number * 1.37, counts=(number, 7)) for number in range(1_000)}
    wide = [TrainedVersion(name="churn", version=number, columns=columns) for number in range(1, 9)]
    state = taken(*(keyed(VERSIONS, one) for one in wide))
    assert list(state.versions.values()) == wide
    assert state.versions["churn", 8] == wide[-1]
    changed = msgspec.structs.replace(wide[-1], rows=7)
    state.take(received(keyed(VERSIONS, changed), len(wide)))
    assert state.versions["churn", 8] == changed
    assert ("churn", 9) not in state.versions
    with pytest.raises(KeyError):
        state.versions["churn", 9]


def test_versions_are_bounded() -> None:
    kept = KeptVersions(most=3)
    for number in (1, 2, 3, 1, 4):
        one = TrainedVersion(name="churn", version=number)
        kept.put(one.key, encode(one))
    assert list(kept) == [("churn", 3), ("churn", 1), ("churn", 4)]
    by_bytes = KeptVersions(most_bytes=2 * kept.bytes // 3)
    for number in range(1, 9):
        one = TrainedVersion(name="churn", version=number)
        by_bytes.put(one.key, encode(one))
    assert list(by_bytes) == [("churn", 7), ("churn", 8)]
