"""Sinks made of the rules, and what is said where that cannot be."""

from pathlib import Path

import pytest

from contract.alert_rules import SinkRule
from contract.errors import UserError
from monitor.alert_sinks.apprise_sink import AppriseSink
from monitor.alert_sinks.opening import open_sink
from monitor.alert_sinks.seam import Notice
from tests.support.alerting.logged import root_log

RULE = SinkRule("team", "TEAM_URL")


def test_a_scheme_that_nobody_has_taken_is_apprises() -> None:
    assert isinstance(open_sink(RULE, {"TEAM_URL": " json://127.0.0.1:9/x "}), AppriseSink)


@pytest.mark.parametrize("environment", [{}, {"TEAM_URL": ""}, {"TEAM_URL": "  "}])
def test_a_variable_that_is_not_set_is_told(environment: dict[str, str]) -> None:
    with pytest.raises(UserError, match="alert sink team: variable TEAM_URL is not set; set it to the sink's URL"):
        open_sink(RULE, environment)


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example.org/S3CRETTOKEN",
        "nosuchservice://S3CRETTOKEN/x",
        "slack://S3CRETTOKEN",
        "pagerduty://S3CRETTOKEN",
        "mailto://S3CRETTOKEN:S3CRETTOKEN@",
        "msteams://S3CRETTOKEN",
        "S3CRETTOKEN",
        "json://",
    ],
)
def test_a_url_of_no_use_is_told_and_not_quoted(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    with root_log() as logged, pytest.raises(UserError, match="alert sink team, variable TEAM_URL: apprise") as raised:
        open_sink(RULE, {"TEAM_URL": url})
    assert "S3CRET" not in str(raised.value) + "".join([*logged, *capfd.readouterr()])


def test_an_installed_package_brings_a_kind_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "our_tickets.py").write_text(
        "class Tickets:\n"
        "    keeps_incidents = False\n"
        "    def __init__(self, name, url):\n"
        "        self.url, self.sent = url, []\n"
        "    def send(self, notice):\n"
        "        self.sent.append(notice)\n"
    )
    described = tmp_path / "our_tickets-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: our-tickets\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[churnstream.alert_sinks]\nticket = our_tickets:Tickets\n")
    monkeypatch.syspath_prepend(tmp_path)
    sink = open_sink(RULE, {"TEAM_URL": "ticket://queue"})
    assert type(sink).__name__ == "Tickets"
    notice = Notice("k", "title", "body", "warning")
    sink.send(notice)
    assert (sink.url, sink.sent) == ("ticket://queue", [notice])  # type: ignore[attr-defined]
