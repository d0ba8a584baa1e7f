"""How incidents and sinks are shown: legible at 80 columns, text as text, and as JSON."""

import io
import json

from rich.console import Console

from churnstream.live.incidents import Incidents, as_json, incidents_view
from monitor.alert_sinks.backlog import Backlog
from tests.support.alerting.publishing import alert

LONG = "churn v3: customers differ from those of training since 2025-01-02: Age, Balance; look at the window's report"


def shown(found: Incidents, width: int = 80, most: int | None = 10) -> str:
    console = Console(width=width, file=io.StringIO(), emoji=False, highlight=False)
    console.print(incidents_view(found, most))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_eighty_columns_hold_everything() -> None:
    standing = (alert(1, severity="critical", kind="dead_letters", message=LONG), alert(2, "updated", message=LONG))
    over = tuple(alert(number, "retracted") for number in range(30))
    sinks = (
        Backlog("team", 0, begun=True),
        Backlog("n" * 40, 12_000, begun=True, failing="Failed to send: error=500.", since=1_735_689_600_000),
        Backlog("new", 3, begun=False),
    )
    text = shown(Incidents(standing, over, sinks))
    assert max(map(len, text.splitlines())) <= 80
    words = " ".join(text.split())
    for expected in (
        "2 open incidents",
        "critical 2025-01-02 00:00 dead_letters",
        "look at the",
        "past (20 more: --all)",
        "team 0 all sent",
        "12,000 fails since 2025-01-01",
        "no monitor has run with this sink yet",
        "are wall time",
    ):
        assert expected in words, expected
    assert "more:" not in shown(Incidents(standing, over, sinks), most=None)


def test_nothing_is_said_plainly() -> None:
    text = " ".join(shown(Incidents((), (), ())).split())
    assert "no open incidents" in text
    assert "alerts are not sent: CHURNSTREAM_ALERT_RULES names no sink" in text


def test_text_from_data_is_neither_markup_nor_control() -> None:
    evil = "[red]category[/] [link=http://x]y[/link] \x1b[2J :skull: \u202e"
    text = shown(Incidents((alert(title=evil, message=evil),), (alert(2, "closed", title=evil),), ()), width=160)
    assert text.count("[red]category[/] [link=http://x]y[/link] [2J :skull:") == 3
    assert "\x1b" not in text


def test_times_that_nobody_can_have_meant_are_shown_as_none() -> None:
    text = shown(Incidents((alert(start=2**62),), (alert(2, "closed", start=-1, end=2**62),), ()))
    assert text.count("–") == 3


def test_json_is_what_stands_on_the_topic() -> None:
    found = Incidents((alert(1),), tuple(alert(n, "closed") for n in range(12)), (Backlog("team", 1, begun=True),))
    read = json.loads(as_json(found))
    assert read["standing"][0]["key"] == alert(1).key
    assert len(read["over"]) == 10
    assert read["sinks"] == [{"sink": "team", "waiting": 1, "begun": True, "failing": "", "since": None}]
    assert len(json.loads(as_json(found, None))["over"]) == 12
