"""Settings: where they come from, which Kafka properties pass through, and what a wrong one is answered with."""

import os
from pathlib import Path

import pytest

from contract.errors import UserError
from contract.settings import default_state_dir, load_settings
from contract.variables import kafka_properties

DAY = 86_400_000


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment and a folder that say nothing."""

    for name in list(os.environ):
        if name.upper().startswith(("CHURNSTREAM_", "KAFKA_", "MLFLOW_TRACKING_URI")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_flags_then_environment_then_dotenv_then_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().window == 7 * DAY
    (tmp_path / ".env").write_text("CHURNSTREAM_WINDOW=6d\nCHURNSTREAM_PARTITIONS=3\nMLFLOW_TRACKING_URI=file\n")
    assert load_settings().window == 6 * DAY
    monkeypatch.setenv("CHURNSTREAM_WINDOW", "5d")
    assert load_settings().window == 5 * DAY
    settings = load_settings(window="4d", slide=None)
    assert (settings.window, settings.slide, settings.partitions) == (4 * DAY, DAY, 3)
    assert settings.mlflow_tracking_uri == "file"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "environment")
    assert load_settings().mlflow_tracking_uri == "environment"
    assert load_settings(mlflow_tracking_uri="flag").mlflow_tracking_uri == "flag"


def test_kafka_properties_come_from_the_same_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().kafka == {}
    (tmp_path / ".env").write_text("KAFKA_SASL_USERNAME=dotenv\nKAFKA_LINGER_MS=1\nKAFKA_EMPTY\n")
    monkeypatch.setenv("KAFKA_SASL_USERNAME", "environment")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "one:9092")
    assert load_settings(kafka={"bootstrap.servers": "two:9092"}).kafka == {
        "sasl.username": "environment",
        "linger.ms": "1",
        "bootstrap.servers": "two:9092",
    }


def test_any_librdkafka_property_passes_through_and_those_of_the_broker_do_not() -> None:
    client = {
        "KAFKA_BOOTSTRAP_SERVERS": "bootstrap.servers",
        "KAFKA_SECURITY_PROTOCOL": "security.protocol",
        "KAFKA_SSL_CA_LOCATION": "ssl.ca.location",
        "KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": "sasl.oauthbearer.token.endpoint.url",
        "KAFKA_LOG_LEVEL": "log.level",
    }
    broker = ["KAFKA_HOME", "KAFKA_OPTS", "KAFKA_HEAP_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS", "KAFKA_LOG4J_OPTS"]
    broker += ["KAFKA_LOG_DIR", "KAFKA_LOG_DIRS", "KAFKA_GC_LOG_OPTS", "KAFKA_JMX_PORT", "KAFKA_DEBUG"]
    others = ["PATH", "MY_KAFKA_HOME", "kafka_x", "KAFKAESQUE"]
    environment = dict.fromkeys((*client, *broker, *others), "value")
    assert kafka_properties(environment) == dict.fromkeys(client.values(), "value")


def test_names_get_the_prefix() -> None:
    assert load_settings(topic_prefix="test.").topic("customers") == "test.customers"
    assert load_settings().topic("customers") == "customers"


def test_the_state_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert load_settings().state_dir == default_state_dir() == Path("/state/churnstream")
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", "/home/me")
    assert load_settings().state_dir == Path("/home/me/.local/state/churnstream")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("partitions", "0", "got '0' (str): Input should be greater than or equal to 1"),
        ("partitions", "four", "got 'four' (str): Input should be a valid integer"),
        ("topic_prefix", "a b", "got 'a b' (str): 'a b' is not a valid beginning of a topic's name; use letters"),
        ("instance", "../a", "got '../a' (str): '../a' is not a valid name for a worker; use letters"),
        ("instance", "..", "is not a valid name for a worker"),
        ("batch_size", "100001", "less than or equal to 100000"),
        ("window", "week", "got 'week' (str): 'week' is not a duration; write a number with a unit, such as 7d"),
        ("window", "0s", "got 0 (int): Input should be greater than 0"),
        ("slide", "0s", "greater than 0"),
        ("label_lateness", "60", "is not a duration"),
        ("alpha", "1", "less than 1"),
        ("min_distance", "-0.1", "greater than or equal to 0"),
        ("sample_size", "20001", "less than or equal to 20000"),
        ("request_timeout_ms", "1s", "valid integer"),
    ],
)
def test_a_wrong_value_is_told_in_one_line_with_setting_flag_and_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    start = f"setting {name} (--{name.replace('_', '-')}, CHURNSTREAM_{name.upper()}) "
    with pytest.raises(UserError) as by_flag:
        load_settings(**{name: value})
    monkeypatch.setenv(f"CHURNSTREAM_{name.upper()}", value)
    with pytest.raises(UserError) as by_environment:
        load_settings()
    for raised in (by_flag, by_environment):
        assert str(raised.value).startswith(start)
        assert message in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_worker_has_a_name_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().instance is None
    assert load_settings(instance="east-1").instance == "east-1"
    monkeypatch.setenv("CHURNSTREAM_INSTANCE", "")
    assert load_settings().instance is None


def test_a_window_is_a_multiple_of_its_slide() -> None:
    allowed = load_settings(window="6h", slide="2h")
    assert (allowed.window, allowed.slide) == (DAY // 4, DAY // 12)
    for window, slide in (("6h", "4h"), ("1h", "2h")):
        with pytest.raises(UserError, match=r"multiple of slide .*CHURNSTREAM_WINDOW, CHURNSTREAM_SLIDE"):
            load_settings(window=window, slide=slide)


def test_an_unknown_variable_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    without = load_settings()
    monkeypatch.setenv("CHURNSTREAM_TEST_BROKER", "x")
    assert load_settings() == without


@pytest.mark.parametrize("value", ["linger.ms=5", '{"linger.ms": "5"}'])
def test_properties_have_no_variable_of_ours(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CHURNSTREAM_KAFKA", value)
    with pytest.raises(UserError, match=r"CHURNSTREAM_KAFKA .* KAFKA_LINGER_MS"):
        load_settings()


def test_a_dotenv_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"CHURNSTREAM_EXPERIMENT=\xff\n")
    with pytest.raises(UserError, match=r"\.env .*UTF-8"):
        load_settings()


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_a_model_name_that_no_prediction_can_carry_is_refused_at_start(name: str) -> None:
    assert load_settings(model_name="x" * 256).model_name == "x" * 256
    with pytest.raises(UserError, match="model_name"):
        load_settings(model_name=name)


def test_a_streams_name_names_all_that_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    monkeypatch.setenv("CHURNSTREAM_STREAM", "cards")
    cards = load_settings()
    assert cards.topic("windows") == "cards-windows"
    assert (cards.model_name, cards.experiment) == ("cards", "churn monitor cards")
    assert cards.state_dir == Path("/state/churnstream/streams/cards")
    other = load_settings(topic_prefix="loans-", model_name="churn", state_dir="/elsewhere")
    assert (other.topic_prefix, other.experiment, other.model_name) == ("loans-", "churn monitor loans-", "churn")
    assert other.state_dir == Path("/elsewhere")


@pytest.mark.parametrize("name", ["1st", "a/b", "a b", "..", "x" * 101])
def test_what_cannot_name_a_stream_is_refused(name: str) -> None:
    with pytest.raises(
        UserError, match=r"setting stream \(--stream, CHURNSTREAM_STREAM\) got .*: .* is not a valid name"
    ):
        load_settings(stream=name)
