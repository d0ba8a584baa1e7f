"""The follower over a real broker: it sees what is committed, goes on by itself, and begins anew with a new stream."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from churnstream.local_kafka.broker import LocalKafka, free_port
from contract.alerts import ModelVerdict
from contract.kafka.clients import admin_client
from contract.kafka.dead_letters import produce_dead_letter
from contract.kafka.provision import ensure_topics
from contract.messages import encode
from contract.panes import JoinProgress
from contract.rejection import Reason, RejectionError
from contract.settings import Settings, load_settings
from contract.topics import ALERTS, CUSTOMERS, DEAD_LETTERS, LABELS, PANES, PREDICTIONS, VERSIONS, WINDOWS
from contract.versions import TrainedVersion
from dashboard.following.follower import StreamFollower
from dashboard.stream.state import StreamState
from tests.support.kafka.topics import delete_topics, remake_topics, send, stream_settings
from tests.support.messages import START
from tests.support.polling import eventually
from tests.support.windows import MODEL, window


class KnownStream:
    """A follower at work, and what it knows."""

    def __init__(self, settings: Settings) -> None:
        self.state = StreamState()
        self.lock = threading.Lock()
        self.follower = StreamFollower(settings, self.state, self.lock)

    def starts(self) -> list[int]:
        with self.lock:
            return [one.start for one in self.state.windows(MODEL)]

    def wait_for_windows(self, *days: int, timeout: float = 30.0) -> None:
        expected = [window(day).start for day in days]
        eventually(lambda: self.starts() == expected, timeout, f"windows of days {days}", interval=0.01)

    def wait_until_caught_up(self) -> None:
        eventually(lambda: self.follower.reach.caught_up, 30.0, "caught up")


@contextlib.contextmanager
def following(settings: Settings) -> Iterator[KnownStream]:
    followed, stop = KnownStream(settings), threading.Event()
    thread = threading.Thread(target=followed.follower.run, args=(stop,))
    thread.start()
    try:
        yield followed
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def put_windows(settings: Settings, *days: int) -> None:
    send(settings, WINDOWS, [(one.key.encode(), encode(one)) for one in map(window, days)])


def producer_of(settings: Settings, name: str) -> Producer:
    producer = Producer(settings.kafka | {"transactional.id": settings.topic(name), "linger.ms": 0})
    producer.init_transactions(30)
    return producer


def progress(partition: int, ahead: int = 0) -> JoinProgress:
    return JoinProgress(partition=partition, watermark=START, label_watermark=None, ended=False, ahead=ahead)


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path)


def test_what_was_there_and_what_comes_is_known(settings: Settings) -> None:
    verdict = ModelVerdict(model=MODEL, state="healthy", since=None, until=START, title="HEALTHY", message="fine")
    version = TrainedVersion(name="churn", version=3, rows=2_000)
    put_windows(settings, 0, 1)
    send(settings, ALERTS, [(verdict.key.encode(), encode(verdict))])
    send(settings, VERSIONS, [(version.key.encode(), encode(version))])
    with following(settings) as followed:
        followed.wait_until_caught_up()
        assert followed.starts() == [window(0).start, window(1).start]
        assert followed.state.verdicts == {verdict.key: verdict}
        assert dict(followed.state.versions) == {("churn", 3): version}
        assert followed.follower.reach.missing == ()
        put_windows(settings, 2)
        followed.wait_for_windows(0, 1, 2)


def test_an_aborted_message_is_never_seen_and_a_committed_one_at_once(settings: Settings) -> None:
    producer = producer_of(settings, "writer")
    with following(settings) as followed:
        followed.wait_until_caught_up()
        for day, commit in ((0, True), (1, False), (2, True)):
            producer.begin_transaction()
            one = window(day)
            producer.produce(settings.topic(WINDOWS), encode(one), one.key.encode())
            producer.flush(30)
            assert one.start not in followed.starts()
            if commit:
                producer.commit_transaction(30)
                eventually(lambda at=one.start: at in followed.starts(), message=f"window of day {day}", interval=0.01)
            else:
                producer.abort_transaction(30)
        assert followed.starts() == [window(0).start, window(2).start]


def test_dead_letters_and_lag_are_told_without_ends_of_transactions(settings: Settings) -> None:
    send(settings, CUSTOMERS, [(b"c", b"{}")] * 3, partition=1)
    producer = producer_of(settings, "scorer-1")
    rejection = RejectionError(Reason.WRONG_TYPE, "features.Age", "Expected `float`, got `str`")
    for offset in range(2):
        producer.begin_transaction()
        produce_dead_letter(
            producer,
            settings.topic(DEAD_LETTERS),
            rejection,
            key=b"secret",
            value=b'{"Surname": "secret"}',
            origin=(settings.topic(CUSTOMERS), 1, offset),
            time=START,
        )
        producer.commit_transaction(30)
    with following(settings) as followed:
        followed.wait_until_caught_up()
        letters = followed.state.letters
        assert [(one.reason, one.field, one.detail, one.origin_offset) for one in letters] == [
            ("wrong-type", "features.Age", "Expected `float`, got `str`", offset) for offset in range(2)
        ]
        assert "secret" not in repr(letters)
        follower = followed.follower
        eventually(lambda: follower.positions.letters == {0: 0, 1: 2}, message="two letters, without their markers")
        eventually(lambda: follower.positions.lag.get("scorer") == {CUSTOMERS: {0: 0, 1: 3}}, message="lag of three")
        assert follower.positions.members["scorer"] == 0


def test_lag_of_workers_that_stand_still_is_of_messages_alone(settings: Settings) -> None:
    topic = settings.topic(PREDICTIONS)
    producer = producer_of(settings, "scorer-1")
    producer.begin_transaction()
    for partition, count in ((0, 1), (1, 2)):
        for _ in range(count):
            producer.produce(topic, b"{}", b"c", partition)
    producer.commit_transaction(30)
    group = Consumer(settings.kafka | {"group.id": settings.topic("join")})
    # behind this lies the end of the transaction, which has an offset, too
    group.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    group.close()
    with following(settings) as followed:
        lag = {PREDICTIONS: {0: 0, 1: 2}, LABELS: {0: 0, 1: 0}}
        eventually(lambda: followed.follower.positions.lag.get("join") == lag, 20.0, "lag without ends of transactions")


def test_progress_is_found_far_back_and_followed(settings: Settings) -> None:
    far, near = progress(0), progress(1)
    filler = [(f"churn/1/champion/{number}/0".encode(), b"no pane") for number in range(3_000)]
    send(settings, PANES, [(far.key.encode(), encode(far)), *filler, (near.key.encode(), encode(near))])
    with following(settings) as followed:
        followed.wait_until_caught_up()
        eventually(lambda: followed.state.progress == {0: far, 1: near}, message="both partitions' progress")
        newer = progress(0, ahead=7)
        send(settings, PANES, [(newer.key.encode(), encode(newer))])
        eventually(lambda: followed.state.progress == {0: newer, 1: near}, message="newer progress")


def test_topics_that_appear_later_are_picked_up(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = load_settings(
        kafka={"bootstrap.servers": broker}, topic_prefix=topic_prefix, state_dir=tmp_path, partitions=1
    )
    with following(settings) as followed:
        eventually(lambda: WINDOWS in followed.follower.reach.missing, 20.0, "missing topics are told")
        assert followed.follower.reach.away_since is None
        assert not followed.follower.reach.caught_up
        ensure_topics(admin_client(settings), settings)
        put_windows(settings, 0)
        followed.wait_for_windows(0)
        eventually(lambda: followed.follower.reach.missing == (), message="none is missing any more")
        followed.wait_until_caught_up()


def test_a_stream_that_is_made_anew_is_begun_anew(settings: Settings) -> None:
    put_windows(settings, 0, 1, 2)
    with following(settings) as followed:
        followed.wait_for_windows(0, 1, 2)
        remake_topics(settings)
        put_windows(settings, 7)
        followed.wait_for_windows(7)


def test_one_topic_that_is_made_anew_is_noticed(settings: Settings) -> None:
    put_windows(settings, 0, 1, 2)
    with following(settings) as followed:
        followed.wait_for_windows(0, 1, 2)
        admin = admin_client(settings)
        delete_topics(admin, [settings.topic(WINDOWS)])
        ensure_topics(admin, settings)
        put_windows(settings, 8)
        followed.wait_for_windows(8)


def test_a_broker_that_goes_and_comes_back(own_broker: LocalKafka, tmp_path: Path) -> None:
    settings = stream_settings(own_broker.bootstrap_servers, "", tmp_path)
    put_windows(settings, 0)
    with following(settings) as followed:
        followed.wait_for_windows(0)
        followed.wait_until_caught_up()
        own_broker.kill()
        begun = time.monotonic()
        eventually(lambda: followed.follower.reach.away_since is not None, 20.0, "the broker is away")
        assert time.monotonic() - begun < 10.0
        assert "refused" in followed.follower.reach.reason
        assert followed.starts() == [window(0).start]
        own_broker.start()
        eventually(lambda: followed.follower.reach.away_since is None, 30.0, "the broker is back")
        assert followed.follower.reach.reason == ""
        put_windows(settings, 1)
        followed.wait_for_windows(0, 1)
        assert followed.follower.reach.caught_up


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_no_broker_at_the_start_is_told(host: str, tmp_path: Path) -> None:
    settings = load_settings(kafka={"bootstrap.servers": f"{host}:{free_port()}"}, state_dir=tmp_path)
    with following(settings) as followed:
        reach = followed.follower.reach
        reach = eventually(
            lambda: followed.follower.reach if followed.follower.reach.away_since else None, 20.0, "away"
        )
        assert reach.reason
        assert not reach.caught_up
        assert followed.state.models() == ()
