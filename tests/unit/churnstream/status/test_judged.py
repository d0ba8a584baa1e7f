"""Whether a stream is called well, not well, or neither, and the reasons that are given."""

from collections.abc import Mapping

import msgspec
import pytest

from churnstream.status.form import StreamStatus, as_json
from churnstream.status.judged import StreamSeen, status_of
from contract.messages import ModelRef
from contract.topics import FORMAT, WINDOWS
from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState
from dashboard.view.places import Places
from tests.support.dashboard.hostile import hostile
from tests.support.dashboard.sent import received
from tests.support.dashboard.states import STATES
from tests.support.dashboard.told import CAUGHT_UP, NOW, ToldStream, incident, progress, serving, verdict
from tests.support.messages import DAY, START
from tests.support.windows import drift, final, window

ALL_AT_WORK: Mapping[str, int | None] = {"scorer": 2, "join": 1, "timeline": 1}


def lag(customers: int = 0) -> Mapping[str, Mapping[str, Mapping[int, int]]]:
    return {
        "scorer": {"customers": {0: 0, 1: customers}},
        "join": {"predictions": {0: 0, 1: 0}, "labels": {0: 0, 1: 0}},
        "timeline": {"panes": {0: 0}},
    }


def positions(members: Mapping[str, int | None] = ALL_AT_WORK, customers: int = 0, letters: int = 0) -> Positions:
    return Positions(lag=lag(customers), members=members, letters={0: letters}, at=NOW)


def status(
    known: StreamState | None = None,
    *,
    reach: Reach = CAUGHT_UP,
    at_work: Positions | None = None,
    stream: str | None = "abc",
    **changed: object,
) -> StreamStatus:
    seen = StreamSeen(
        known=StreamState() if known is None else known,
        reach=reach,
        positions=positions() if at_work is None else at_work,
        stream=stream,
        servers="kafka:9092",
        **changed,  # type: ignore[arg-type]
    )
    return status_of(seen, NOW, Places(topic_prefix="cards-"))


def told(*messages: object) -> StreamState:
    return ToldStream(*messages).state  # type: ignore[arg-type]


def kinds(found: StreamStatus) -> list[tuple[str, str]]:
    return [(problem.kind, problem.severity) for problem in found.problems]


def test_a_stream_with_all_its_workers_and_nothing_against_it_is_well() -> None:
    found = status(told(final(0), verdict("healthy"), serving(3), progress(0), progress(1)))
    assert (found.well, found.exit_code, found.problems) == (True, 0, ())
    assert (found.data_until, found.labels_until) == (START + 8 * DAY, START + 6 * DAY)
    assert [(model.name, model.version) for model in found.models] == [("churn", 3)]


def test_a_stream_that_has_just_been_made_is_well_once_its_workers_are_there() -> None:
    assert status().well is True
    assert status().remarks == ("no record has been scored and joined yet",)
    nobody = status(at_work=positions({"scorer": 0, "join": 0, "timeline": 0}))
    assert nobody.exit_code == 1
    assert [problem.text for problem in nobody.problems] == [
        "no scorer is running",
        "no join is running",
        "no monitor is running",
    ]
    assert nobody.problems[2].remedy == "start one with `churnstream monitor`"


def test_what_waits_for_a_worker_that_is_not_there_is_counted() -> None:
    found = status(at_work=positions({**ALL_AT_WORK, "scorer": 0}, customers=1_234))
    assert [problem.text for problem in found.problems] == ["no scorer is running, and 1,234 messages wait"]
    assert found.workers[0].lag == 1_234
    assert [(one.topic, one.partition, one.lag) for one in found.workers[0].partitions] == [
        ("customers", 0, 0),
        ("customers", 1, 1_234),
    ]
    assert found.workers[2].group == "cards-timeline"


def test_a_stream_that_has_ended_needs_no_workers_unless_something_waits() -> None:
    ended = told(final(0), verdict("healthy"), serving(3), progress(0, ended=True), progress(1, ended=True))
    gone = dict.fromkeys(ALL_AT_WORK, 0)
    found = status(ended, at_work=positions(gone))
    assert (found.well, found.ended) == (True, True)
    assert "the stream has ended; its workers are no longer needed" in found.remarks
    assert status(ended, at_work=positions(gone, customers=5)).well is False


def test_groups_that_may_not_be_looked_at_leave_it_open() -> None:
    found = status(at_work=positions({**ALL_AT_WORK, "join": None}))
    assert (found.well, found.exit_code) == (None, 2)
    assert kinds(found) == [("worker", "unknown")]
    # something that is surely wrong is surely wrong
    assert status(at_work=positions({"scorer": 0, "join": None, "timeline": 1})).exit_code == 1


@pytest.mark.parametrize(
    ("seen", "kind", "words"),
    [
        (
            {"reach": Reach(away_since=NOW, reason="kafka:9092: Connection refused")},
            "broker",
            "Kafka at kafka:9092 does not answer: kafka:9092: Connection refused",
        ),
        (
            {"reach": Reach(caught_up=True, away_since=NOW, reason="no answer within 2.5 s")},
            "broker",
            "Kafka at kafka:9092 does not answer: no answer within 2.5 s",
        ),
        (
            {"reach": Reach(reason="Kafka does not let this user read cards-windows")},
            "refused",
            "Kafka does not let this user read cards-windows",
        ),
        (
            {"reach": Reach(missing=(FORMAT, WINDOWS)), "stream": None, "others": ("", "loans-")},
            "no_stream",
            "there is no stream with the topic prefix 'cards-' on Kafka at kafka:9092",
        ),
        ({"stream": None}, "no_stream", "topic cards-format does not name a stream: "),
        (
            {"reach": Reach(), "gave_up_after": 30.0},
            "unread",
            "the topics could not be read to their end within 30 s",
        ),
    ],
)
def test_what_cannot_be_told_is_neither_well_nor_not_and_says_why(
    seen: dict[str, object], kind: str, words: str
) -> None:
    found = status(told(verdict("worse"), incident()), **seen)  # type: ignore[arg-type]
    assert (found.well, found.exit_code) == (None, 2)
    # what is known besides may be old, or another stream's
    assert [problem.kind for problem in found.problems] == [kind]
    assert found.problems[0].text.startswith(words)
    assert found.problems[0].remedy


def test_other_streams_on_the_same_kafka_are_named() -> None:
    found = status(reach=Reach(missing=(FORMAT,)), stream=None, others=("", "loans-"))
    assert found.problems[0].remedy == "streams on this Kafka: one without a prefix, --topic-prefix loans-"


def test_a_topic_that_is_gone_is_named() -> None:
    found = status(reach=Reach(caught_up=True, missing=(WINDOWS,)))
    assert found.well is False
    assert found.problems[0].text == "topics of the stream are missing: windows"


@pytest.mark.parametrize(
    ("state", "severity"), [("worse", "critical"), ("silent", "critical"), ("customers_changed", "warning")]
)
def test_a_model_that_is_not_well_makes_the_stream_not_well(state: str, severity: str) -> None:
    found = status(told(final(0), verdict(state), serving(3)))
    assert kinds(found) == [("verdict", severity)]
    assert status(told(final(0), verdict("unjudged"), serving(3))).well is True


def test_incidents_that_stand_count_and_those_of_a_challenger_do_not() -> None:
    over = incident("volume", 1, state="closed")
    found = status(told(final(0), incident("drift", 0, severity="critical"), incident("lag", 2, model=None), over))
    assert kinds(found) == [("incident", "critical"), ("incident", "warning")]
    assert found.problems[0].text == "churn v3: drift since 21 Jan 2025: Age"
    beside = status(told(final(0), incident("drift", 0, model=ModelRef("churn", 4, "challenger"))))
    assert beside.well is True
    assert len(beside.incidents) == 1


def test_a_model_without_a_version_that_serves_is_not_well() -> None:
    found = status(told(final(0), serving(without=True)))
    assert kinds(found) == [("model", "critical")]


def test_a_monitor_that_falls_behind_is_told() -> None:
    stream = ToldStream(progress(0, watermark=START + 40 * DAY), serving(3))
    stream.tell(final(0, slide=DAY), at=NOW - 600_000)
    found = status(stream.state)
    assert kinds(found) == [("monitor", "critical")]
    assert "The monitor is behind" in found.problems[0].text


def test_labels_that_never_come_are_remarked() -> None:
    found = status(told(window(0, labelled=0), progress(0, label_watermark=None)))
    assert found.well is True
    assert found.remarks == ("no label has come yet in at least one partition",)


def test_the_newest_window_has_its_figures_and_its_age() -> None:
    stream = ToldStream()
    stream.tell(final(0), at=NOW - 90_000)
    stream.tell(window(1, drift=drift({"Age": 0.3}, ("Age",))), at=NOW - 60_000)
    newest = status(stream.state).newest_window
    assert newest is not None
    assert (newest.status, newest.records, newest.coverage, newest.f1, newest.changed) == (
        "provisional",
        2_000,
        0.5,
        0.75,
        ("Age",),
    )
    assert (newest.estimated_f1, newest.estimated_f1_low, newest.estimated_f1_high) == (0.7, 0.66, 0.74)
    assert (newest.told_ago_ms, newest.ends_ago_ms) == (60_000, 392 * DAY)


def test_dead_letters_are_counted_by_reason_without_what_stands_in_them() -> None:
    stream = ToldStream()
    for number in range(5):
        stream.reject("wrong-type", "features.Age", at=NOW + number)
    stream.reject("null-key", at=NOW - 2 * DAY)
    found = status(stream.state, at_work=positions(letters=900)).dead_letters
    assert (found.ever, found.today, found.looked_at) == (900, 5, 6)
    assert [(one.reason, one.field, one.count) for one in found.by_reason] == [
        ("wrong-type", "Age", 5),
        ("null-key", "", 1),
    ]
    assert "private" not in as_json(status(stream.state))


@pytest.mark.parametrize("state", sorted(STATES))
def test_each_state_of_the_page_has_a_status(state: str) -> None:
    known = StreamState()
    known.take_all(received(STATES[state]()))
    found = status(known)
    decoded = msgspec.json.decode(as_json(found), type=StreamStatus)
    assert decoded == found
    expected = {"worse", "probably_worse", "drifted", "silent", "relation_changed", "without_model"}
    assert (found.well is False) == (state in expected), found.problems


def test_hostile_texts_are_data() -> None:
    known = StreamState()
    known.take_all(received(hostile()))
    found = status(known)
    assert found.well is False
    assert all(sign.isprintable() for problem in found.problems for sign in problem.text)
