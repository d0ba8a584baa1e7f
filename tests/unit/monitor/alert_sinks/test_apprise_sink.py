"""What apprise's services send, seen by a receiver; and why they fail, without what the URL holds."""

from collections.abc import Iterator

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP, PagerDutyRegion
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from churnstream.local_kafka.broker import free_port
from monitor.alert_sinks.apprise_sink import AppriseSink
from monitor.alert_sinks.notices import notice_of
from monitor.alert_sinks.seam import DeliveryError, Notice, RefusedDeliveryError
from tests.support.alerting.logged import root_log
from tests.support.alerting.publishing import alert
from tests.support.alerting.receiver import Receiver, receiving

EVIL = Notice("k", "Warning: <img src=x> *b*", "new category <b>x</b> & <img src=x onerror=y>", "warning")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def pagerduty(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, PagerDutyRegion.US, f"http://127.0.0.1:{receiver.port}/pagerduty")
    return receiver


def test_pagerduty_opens_one_incident_and_resolves_it(pagerduty: Receiver) -> None:
    sink = AppriseSink("duty", "pagerduty://integration12345@apikey12345")
    for one in (alert(1), alert(2), alert(1, "updated", severity="critical"), alert(1, "closed")):
        sink.send(notice_of(one))
    sent = pagerduty.messages("pagerduty")
    assert [(one["event_action"], one["dedup_key"]) for one in sent] == [
        ("trigger", alert(1).key),
        ("trigger", alert(2).key),
        ("trigger", alert(1).key),
        ("resolve", alert(1).key),
    ]
    assert [one["payload"]["severity"] for one in sent[:3]] == ["warning", "warning", "critical"]
    assert all(len(one["payload"]["summary"]) <= 1_024 for one in sent[:3])


def test_what_a_pagerduty_url_fixes_itself_stays(pagerduty: Receiver) -> None:
    sink = AppriseSink("duty", "pagerduty://integration12345@apikey12345?dedup=ours&action=trigger")
    sink.send(notice_of(alert(1, "closed")))
    [sent] = pagerduty.messages("pagerduty")
    assert (sent["event_action"], sent["dedup_key"]) == ("trigger", "ours")


def test_slack_shows_text_as_text(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{receiver.port}")
    AppriseSink("team", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general").send(EVIL)
    assert receiver.requests
    assert "<img" not in str([message for _, message in receiver.all()])


def test_telegram_shows_text_as_text(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{receiver.port}/bot")
    AppriseSink("team", "tgram://123456789:abcdefg_hijklmnop/12315544/").send(EVIL)
    [(_, sent)] = receiver.all()
    assert sent.get("parse_mode") is None or "<img" not in sent["text"]


def test_a_long_message_is_cut_to_what_the_service_takes(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://127.0.0.1:{receiver.port}")
    AppriseSink("team", "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js").send(notice_of(alert(message="x" * 9_000)))
    [(_, sent)] = receiver.all()
    assert len(str(sent.get("content", ""))) <= 2_000


@pytest.mark.parametrize("answer", [400, 401, 403, 404, 410, 413])
def test_what_is_refused_for_good_is_a_refusal(receiver: Receiver, answer: int) -> None:
    receiver.answers["/x"] = answer
    with pytest.raises(RefusedDeliveryError, match=str(answer)):
        AppriseSink("team", receiver.url("x")).send(EVIL)


@pytest.mark.parametrize("answer", [408, 429, 500, 502, 503])
def test_what_may_pass_is_none(receiver: Receiver, answer: int) -> None:
    receiver.answers["/x"] = answer
    with pytest.raises(DeliveryError, match=str(answer)) as raised:
        AppriseSink("team", receiver.url("x")).send(EVIL)
    assert not isinstance(raised.value, RefusedDeliveryError)


def test_a_reason_holds_nothing_of_the_url(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    nobody = free_port()
    monkeypatch.setitem(PAGERDUTY_API_LOOKUP, PagerDutyRegion.US, f"http://127.0.0.1:{nobody}/x")
    urls = (
        "pagerduty://S3CRETINTEGRATION@S3CRETKEY",
        f"json://S3CRETUSER:S3CRETPASS@127.0.0.1:{nobody}/S3CRETPATH?token=S3CRETTOKEN",
        f"mailto://S3CRETUSER:S3CRETPASS@127.0.0.1:{nobody}?from=a@example.org&to=S3CRET@example.org",
    )
    for url in urls:
        with root_log() as logged, pytest.raises(DeliveryError) as raised:
            AppriseSink("team", url).send(EVIL)
        assert str(raised.value)
        assert "S3CRET" not in str(raised.value) + "".join([*logged, *capfd.readouterr()])
