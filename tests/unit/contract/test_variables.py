"""What a platform puts into the environment under our names is not taken for ours."""

from pathlib import Path

import pytest

from contract.errors import UserError
from contract.settings import load_settings
from contract.variables import kafka_properties, without_services


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def service(name: str, port: int, protocol: str = "tcp", port_name: str = "client") -> dict[str, str]:
    """The variables that Kubernetes gives each pod for a Service; ``name`` as in the variables."""
    address = f"{protocol}://10.0.0.1:{port}"
    numbered = f"{name}_PORT_{port}_{protocol.upper()}"
    return {
        f"{name}_SERVICE_HOST": "10.0.0.1",
        f"{name}_SERVICE_PORT": str(port),
        f"{name}_SERVICE_PORT_{port_name.upper()}": str(port),
        f"{name}_PORT": address,
        numbered: address,
        f"{numbered}_PROTO": protocol,
        f"{numbered}_PORT": str(port),
        f"{numbered}_ADDR": "10.0.0.1",
    }


@pytest.mark.parametrize("name", ["KAFKA", "KAFKA_UI", "KAFKA_BROKER", "KAFKA_0", "KAFKA_SASL", "KAFKA_PORT"])
@pytest.mark.parametrize("protocol", ["tcp", "udp", "sctp"])
def test_kubernetes_variables_of_a_service_are_no_properties(name: str, protocol: str) -> None:
    meant = {"KAFKA_BOOTSTRAP_SERVERS": "one:9092", "KAFKA_SASL_KERBEROS_SERVICE_NAME": "kafka"}
    assert kafka_properties(service(name, 9092, protocol, "tcp_internal") | meant) == {
        "bootstrap.servers": "one:9092",
        "sasl.kerberos.service.name": "kafka",
    }


def test_variables_of_dockers_links_are_no_properties() -> None:
    assert kafka_properties(service("KAFKA", 9092) | {"KAFKA_NAME": "/app/kafka", "KAFKA_ENV_KAFKA_HOME": "/x"}) == {}


@pytest.mark.parametrize("name", ["CHURNSTREAM", "CHURNSTREAM_HTTP", "CHURNSTREAM_WINDWO", "MLFLOW", "MLFLOW_TRACKING"])
def test_services_named_like_our_settings_set_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = load_settings()
    for variable, value in service(name, 8080).items():
        monkeypatch.setenv(variable, value)
    assert load_settings() == before
    (tmp_path / ".env").write_text("\n".join(f"{k}={v}" for k, v in service(name, 9090).items()))
    assert load_settings() == before
    monkeypatch.setenv("CHURNSTREAM_HTTP_PORT", "9001")
    assert load_settings().http_port == 9001


def test_an_address_is_dropped_from_a_port_only() -> None:
    kept = {"MY_PORT": "8080", "PORT": "tcp://x", "KAFKA_BOOTSTRAP_SERVERS": "tcp://x:1"}
    assert without_services(kept) == kept


def test_an_empty_property_is_none_and_an_alias_is_the_property() -> None:
    assert kafka_properties({"KAFKA_SASL_USERNAME": "", "KAFKA_METADATA_BROKER_LIST": "one:9092"}) == {
        "bootstrap.servers": "one:9092"
    }
    both = {"KAFKA_METADATA_BROKER_LIST": "one:9092", "KAFKA_BOOTSTRAP_SERVERS": "two:9092"}
    assert kafka_properties(both) == {"bootstrap.servers": "two:9092"}


@pytest.mark.parametrize(
    ("mistyped", "right"),
    [("WINDWO", "WINDOW"), ("TOPIC_PREFX", "TOPIC_PREFIX"), ("PARTITION", "PARTITIONS"), ("STATEDIR", "STATE_DIR")],
)
def test_a_mistyped_variable_is_told_with_the_one_that_is_meant(
    mistyped: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CHURNSTREAM_{mistyped}", "3d")
    with pytest.raises(UserError, match=f"variable CHURNSTREAM_{mistyped} is not known; write CHURNSTREAM_{right}, or"):
        load_settings()


@pytest.mark.parametrize("name", ["DATA", "FORCE", "ROWS", "REPORTS", "REPLAY_SECONDS", "TEST_BROKER", "LONG_TESTS"])
def test_variables_of_single_commands_and_of_others_are_let_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"CHURNSTREAM_{name}", "1")
    load_settings()
