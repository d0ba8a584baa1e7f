"""Write docs/settings.md from the settings themselves."""

from pathlib import Path

from contract.durations import format_duration
from contract.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
_DURATIONS = {"window", "slide", "out_of_orderness", "label_lateness", "label_tolerance"}
_DEFAULTS = {
    "experiment": "`churn monitor`, and the topic prefix",
    "state_dir": "`~/.local/state/churnstream`",
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
    return "\n".join(lines) + "\n"


def _shown(name: str, value: object) -> str:
    if name in _DURATIONS and isinstance(value, int):
        return f"`{format_duration(value)}`"
    return f"`{value}`" if value not in (None, "", ()) else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
