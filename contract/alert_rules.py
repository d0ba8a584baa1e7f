"""Which alerts are made, from when on, and where they are sent: one TOML file, all of it optional.

.. code-block:: toml

    [kinds.drift]
    enabled = true
    severity = "warning"         # in place of what the alert itself finds

    [stream]
    lag_seconds = 300            # see StreamRules

    [[sinks]]
    name = "team"
    url_variable = "TEAM_URL"    # the environment variable that holds apprise's URL, because it holds a secret
    least_severity = "warning"
"""

import re
import tomllib
from collections import Counter
from pathlib import Path

import msgspec

from contract.alerts import ALERT_KINDS, AlertKind, Severity
from contract.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_SINKS = 20


class KindRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of alert: whether it is made, and its severity in place of what it finds itself."""

    enabled: bool = True
    severity: Severity | None = None


class StreamRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the stream itself is wrong. Seconds are wall time.

    ``dead_letter_share``: share of records that could not be scored, or labels that could not be used, of the last
    ``dead_letter_records``. ``coverage_drop`` and ``delay_factor``: by what part a final window's share of labels is
    below, or by what factor their median delay above, what the windows before had. ``volume_factor``: by what factor a
    window has fewer records, or more. ``silence_seconds``: without a prediction, or a label; None: five times the
    longest pause of the last week, at least an hour. ``lag_seconds``: how long a worker may be behind with no end in
    sight. ``mlflow_seconds``: how long a window may wait for MLflow. ``clean_seconds``: how long all must be well again
    before it is said.
    """

    dead_letter_share: float = 0.02
    dead_letter_records: int = 1_000
    coverage_drop: float = 0.2
    delay_factor: float = 2.0
    volume_factor: float = 3.0
    silence_seconds: float | None = None
    lag_seconds: float = 300.0
    mlflow_seconds: float = 3_600.0
    clean_seconds: float = 600.0


class SinkRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where alerts are sent: those of these ``kinds`` (None: all) that are at least so severe.

    ``url_variable`` is the environment variable with the URL (apprise's form: Slack, Teams, e-mail, PagerDuty, any
    webhook); the URL itself is never written into a file, a message or a log.
    """

    name: str
    url_variable: str
    kinds: tuple[AlertKind, ...] | None = None
    least_severity: Severity = "warning"
    updates: bool = True


class AlertRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that the file says; without one, all kinds are made and none is sent."""

    kinds: dict[AlertKind, KindRule] = {}
    stream: StreamRules = StreamRules()
    sinks: tuple[SinkRule, ...] = ()

    def of(self, kind: AlertKind) -> KindRule:
        return self.kinds.get(kind, KindRule())


DEFAULT_RULES = AlertRules()


def load_alert_rules(path: Path | None) -> AlertRules:
    """Read the rules; without a path, the defaults.

    Raises:
        UserError: the file cannot be read, is not TOML, or says something that rules cannot say.
    """
    if path is None:
        return DEFAULT_RULES
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"alert rules {path} cannot be read: {error}; give a readable TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"alert rules {path} are not TOML: {error}; correct the line it names") from None
    try:
        rules = msgspec.convert(raw, AlertRules)
    except msgspec.ValidationError as error:
        raise UserError(
            f"alert rules {path}: {error}; kinds are {', '.join(ALERT_KINDS)}; see docs/alerts.md for the format"
        ) from None
    _refuse_sinks(rules.sinks, path)
    _refuse_stream(rules.stream, path)
    return rules


def _refuse_sinks(sinks: tuple[SinkRule, ...], path: Path) -> None:
    if len(sinks) > MOST_SINKS:
        raise UserError(f"alert rules {path}: {len(sinks)} sinks are too many; give at most {MOST_SINKS}")
    for sink in sinks:
        if not _NAME.fullmatch(sink.name):
            raise UserError(
                f"alert rules {path}: {sink.name[:60]!r} is not a valid name for a sink; use up to 40 letters, "
                "digits, _ and -"
            )
        if sink.kinds == ():
            raise UserError(
                f"alert rules {path}, sink {sink.name}: kinds is empty, so nothing is sent; leave out kinds to send "
                "all, or remove the sink"
            )
        if not _VARIABLE.fullmatch(sink.url_variable):
            raise UserError(
                f"alert rules {path}, sink {sink.name}: url_variable must name an environment variable; put the URL "
                f"into the variable, not into this file"
            )
    twice = next((name for name, times in Counter(sink.name for sink in sinks).items() if times > 1), None)
    if twice is not None:
        raise UserError(f"alert rules {path}: two sinks are called {twice}; rename one")


def _refuse_stream(rules: StreamRules, path: Path) -> None:
    for name in rules.__struct_fields__:
        value = getattr(rules, name)
        if value is not None and not value > 0:
            raise UserError(f"alert rules {path}, stream.{name} is {value}; it must be above 0")
