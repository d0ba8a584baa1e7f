"""Settings: from flags, then the environment, then ``.env``, then the defaults below."""

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from contract.durations import DAY, HOUR, Duration
from contract.errors import UserError
from contract.variables import kafka_properties, meant, without_services

_PREFIX = "CHURNSTREAM_"
_PROPERTIES_VARIABLE = f"{_PREFIX}KAFKA"
# variables of single commands and of the compose file, by which nothing here is set
_OTHERS = {
    "data",
    "force",
    "rows",
    "replay_seconds",
    "reports",
    "reports_published",
    "mlflow_published",
    "kafka_libs",
    "dashboard_published",
}
_ELSEWHERE = {"tracking_uri": "MLFLOW_TRACKING_URI", "bootstrap_servers": "KAFKA_BOOTSTRAP_SERVERS"}
"""Variables of other names, by what those who look for them under ours write."""
_TOPIC_CHARACTERS = re.compile(r"[A-Za-z0-9._-]*")
_STREAM = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")
_HOST_NAME = re.compile(r"\*|(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
_SECRET = {"http_token"}
LogFormat = Literal["text", "json"]


def _topic_prefix(value: str) -> str:
    if not _TOPIC_CHARACTERS.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a valid beginning of a topic's name; use letters, digits, '.', '_' and '-' only"
        )
    return value


def _nothing_if_empty(value: object) -> object:
    """An empty variable, as a compose file gives it, is none."""
    return None if value == "" else value


def _shipped_if_empty(value: object) -> object:
    return "bank_churn" if value == "" else value


def _instance(value: str | None) -> str | None:
    """A name is a folder and part of Kafka ids."""
    if value is None:
        return None
    if not _TOPIC_CHARACTERS.fullmatch(value) or not value.strip("."):
        raise ValueError(f"{value!r} is not a valid name for a worker; use letters, digits, '.', '_' and '-' only")
    return value


def _stream(value: str) -> str:
    """A name is a folder, and part of topics, of a model's and of an experiment's name."""
    if value and not _STREAM.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a valid name for a stream; use up to 100 letters, digits, '_' and '-', a letter first"
        )
    return value


def _default_prefix(given: dict[str, Any]) -> str:
    return f"{given['stream']}-" if given.get("stream") else ""


def _experiment(given: dict[str, Any]) -> str:
    """``churn monitor``, behind it what tells streams apart, so that no two share an experiment."""
    stream, prefix = given.get("stream", ""), given.get("topic_prefix", "")
    return f"churn monitor {stream if stream and prefix == _default_prefix(given) else prefix}".rstrip()


def _model_name(given: dict[str, Any]) -> str:
    return given.get("stream") or "churn"


def _state_dir(given: dict[str, Any]) -> Path:
    base = default_state_dir()
    return base / "streams" / given["stream"] if given.get("stream") else base


def _token(value: SecretStr | None) -> SecretStr | None:
    if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError(
            "a bearer token has at least 16 characters (letters, digits and -._~+/), such as the output of `openssl "
            "rand -hex 32`"
        )
    return value


def _listed(value: object) -> object:
    """Words between commas, or a sequence of words, in JSON or not, as a list."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        with suppress(json.JSONDecodeError):
            value = json.loads(value)
    if isinstance(value, str):
        value = [word for word in re.split(r"[,\s]+", value) if word]
    return value


def _origins(value: object) -> object:
    value = _listed(value)
    if not isinstance(value, list | tuple):
        return value
    origins = tuple(str(origin).lower().removesuffix("/") for origin in value)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is not an origin; give scheme, name and port, such as https://grafana.example.com"
            )
    return origins


def _host_names(value: object) -> object:
    value = _listed(value)
    if not isinstance(value, list | tuple):
        return value
    names = tuple(str(name).lower().removesuffix(".") for name in value)
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a host name; give names without scheme and port, such as api,*.example.com"
            )
    return names


def default_state_dir() -> Path:
    """``$XDG_STATE_HOME/churnstream``, or ``~/.local/state/churnstream``."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "churnstream"


class Settings(BaseSettings):
    """All that a worker can be told. Durations are event time in ms unless the description says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    dataset: Annotated[str, BeforeValidator(_shipped_if_empty)] = Field(
        "bank_churn", description="name of a shipped schema, or the path of a TOML file"
    )
    stream: Annotated[str, AfterValidator(_stream)] = Field(
        "",
        description="name of a stream that shares Kafka and MLflow with others; it sets the defaults of "
        "topic_prefix, experiment, model_name and state_dir",
    )
    topic_prefix: Annotated[str, AfterValidator(_topic_prefix)] = Field(
        default_factory=_default_prefix,
        description="prefix of every topic, consumer group and transactional id; `cards-` for a stream called cards",
    )
    partitions: int = Field(
        4, ge=1, description="number of partitions of customers, of labels, of predictions and of outcomes"
    )
    replication_factor: int | None = Field(
        None, ge=1, description="replicas of each topic that churnstream creates; none: the broker's default"
    )

    mlflow_tracking_uri: str = Field(
        "sqlite:///mlflow.db",
        validation_alias=AliasChoices("mlflow_tracking_uri", "MLFLOW_TRACKING_URI"),
        description="MLflow's tracking server and model registry",
    )
    experiment: str = Field(
        default_factory=_experiment,
        description="MLflow experiment of the monitor's metrics and reports; each stream has its own",
    )
    model_name: str = Field(
        default_factory=_model_name,
        min_length=1,
        max_length=256,
        description="name of the registered model; by default the name of the stream",
    )
    model_alias: str = Field("champion", description="alias of the version that scores")
    challenger_budget: float = Field(
        1.0,
        ge=0,
        le=100,
        description="time that the challenger may take for a batch, as a share of the champion's time; 0: no "
        "challenger scores",
    )
    model_poll_ms: int = Field(5_000, ge=100, description="wall time between two checks of a model's alias")

    state_dir: Path = Field(default_factory=_state_dir, description="stores, spool and reports of this machine")
    instance: Annotated[str | None, AfterValidator(_instance), BeforeValidator(_nothing_if_empty)] = Field(
        None, description="stable name of this worker; a worker that restarts under its name takes over at once"
    )

    heartbeat: Annotated[Path | None, BeforeValidator(_nothing_if_empty)] = Field(
        None, description="file that a worker touches every second while it works, for health checks"
    )

    metrics_port: Annotated[int | None, BeforeValidator(_nothing_if_empty)] = Field(
        None, ge=0, le=65_535, description="port on which a worker serves metrics for Prometheus; 0: any free port"
    )
    metrics_host: str = Field("127.0.0.1", description="address that this port is bound to")
    log_format: LogFormat = Field("text", description="text for people, or json for machines")

    batch_size: int = Field(10_000, ge=1, le=100_000, description="maximum number of records in one transaction")
    linger_ms: int = Field(
        0,
        ge=0,
        description="wall time that a batch waits for more records after its first; a longer wait makes fewer, "
        "larger transactions",
    )
    session_timeout_ms: int = Field(10_000, ge=1_000, description="wall time after which a silent worker is replaced")
    transaction_timeout_ms: int = Field(
        15_000, ge=1_000, description="wall time after which Kafka aborts a transaction"
    )
    connect_timeout_ms: int = Field(
        3_000,
        ge=100,
        description="wall time that a command waits for Kafka when it starts, before it says why Kafka does not answer",
    )
    request_timeout_ms: int = Field(30_000, ge=100, description="wall time that a call to Kafka may take")

    window: Duration = Field(
        7 * DAY, gt=0, description="length of a window; use whole weeks if customers differ by the day of the week"
    )
    slide: Duration = Field(DAY, gt=0, description="distance from one window's start to the next")
    out_of_orderness: Duration = Field(HOUR, description="how much older than the newest record a record may be")
    label_lateness: Duration = Field(60 * DAY, description="longest time from a record to its label")
    label_tolerance: Duration = Field(
        0, description="how long before its record a label may be dated; 1d if labels have no time of day"
    )
    idle_timeout_ms: int = Field(
        60_000, ge=0, description="wall time after which a silent partition no longer holds back the others"
    )
    publish_interval_ms: int = Field(
        500, ge=0, description="minimum wall time between two publications of changed panes"
    )

    min_records: int = Field(200, ge=2, description="minimum number of customers in a window for it to be judged")
    false_alerts_per_month: float = Field(
        0.5,
        gt=0,
        description="acceptable number of false alerts in 30 days, of all kinds together; significance levels follow "
        "from it",
    )
    alpha: Annotated[float | None, BeforeValidator(_nothing_if_empty)] = Field(
        None,
        gt=0,
        lt=1,
        description="significance level of all of a window's drift tests together; replaces false_alerts_per_month",
    )
    min_distance: float = Field(
        0.05,
        ge=0,
        le=1,
        description="smallest distance that counts as drift; a distance surely below it does not count",
    )
    alert_rules: Annotated[Path | None, BeforeValidator(_nothing_if_empty)] = Field(
        None, description="TOML file that says which alerts are made, and where they are sent"
    )
    sample_size: int = Field(
        5_000, ge=1, le=20_000, description="maximum number of a window's customers in drift tests and reports"
    )
    max_reports: int = Field(100, ge=0, description="number of drift reports kept; the oldest are deleted first")
    spool_limit: int = Field(
        10_000, ge=1, description="number of windows that may wait for MLflow before the monitor waits too"
    )

    http_host: str = Field("127.0.0.1", description="address that the REST service listens on")
    http_port: int = Field(8080, ge=0, le=65_535, description="its port; 0: any free port")
    http_token: Annotated[SecretStr | None, AfterValidator(_token), BeforeValidator(_nothing_if_empty)] = Field(
        None, description="bearer token that requests to the REST service must carry"
    )
    http_allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_host_names)] = Field(
        (),
        description="host names that requests without a token may use, besides localhost and addresses; separated by "
        "commas",
    )
    http_max_bytes: int = Field(4_000_000, ge=1_000, description="largest body of a request")
    http_max_records: int = Field(5_000, ge=1, description="most records or labels in a request")
    http_queue: int = Field(20_000, ge=1, description="records and labels in progress at once; more are refused (429)")
    acknowledge_timeout_ms: int = Field(
        5_000, ge=100, description="wall time that a request waits for Kafka to accept its prediction; then 503"
    )

    dashboard_host: str = Field("127.0.0.1", description="address that `churnstream dashboard` listens on")
    dashboard_port: int = Field(8090, ge=0, le=65_535, description="its port; 0: any free port")
    dashboard_frames: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = Field(
        (), description="origins whose pages may show the dashboard in a frame with `?embed=1`; separated by commas"
    )

    request_time: Literal["now", "stream"] = Field(
        "now",
        description="event time of a request that gives none: wall time, or the newest record's (during a replay)",
    )

    kafka: dict[str, str] = Field(default_factory=dict, description="librdkafka properties, from KAFKA_… variables")

    @classmethod
    def settings_customise_sources(
        cls,
        _settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Pydantic's own, blind to what Kubernetes makes of a Service's name (``CHURNSTREAM_HTTP_PORT=tcp://…``)."""
        sources = (init_settings, env_settings, dotenv_settings, file_secret_settings)
        for source in sources:
            if isinstance(source, EnvSettingsSource):
                source.env_vars = without_services(source.env_vars)
        return sources

    def topic(self, name: str) -> str:
        """The full name of one of our topics or consumer groups."""
        return f"{self.topic_prefix}{name}"


def load_settings(**flags: Any) -> Settings:
    """Read the settings; a flag that is None was not given. ``bootstrap_servers`` stands for its property of Kafka.

    Raises:
        UserError: a value has the wrong kind or range; the message names the setting and where it came from.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    environment = environment_variables()
    if _PROPERTIES_VARIABLE in map(str.upper, environment):
        raise UserError(
            f"{_PROPERTIES_VARIABLE} is not read; give each librdkafka property its own variable, such as "
            "KAFKA_LINGER_MS"
        )
    _refuse_mistyped(without_services(environment))
    servers = given.pop("bootstrap_servers", None)
    named = {"bootstrap.servers": servers} if servers else {}
    kafka = kafka_properties(environment) | given.pop("kafka", {}) | named
    try:
        settings = Settings(**given, kafka=kafka)
    except ValidationError as error:
        raise UserError(_explain(error)) from None
    if settings.window % settings.slide:
        raise UserError("window must be a multiple of slide (CHURNSTREAM_WINDOW, CHURNSTREAM_SLIDE); e.g. 7d and 1d")
    if settings.http_queue < settings.http_max_records:
        raise UserError("http_queue must be at least http_max_records, or a full request could never be accepted")
    return settings


def environment_variables() -> dict[str, str]:
    """The environment, and beneath it the lines of ``.env``.

    Raises:
        UserError: ``.env`` cannot be read.
    """
    return {**_dotenv(), **os.environ}


def _refuse_mistyped(environment: Iterable[str]) -> None:
    """What is near to none of our variables is let be, because others may use the prefix, too."""
    known = Settings.model_fields.keys() | _OTHERS
    for name in environment:
        ending = name.removeprefix(_PREFIX).lower()
        if name.startswith(_PREFIX) and (
            other := _ELSEWHERE.get(ending.removeprefix("mlflow_").removeprefix("kafka_"))
        ):
            raise UserError(f"variable {name} is not read; write {other}, or unset it")
        if name.startswith(_PREFIX) and ending not in known and (near := meant(ending, Settings.model_fields)):
            raise UserError(f"variable {name} is not known; write {_PREFIX}{near.upper()}, or unset it")


def _dotenv() -> dict[str, str]:
    try:
        return {name: value for name, value in dotenv_values(".env").items() if value is not None}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f".env cannot be read ({error}); make it a readable UTF-8 file, or remove it") from None


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    kind = type(first["input"]).__name__
    message = first["msg"].removeprefix("Value error, ")
    flag = f"--{name.removeprefix('http_').removeprefix('dashboard_').replace('_', '-')}"
    variable = "MLFLOW_TRACKING_URI" if name == "mlflow_tracking_uri" else f"CHURNSTREAM_{name.upper()}"
    got = "a secret" if name in _SECRET else repr(first["input"])
    return f"setting {name} ({flag}, {variable}) got {got} ({kind}): {message}"
