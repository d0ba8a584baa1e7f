"""Streaming scoring and drift monitoring for customer-churn models on Kafka.

``churnstream`` is a command line; your own code reads what a stream has measured as pandas tables::

    from churnstream import read_alerts, read_outcomes, read_windows

    windows = read_windows(final=True)

or its topics themselves, with the types of their messages::

    from churnstream import Outcome, load_settings
    import msgspec

    topic = load_settings().topic("outcomes")
    outcome = msgspec.json.decode(message.value(), type=Outcome)

Names that do not stand in ``__all__`` may change with any release. Each is imported when it is first used, so that
``churnstream --help`` waits for none of them.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from churnstream.frames.alerts import read_alerts
    from churnstream.frames.outcomes import read_outcomes
    from churnstream.frames.windows import read_windows
    from contract.alerts import Alert, AlertMessage, ModelVerdict, alert_message_type
    from contract.errors import ChurnstreamError, UserError
    from contract.messages import Label, ModelRef, Outcome, Prediction, prediction_type
    from contract.records import Record, record_type
    from contract.schema import Feature, FeatureKind, LabelColumn, Schema, load_schema
    from contract.settings import Settings, load_settings
    from contract.versions import ServingVersions, TrainedVersion, version_message_type
    from contract.windows import Cumulative, Window, window_message_type

__all__ = [
    "Alert",
    "AlertMessage",
    "ChurnstreamError",
    "Cumulative",
    "Feature",
    "FeatureKind",
    "Label",
    "LabelColumn",
    "ModelRef",
    "ModelVerdict",
    "Outcome",
    "Prediction",
    "Record",
    "Schema",
    "ServingVersions",
    "Settings",
    "TrainedVersion",
    "UserError",
    "Window",
    "__version__",
    "alert_message_type",
    "load_schema",
    "load_settings",
    "prediction_type",
    "read_alerts",
    "read_outcomes",
    "read_windows",
    "record_type",
    "version_message_type",
    "window_message_type",
]

__version__ = version("churnstream")

_HOMES = {
    "churnstream.frames.alerts": ("read_alerts",),
    "churnstream.frames.outcomes": ("read_outcomes",),
    "churnstream.frames.windows": ("read_windows",),
    "contract.errors": ("ChurnstreamError", "UserError"),
    "contract.messages": ("Label", "ModelRef", "Outcome", "Prediction", "prediction_type"),
    "contract.alerts": ("Alert", "AlertMessage", "ModelVerdict", "alert_message_type"),
    "contract.versions": ("ServingVersions", "TrainedVersion", "version_message_type"),
    "contract.windows": ("Cumulative", "Window", "window_message_type"),
    "contract.records": ("Record", "record_type"),
    "contract.schema": ("Feature", "FeatureKind", "LabelColumn", "Schema", "load_schema"),
    "contract.settings": ("Settings", "load_settings"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
