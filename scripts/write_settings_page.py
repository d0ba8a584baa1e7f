"""Write docs/settings.md from the settings themselves."""

from pathlib import Path

from contract.durations import format_duration
from contract.kafka.properties import RESERVED
from contract.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
_DURATIONS = {"window", "slide", "out_of_orderness", "label_lateness", "label_tolerance"}
_DEFAULTS = {
    "topic_prefix": "none, or the stream's name and `-`",
    "experiment": "`churn monitor`, and the stream's name or the topic prefix",
    "model_name": "`churn`, or the stream's name",
    "state_dir": "`~/.local/state/churnstream`, for a stream with a name `streams/NAME` in it",
    "kafka": "all `KAFKA_…` variables",
}


def page() -> str:
    """The page's text: one row per setting."""
    lines = [
        "# Settings",
        "",
        "A flag wins over the environment, the environment over a line of `.env`, that over the default. Durations are",
        "event time, written `7d`, `12h`, `90s` or `1d12h`, or a whole number of milliseconds. Made by",
        "`scripts/write_settings_page.py`.",
        "",
        "| setting | variable | default | what it is |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        variable = "MLFLOW_TRACKING_URI" if name == "mlflow_tracking_uri" else f"CHURNSTREAM_{name.upper()}"
        if name == "kafka":
            variable = "KAFKA_…"
        default = _DEFAULTS.get(name) or _shown(name, field.default)
        lines.append(f"| {name} | `{variable}` | {default} | {field.description} |")
    lines += [
        "",
        "## Kafka",
        "",
        "Every librdkafka property is a variable: `KAFKA_SASL_USERNAME` is `sasl.username`. One that is empty, one of",
        "Kafka's own start scripts (`KAFKA_HEAP_OPTS`) and those that Kubernetes makes of a Service's name",
        "(`KAFKA_PORT`) are none. These are refused, because a guarantee rests on a value of ours:",
        "",
        "| property | also taken | why it is not yours to set | instead |",
        "|---|---|---|---|",
    ]
    for name, reserved in RESERVED.items():
        ours = ", ".join(f"`{value}`" for value in reserved.ours) or "none"
        lines.append(f"| `{name}` | {ours} | {reserved.why} | {reserved.remedy} |")
    lines += [
        "",
        "The monitor has another Kafka client. It takes `bootstrap.servers`, `security.protocol`, `sasl.username`,",
        "`sasl.password`, `sasl.mechanism` (PLAIN, SCRAM), `ssl.ca.location`, `ssl.ca.pem`,",
        "`ssl.certificate.location`, `ssl.key.location`, `ssl.key.password`, `ssl.cipher.suites`,",
        "`ssl.endpoint.identification.algorithm`, `enable.ssl.certificate.verification`, `client.id`,",
        "`linger.ms`, `heartbeat.interval.ms` and",
        "`max.poll.interval.ms`. It refuses other properties of TLS and SASL, and names those that it does without.",
    ]
    return "\n".join(lines) + "\n"


def _shown(name: str, value: object) -> str:
    if name in _DURATIONS and isinstance(value, int):
        return f"`{format_duration(value)}`"
    return f"`{value}`" if value not in (None, "", ()) else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
