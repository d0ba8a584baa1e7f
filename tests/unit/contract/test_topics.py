"""Which topics there are and how they are kept."""

from contract.settings import load_settings
from contract.topics import MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES, MAX_VALUE_BYTES, topic_specs


def test_topics_that_meet_have_the_same_partitions_and_the_others_one() -> None:
    specs = {spec.name: spec for spec in topic_specs(load_settings(partitions=7, topic_prefix="t."))}
    partitions = {name: spec.partitions for name, spec in specs.items()}
    assert partitions == {
        "t.format": 1,
        "t.customers": 7,
        "t.labels": 7,
        "t.predictions": 7,
        "t.outcomes": 7,
        "t.dead-letters": 7,
        "t.panes": 1,
        "t.windows": 1,
        "t.alerts": 1,
        "t.versions": 1,
    }
    compact = {name for name, spec in specs.items() if spec.config["cleanup.policy"] == "compact"}
    assert compact == {"t.panes", "t.windows", "t.alerts", "t.versions"}
    assert all(spec.config["cleanup.policy"] == "delete" for name, spec in specs.items() if name not in compact)


def test_an_oversized_value_reaches_the_dead_letters() -> None:
    assert MAX_VALUE_BYTES < 2_000_000
    limits = {spec.name: int(spec.config["max.message.bytes"]) for spec in topic_specs(load_settings())}
    # the headers come on top of the largest value that a topic takes
    assert limits.pop("dead-letters") == MAX_DEAD_LETTER_BYTES > MAX_MESSAGE_BYTES + 2_000
    assert set(limits.values()) == {MAX_MESSAGE_BYTES}
    assert MAX_MESSAGE_BYTES > 2_000_000


def test_dead_letters_are_kept_long() -> None:
    (spec,) = (spec for spec in topic_specs(load_settings()) if spec.name.endswith("dead-letters"))
    assert int(spec.config["retention.ms"]) == 365 * 86_400_000


def test_each_state_of_an_incident_is_kept_for_those_who_are_slow_to_take_it() -> None:
    (spec,) = (spec for spec in topic_specs(load_settings()) if spec.name.endswith("alerts"))
    assert int(spec.config["min.compaction.lag.ms"]) == 30 * 86_400_000


def test_outcomes_are_kept_as_long_as_the_predictions_that_they_are_of() -> None:
    kept = {spec.name: spec.config.get("retention.ms") for spec in topic_specs(load_settings())}
    assert kept["outcomes"] == kept["predictions"] == str((3 * 60 + 7) * 86_400_000)
