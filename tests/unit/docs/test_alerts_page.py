"""What docs/alerts.md says of the rules file and of URLs holds."""

import re
from pathlib import Path

from contract.alert_rules import KindRule, SinkRule, StreamRules, load_alert_rules
from contract.alerts import ALERT_KINDS, BY_WALL_TIME
from monitor.alert_sinks.apprise_sink import AppriseSink
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "alerts.md").read_text("utf-8")


def test_the_rules_file_with_all_defaults_says_the_defaults(tmp_path: Path) -> None:
    rules_file = tmp_path / "rules.toml"
    text = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    rules_file.write_text(text, encoding="utf-8")
    rules = load_alert_rules(rules_file)
    assert rules.stream == StreamRules()
    assert rules.kinds == {"drift": KindRule()}
    assert rules.sinks == (SinkRule("team", "TEAM_URL"),)
    named = [name for part in (KindRule, StreamRules, SinkRule) for name in part.__struct_fields__]
    assert [name for name in named if f"{name} = " not in text] == []


def test_the_shortest_rules_file_names_a_receiver_of_everything(tmp_path: Path) -> None:
    rules_file = tmp_path / "rules.toml"
    rules_file.write_text(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0], encoding="utf-8")
    assert load_alert_rules(rules_file).sinks == (SinkRule("team", "TEAM_URL"),)


def test_all_kinds_are_named_with_their_clock() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (event|wall) time \|$", PAGE, re.MULTILINE))
    assert rows == {kind: "wall" if kind in BY_WALL_TIME else "event" for kind in ALERT_KINDS}


def test_the_urls_of_the_examples_are_ones_that_apprise_takes() -> None:
    urls = re.findall(r"_URL='([^']+)'", PAGE)
    assert len(urls) == 6
    for url in urls:
        filled = url.replace("slack://A/B/C", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
        filled = filled.replace("HOST/WORKFLOW/SIGNATURE", "example.org/643e69f1c37c4d3c/S1gN4tur3")
        AppriseSink("team", filled)


def test_the_example_of_a_sink_is_one() -> None:
    example = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    names: dict[str, object] = {}
    exec(example, names)
    assert "Tickets" in names
