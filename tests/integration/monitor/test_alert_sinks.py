"""Alert sinks on a real broker, with receivers that count: every state, in order, whatever fails in between."""

import email
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from prometheus_client import REGISTRY

from churnstream.local_kafka.broker import free_port
from contract.alert_rules import load_alert_rules
from contract.alerts import ModelVerdict
from contract.kafka.clients import admin_client
from contract.kafka.stream_identity import stream_identity
from contract.messages import encode
from contract.settings import Settings
from contract.testing import ManualClock
from contract.topics import ALERTS, alerts_group
from monitor.alert_sinks.backlog import position_of
from monitor.alert_sinks.threads import AlertSinks
from tests.support.alerting.publishing import MODEL, alert, lives, publish_alerts, rules_file, states_of
from tests.support.alerting.receiver import Receiver, receiving
from tests.support.kafka.topics import committed, configure, group_lag, send, shortest_session_timeout, stream_settings
from tests.support.polling import eventually

CLOCK = ManualClock(1_800_000_000_000)


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    session = shortest_session_timeout(broker)
    return stream_settings(broker, topic_prefix, tmp_path / "state", partitions=1, session_timeout_ms=session)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@contextmanager
def delivering(settings: Settings, rules: Path, environment: dict[str, str]) -> Iterator[AlertSinks]:
    sinks = AlertSinks(settings, stream_identity(settings), load_alert_rules(rules), CLOCK, environment=environment)
    sinks.start()
    try:
        yield sinks
    finally:
        assert sinks.close(30.0), "a sink did not end"


def at_work(settings: Settings, *sinks: str) -> None:
    """Wait until the sinks have a position: from there on every state counts."""
    eventually(lambda: all(position_of(settings, one, 10.0)[0] is not None for one in sinks), 30, "sinks are at work")


def delivered(settings: Settings, *sinks: str) -> bool:
    return all(group_lag(settings, alerts_group(sink), [ALERTS]) == 0 for sink in sinks)


def signal(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(name, labels)
    assert found is not None, name
    return found


def test_every_sink_gets_every_state_in_order_and_one_that_fails_holds_up_no_other(
    settings: Settings, receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = lives(range(3))
    receiver.answers["/down"] = 500
    urls = {"WELL_URL": receiver.url("well"), "DOWN_URL": receiver.url("down")}
    with caplog.at_level(logging.WARNING), delivering(settings, rules_file(tmp_path, "well", "down"), urls):
        at_work(settings, "well", "down")
        publish_alerts(settings, *said)
        eventually(lambda: receiver.states("well") == states_of(said), 20, "the sink that is well has all")
        eventually(lambda: "alert sink down accepts no alerts" in caplog.text, 20, "it is told")
        assert signal("churnstream_alert_sink_up", sink="down") == 0
        assert receiver.states("down") == []
        receiver.answers.clear()
        eventually(lambda: receiver.states("down") == states_of(said), 30, "the other one has all, too")
        eventually(lambda: "alert sink down accepts alerts again" in caplog.text, 20, "the end is told")
        assert signal("churnstream_alert_sink_up", sink="down") == 1
        assert signal("churnstream_alert_sendings_total", sink="down", result="failed") >= 1
    assert receiver.states("well") == states_of(said), "nothing twice where nothing was killed"
    assert [one["type"] for one in receiver.messages("well")[:1]] == ["warning"]
    assert {one["type"] for one in receiver.messages("well")[6:]} == {"success"}


def test_a_receiver_that_is_not_there_gets_all_when_it_comes(settings: Settings, tmp_path: Path) -> None:
    said, port = lives(range(2)), free_port()
    with delivering(settings, rules_file(tmp_path, "team"), {"TEAM_URL": f"json://127.0.0.1:{port}/team"}):
        at_work(settings, "team")
        publish_alerts(settings, *said)
        eventually(lambda: noted(settings, "team"), 20, "it is noted that the sink fails")
        assert "Connection error" in noted(settings, "team")
        assert str(port) not in noted(settings, "team")
        with receiving(port) as late:
            eventually(lambda: late.states("team") == states_of(said), 60, "all states, in order")
    assert noted(settings, "team") == ""


def noted(settings: Settings, sink: str) -> str:
    """Why the sink fails, as it stands beside its offset."""
    return position_of(settings, sink, 10.0)[1].failing


def test_a_new_sink_is_sent_what_stands_and_no_history(settings: Settings, receiver: Receiver, tmp_path: Path) -> None:
    over = lives(range(5))
    standing = [alert(7), alert(8), alert(7, "updated")]
    publish_alerts(settings, *over, *standing)
    with delivering(settings, rules_file(tmp_path, "team"), {"TEAM_URL": receiver.url("team")}):
        eventually(lambda: delivered(settings, "team"), 30, "all is done with")
        assert receiver.states("team") == states_of(standing[1:])
        publish_alerts(settings, alert(8, "retracted"))
        eventually(lambda: receiver.states("team")[2:] == [(alert(8).key, "retracted")], 20)


def test_lost_offsets_lead_to_no_flood(settings: Settings, receiver: Receiver, tmp_path: Path) -> None:
    rules, urls = rules_file(tmp_path, "team"), {"TEAM_URL": receiver.url("team")}
    with delivering(settings, rules, urls):
        at_work(settings, "team")
        publish_alerts(settings, *lives(range(4)), alert(9))
        eventually(lambda: len(receiver.states("team")) == 13, 30)
    admin = admin_client(settings)
    [future] = admin.delete_consumer_groups([settings.topic(alerts_group("team"))]).values()
    future.result(10)
    publish_alerts(settings, alert(9, "updated"), alert(11))
    with delivering(settings, rules, urls):
        eventually(lambda: delivered(settings, "team"), 30, "all is done with")
    assert receiver.states("team")[13:] == states_of([alert(9, "updated"), alert(11)])


def test_after_an_outage_so_long_that_kafka_keeps_last_states_alone_these_are_sent(
    settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    rules, urls = rules_file(tmp_path, "team"), {"TEAM_URL": receiver.url("team")}
    with delivering(settings, rules, urls):
        at_work(settings, "team")
    at_once = {"min.compaction.lag.ms": "0", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}
    configure(settings, ALERTS, at_once)
    publish_alerts(settings, *lives(range(3)))

    def compacted() -> bool:
        # only segments that are closed are compacted, and a later message closes one
        publish_alerts(settings, alert(9))
        last = alert(9).key.encode()
        return len([message for message in committed(settings, ALERTS) if message.key() != last]) == 3

    eventually(compacted, 90, "the topic is compacted", interval=1.0)
    with delivering(settings, rules, urls):
        eventually(lambda: delivered(settings, "team"), 30, "all is done with")
    found = receiver.first_states("team")
    assert found == states_of([*(alert(number, "closed") for number in range(3)), alert(9)])


def test_what_is_no_alert_of_this_stream_is_not_sent(settings: Settings, receiver: Receiver, tmp_path: Path) -> None:
    verdict = ModelVerdict(model=MODEL, state="worse", since=0, until=0, title="WORSE", message="it is")
    with delivering(settings, rules_file(tmp_path, "team"), {"TEAM_URL": receiver.url("team")}):
        at_work(settings, "team")
        publish_alerts(settings, alert(1), stream="another")
        garbage = [(b"k", None), (b"k", b""), (b"k", b"{"), (b"k", b"\xff"), (None, b"7")]
        send(settings, ALERTS, [*garbage, (verdict.key.encode(), encode(verdict))])
        publish_alerts(settings, alert(2))
        eventually(lambda: delivered(settings, "team"), 30, "all is done with")
    assert receiver.states("team") == states_of([alert(2)])


def test_kinds_severity_and_updates_are_as_the_rules_say(
    settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    more = 'kinds = ["drift"]\nleast_severity = "critical"\nupdates = false\n'
    with delivering(settings, rules_file(tmp_path, "duty", more=more), {"DUTY_URL": receiver.url("duty")}):
        at_work(settings, "duty")
        publish_alerts(
            settings,
            alert(1),
            alert(2, severity="critical", kind="lag"),
            alert(1, "updated", severity="critical"),
            alert(1, "updated", severity="critical", message="more"),
            alert(1, "closed", severity="critical"),
        )
        eventually(lambda: delivered(settings, "duty"), 30, "all is done with")
    assert receiver.states("duty") == [(alert(1).key, "updated"), (alert(1).key, "closed")]


@pytest.mark.parametrize("answer", [404, 401])
def test_a_refusal_is_told_with_its_remedy_and_not_tried_hot(
    settings: Settings, receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: int
) -> None:
    receiver.answers.update({"/team": answer, "/other": 503})
    rules = rules_file(tmp_path, "team", "other")
    urls = {"TEAM_URL": receiver.url("team"), "OTHER_URL": receiver.url("other")}
    with caplog.at_level(logging.WARNING), delivering(settings, rules, urls):
        at_work(settings, "team", "other")
        publish_alerts(settings, alert(1))
        eventually(lambda: "correct TEAM_URL and start the monitor again" in caplog.text, 20, "it is told")
        publish_alerts(settings, alert(2))
        eventually(lambda: receiver.requests.count("/other") >= 3, 30, "what may pass is tried again")
        assert receiver.requests.count("/team") == 1
    assert f"error={answer}" in caplog.text
    receiver.answers.clear()
    with delivering(settings, rules, urls):
        eventually(lambda: receiver.states("team") == states_of([alert(1), alert(2)]), 30, "a start tries at once")


def test_of_two_monitors_one_sends_and_the_other_takes_over(
    settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    rules, urls = rules_file(tmp_path, "team"), {"TEAM_URL": receiver.url("team")}
    with delivering(settings, rules, urls) as first:
        at_work(settings, "team")
        with delivering(settings.model_copy(update={"state_dir": tmp_path / "other"}), rules, urls):
            publish_alerts(settings, *lives([1]))
            eventually(lambda: receiver.first_states("team") == states_of(lives([1])), 30)
            assert first.close(30.0)
            publish_alerts(settings, *lives([2]))
            eventually(lambda: receiver.first_states("team") == states_of([*lives([1]), *lives([2])]), 30)
    assert receiver.states("team") == receiver.first_states("team"), "an orderly end sends nothing twice"


def test_what_was_published_before_an_orderly_end_is_sent_before_it(
    settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    with delivering(settings, rules_file(tmp_path, "team"), {"TEAM_URL": receiver.url("team")}):
        at_work(settings, "team")
        publish_alerts(settings, *lives(range(10)))
    assert receiver.states("team") == states_of(lives(range(10)))


class Mailbox:
    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(email.message_from_bytes(content, policy=policy.default))
        return "250 taken"


def test_a_mail_is_plain_text_for_people(settings: Settings, tmp_path: Path) -> None:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        url = f"mailto://127.0.0.1:{controller.port}?from=stream@example.org&to=team@example.org"
        with delivering(settings, rules_file(tmp_path, "team"), {"TEAM_URL": url}):
            at_work(settings, "team")
            evil = "drift of <img src=x onerror=alert(1)>\nBcc: all@example.org @everyone"
            publish_alerts(settings, alert(1, title=evil, message=evil * 200))
            eventually(lambda: mailbox.mails, 30, "a mail came")
    finally:
        controller.stop()
    [mail] = mailbox.mails
    assert mail["Bcc"] is None
    assert mail["To"] == "team@example.org"
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is None or "<img" not in html.get_content()
    assert text is None or "<img src=x" in text.get_content()
    assert "@everyone" not in mail.as_string()
