"""The rules file: its defaults, what it may say, and what each mistake is told as."""

from pathlib import Path

import pytest

from contract.alert_rules import MOST_SINKS, AlertRules, KindRule, SinkRule, load_alert_rules
from contract.alerts import ALERT_KINDS
from contract.errors import UserError
from contract.settings import load_settings

FULL = """
[kinds.drift]
enabled = false
[kinds.relation]
severity = "critical"
[stream]
lag_seconds = 60
silence_seconds = 7200.0
[[sinks]]
name = "team"
url_variable = "TEAM_URL"
[[sinks]]
name = "night-duty"
url_variable = "DUTY_URL"
kinds = ["performance", "silence"]
least_severity = "critical"
updates = false
"""


def rules_of(tmp_path: Path, text: str) -> AlertRules:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return load_alert_rules(path)


def test_without_a_file_all_kinds_are_made_and_none_is_sent() -> None:
    rules = load_alert_rules(None)
    assert all(rules.of(kind) == KindRule(enabled=True, severity=None) for kind in ALERT_KINDS)
    assert rules.sinks == ()


def test_an_empty_file_is_no_file(tmp_path: Path) -> None:
    assert rules_of(tmp_path, "") == load_alert_rules(None)


def test_all_that_a_file_can_say(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, FULL)
    assert rules.of("drift") == KindRule(enabled=False)
    assert rules.of("relation") == KindRule(severity="critical")
    assert rules.of("lag") == KindRule()
    assert (rules.stream.lag_seconds, rules.stream.silence_seconds) == (60.0, 7_200.0)
    assert rules.sinks == (
        SinkRule("team", "TEAM_URL"),
        SinkRule("night-duty", "DUTY_URL", ("performance", "silence"), "critical", updates=False),
    )


SINK = '[[sinks]]\nname = "team"\nurl_variable = "TEAM_URL"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kinds = 3", "kinds"),
        ("[kinds.weather]\nenabled = true", "kinds are drift, relation"),
        ("[kinds.drift]\nenable = true", "enable"),
        ('[kinds.drift]\nseverity = "fatal"', "fatal"),
        ("[stream]\nlag_seconds = 0", "stream.lag_seconds is 0.0; it must be above 0"),
        ("[stream]\nlag_seconds = nan", "stream.lag_seconds is nan; it must be above 0"),
        ("[stream]\ndead_letter_records = -5", "stream.dead_letter_records is -5"),
        ("[sinks]\nname = 1", "sinks"),
        ('[[sinks]]\nname = "a b"\nurl_variable = "X"', "'a b' is not a valid name for a sink"),
        ('[[sinks]]\nname = "a.b"\nurl_variable = "X"', "'a.b' is not a valid name for a sink"),
        ('[[sinks]]\nname = "team"', "url_variable"),
        (f"{SINK}kinds = []", "kinds is empty"),
        (SINK + SINK, "two sinks are called team"),
        ("".join(SINK.replace("team", f"team{n}") for n in range(MOST_SINKS + 1)), "at most 20"),
        ("[[sinks", "not TOML"),
    ],
)
def test_a_mistake_is_told_in_one_line_that_names_the_file(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=r"rules\.toml") as raised:
        rules_of(tmp_path, text)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none.toml cannot be read.*give a readable TOML file"):
        load_alert_rules(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "line", ['url_variable = "slack://xoxb-S3CRET/abc"', 'url_variable = "X"\nurl = "slack://xoxb-S3CRET/abc"']
)
def test_a_url_in_the_file_is_refused_and_not_quoted(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError) as raised:
        rules_of(tmp_path, f'[[sinks]]\nname = "team"\n{line}')
    assert "S3CRET" not in str(raised.value)


def test_the_setting_names_the_file_and_an_empty_variable_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURNSTREAM_ALERT_RULES", "rules.toml")
    assert load_settings().alert_rules == Path("rules.toml")
    monkeypatch.setenv("CHURNSTREAM_ALERT_RULES", "")
    assert load_settings().alert_rules is None
