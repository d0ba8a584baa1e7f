"""``churnstream reset`` on a real broker: it tells first, deletes what is the stream's, and nothing else."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner

from churnstream.cli import app
from churnstream.reset import StreamReset
from contract.errors import UserError
from contract.kafka.clients import admin_client, committed_consumer
from contract.kafka.provision import ensure_topics
from contract.kafka.stream_identity import stream_identity
from contract.settings import Settings
from contract.topics import GROUPS, LABELS, PREDICTIONS, alerts_group, topic_specs
from monitor.join.opening import GROUP as JOIN
from monitor.slot import Slot
from monitor.timeline.faust_app import GROUP as TIMELINE
from scorer.stream.worker import GROUP as SCORER
from tests.support.alerting.publishing import rules_file
from tests.support.kafka.topics import environment, send, stream_settings
from tests.support.polling import eventually

TIMEOUT = 30.0


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, topic_prefix, tmp_path / "state")


@pytest.fixture
def admin(settings: Settings) -> AdminClient:
    return admin_client(settings)


def names(admin: AdminClient, prefix: str) -> set[str]:
    return {name for name in admin.list_topics(timeout=TIMEOUT).topics if name.startswith(prefix)}


def groups(admin: AdminClient, prefix: str) -> set[str]:
    listed = admin.list_consumer_groups().result(TIMEOUT).valid
    return {group.group_id for group in listed if group.group_id.startswith(prefix)}


def member(settings: Settings, group: str) -> Consumer:
    """A consumer that has joined a group of the stream and committed an offset."""
    consumer = committed_consumer(settings, group)
    consumer.subscribe([settings.topic(LABELS)])
    eventually(lambda: consumer.poll(0.1) is not None or consumer.assignment(), message="joined")
    consumer.commit(offsets=[TopicPartition(settings.topic(LABELS), 0, 0)], asynchronous=False)
    return consumer


def make(admin: AdminClient, name: str) -> None:
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(TIMEOUT)
    eventually(lambda: name in admin.list_topics(timeout=TIMEOUT).topics)


def used(settings: Settings, admin: AdminClient) -> None:
    """Leave what workers leave: messages, groups, a changelog of an earlier version, and state."""
    send(settings, PREDICTIONS, [(b"c-1", b"{}"), (b"c-2", b"{}")])
    send(settings, LABELS, [(b"c-1", b"{}")])
    for group in GROUPS:
        member(settings, group).close()
    make(admin, settings.topic("timeline-panes-changelog"))
    for part in ("join/0/0.sqlite", "monitor/spool/1.json", "reports/churn-1/x.html", "references/1.parquet"):
        path = settings.state_dir / part
        path.parent.mkdir(parents=True)
        path.write_bytes(b"12345")


def reset(settings: Settings, *flags: str) -> tuple[int, str]:
    """Exit code, and what it printed or refused with."""
    done = CliRunner(env=environment(settings)).invoke(app, ["reset", *flags])
    return done.exit_code, done.output + str(done.exception or "")


def test_the_groups_of_all_workers_are_known() -> None:
    assert set(GROUPS) == {SCORER, JOIN, TIMELINE}


def test_it_tells_first_and_touches_nothing(settings: Settings, admin: AdminClient) -> None:
    used(settings, admin)
    before = names(admin, settings.topic_prefix), groups(admin, settings.topic_prefix), stream_identity(settings)
    code, told = reset(settings)
    assert code == 0
    assert f"  topic {settings.topic(PREDICTIONS)}: 2 messages\n" in told
    assert f"  topic {settings.topic('timeline-panes-changelog')}: 0 messages\n" in told
    for group in GROUPS:
        assert f"  consumer group {settings.topic(group)}\n" in told
    assert f"  {settings.state_dir / 'join'}: 0.0 MB\n" in told
    assert f"kept in MLflow: the model 'churn' and the experiment {settings.experiment!r}\n" in told
    assert f"kept on this machine, because MLflow has the same: {settings.state_dir / 'references'}\n" in told
    assert told.endswith("nothing has been deleted; to delete it, run churnstream reset --yes with the same settings\n")
    assert before == (
        names(admin, settings.topic_prefix),
        groups(admin, settings.topic_prefix),
        stream_identity(settings),
    )
    assert (settings.state_dir / "join" / "0" / "0.sqlite").exists()


def test_it_deletes_all_of_the_stream_and_nothing_else(broker: str, settings: Settings, admin: AdminClient) -> None:
    prefix = settings.topic_prefix
    neighbour = stream_settings(broker, f"{prefix}2.", settings.state_dir.parent / "other")
    used(settings, admin)
    member(neighbour, JOIN).close()
    make(admin, f"{prefix}theirs")
    theirs = names(admin, neighbour.topic_prefix) | {f"{prefix}theirs"}
    identity = stream_identity(settings)
    (settings.state_dir / "kafka").mkdir()

    code, told = reset(settings, "--yes")
    assert code == 0, told
    assert f"kept, because they only share the prefix: {', '.join(sorted(theirs))}\n" in told
    assert names(admin, prefix) == theirs
    assert groups(admin, prefix) == {neighbour.topic(JOIN)}
    assert sorted(path.name for path in settings.state_dir.iterdir()) == ["kafka", "references"]

    assert reset(settings, "--yes")[1].startswith(f"nothing is left of the stream {prefix!r} at ")
    ensure_topics(admin, settings)
    assert stream_identity(settings) != identity


def test_without_a_prefix_only_our_exact_names_are_ours(settings: Settings, admin: AdminClient) -> None:
    bare = settings.model_copy(update={"topic_prefix": ""})
    found = StreamReset(bare, admin).find()
    assert found.strangers == ()
    assert set(found.topics) <= {spec.name for spec in topic_specs(bare)} | {
        f"timeline-{table}-changelog" for table in ("panes", "windows", "alerts")
    }


def test_it_refuses_while_a_worker_is_in_a_group(settings: Settings, admin: AdminClient) -> None:
    worker = member(settings.model_copy(update={"instance": "left-one"}), JOIN)
    try:
        for flags in ((), ("--yes",)):
            code, told = reset(settings, *flags)
            assert code != 0
            assert f"{settings.topic(JOIN)}-left-one at 127.0.0.1 (group {settings.topic(JOIN)})" in told
        assert settings.topic(PREDICTIONS) in names(admin, settings.topic_prefix)
    finally:
        worker.close()


def test_it_refuses_while_a_worker_has_a_folder(settings: Settings, admin: AdminClient) -> None:
    slot = Slot(settings.state_dir / "join", None)
    stream = StreamReset(settings, admin)
    with pytest.raises(UserError, match=r"a process on this machine \(folder \S+join/0\); stop all its workers"):
        stream.delete(stream.find())
    slot.close()
    stream.delete(stream.find())
    assert names(admin, settings.topic_prefix) == set()


def test_the_groups_of_alert_sinks_are_deleted_too(settings: Settings, admin: AdminClient, tmp_path: Path) -> None:
    with_sink = settings.model_copy(update={"alert_rules": rules_file(tmp_path, "team")})
    for sink in ("team", "of-another"):
        member(with_sink, alerts_group(sink)).close()
    stream = StreamReset(with_sink, admin)
    assert settings.topic("alerts-team") in stream.find().groups
    stream.delete(stream.find())
    assert groups(admin, settings.topic("alerts-")) == {settings.topic("alerts-of-another")}
