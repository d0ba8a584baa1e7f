"""docs/topics.md: the configuration that it shows is the one that topics are created with."""

import re

from contract.settings import load_settings
from contract.topics import topic_specs
from tests.support.paths import ROOT

PROPERTY = re.compile(r"`([a-z.]+)=([^`]+)`")


def test_the_page_has_each_topics_partitions_and_configuration() -> None:
    text = (ROOT / "docs" / "topics.md").read_text(encoding="utf-8").partition("## Configuration")[2]
    table, _, below = text.partition("\nAll also have ")
    common = dict(PROPERTY.findall(below.partition("\n\n")[0]))
    shown = {}
    for row in re.findall(r"^\| (`.+) \|$", table, re.MULTILINE):
        names, partitions, _retention, configuration = row.split(" | ")
        for name in re.findall(r"`([^`]+)`", names):
            shown[name] = int(partitions), common | dict(PROPERTY.findall(configuration))
    assert shown == {spec.name: (spec.partitions, spec.config) for spec in topic_specs(load_settings())}
