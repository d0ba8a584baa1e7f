from churnstream.local_kafka.config import jvm_options, server_properties
from contract.settings import load_settings


def properties() -> dict[str, str]:
    return dict(line.split("=", 1) for line in server_properties(20_001, 20_002).splitlines())


def test_every_listener_is_on_the_loopback_address() -> None:
    listeners = properties()["listeners"].split(",")
    assert sorted(listeners) == ["CONTROLLER://127.0.0.1:20002", "PLAINTEXT://127.0.0.1:20001"]
    assert properties()["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"


def test_a_topic_is_never_made_by_merely_using_it() -> None:
    assert properties()["auto.create.topics.enable"] == "false"


def test_everything_the_broker_keeps_is_in_its_own_folder() -> None:
    assert properties()["log.dirs"] == "data"


def test_a_stream_may_pause_for_as_long_as_its_topics_reach_back() -> None:
    days = int(properties()["offsets.retention.minutes"]) / 24 / 60
    assert days * 86_400_000 > 3 * load_settings().label_lateness


def test_only_a_lasting_broker_is_optimised() -> None:
    lasting, short = jvm_options(lasting=True), jvm_options(lasting=False)
    assert [option for option in short if "Tiered" in option] == ["-XX:TieredStopAtLevel=1"]
    assert not any("Tiered" in option for option in lasting)


def test_the_broker_s_memory_is_bounded() -> None:
    heaps = [[option for option in jvm_options(lasting=one) if "-Xmx" in option] for one in (True, False)]
    assert heaps == [["-Xmx1g"], ["-Xmx384m"]]


def test_a_lasting_broker_does_not_stand_still_to_collect_garbage() -> None:
    collectors = {
        lasting: [option for option in jvm_options(lasting=lasting) if option.endswith("GC")]
        for lasting in (True, False)
    }
    assert collectors == {True: ["-XX:+UseZGC"], False: ["-XX:+UseSerialGC"]}
