"""Prometheus takes our configuration and rules, and the rules fire when they should."""

import pytest
import yaml

from tests.support.observability.prometheus import CONFIG, image_problem, promtool

needs_promtool = pytest.mark.skipif(image_problem() is not None, reason=image_problem() or "")
RULES = yaml.safe_load((CONFIG / "rules.yml").read_text("utf-8"))["groups"][0]["rules"]


@needs_promtool
def test_promtool_accepts_the_configuration_and_the_rules() -> None:
    done = promtool("check", "config", "/etc/prometheus/prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_rules_fire_when_they_should_and_not_else() -> None:
    done = promtool("test", "rules", "/etc/prometheus/rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_each_rule_says_what_is_wrong_how_grave_it_is_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "description"}
    assert len(rule["annotations"]["description"]) > 60
    assert rule["for"]


def test_each_rule_is_tested() -> None:
    tests = (CONFIG / "rules_test.yml").read_text("utf-8")
    assert [rule["alert"] for rule in RULES if str(rule["alert"]) not in tests] == []
