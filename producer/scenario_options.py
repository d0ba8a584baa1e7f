"""A scenario as people write it: flags of the command line over a TOML file over the defaults."""

import tomllib
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from contract.errors import UserError
from contract.schema import Schema
from producer.delays import parse_delay
from producer.injections import Injection, build_drift, parse_drift
from producer.options import parse_span, parse_time
from producer.scenario import Scenario
from producer.weekdays import parse_volume


class _File(msgspec.Struct, forbid_unknown_fields=True):
    start: str | None = None
    period: str | None = None
    rate: float | None = None
    label_delay: str | None = None
    positive_label_delay: str | None = None
    label_share: float | None = None
    negative_label_share: float | None = None
    weekdays: str | None = None
    speed: float | None = None
    drift: list[dict[str, Any] | str] = []


_SINGLE = (
    *("start", "period", "rate", "label_delay", "positive_label_delay", "label_share", "negative_label_share"),
    *("weekdays", "speed"),
)
_INVENTED = ("start", "period", "weekdays")
"""Options that say when rows happen, and so have no say where the rows do."""
_INVENTED_LABELS = ("label_delay", "positive_label_delay")


def read_scenario(path: Path) -> "ScenarioOptions":
    """The options in a scenario file: the fields of ``ScenarioOptions``, with ``drift`` for ``drifts``.

    ``drift`` is a list of texts as on the command line, or of tables: ``[[drift]]`` with ``kind``, ``amount``,
    ``feature``, ``to``, ``from``, ``until``, ``on``, ``where``.

    Raises:
        UserError: the file cannot be read, is not TOML, or has a key or kind of value that a scenario has not.
    """
    where = f"--scenario {path}"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        file = msgspec.convert(_times_as_text(raw), _File)
    except OSError as error:
        raise UserError(f"{where} cannot be read: {error.strerror}; give a readable TOML file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{where} is not TOML: {error}; correct the line it names") from None
    except msgspec.ValidationError as error:
        raise UserError(f"{where}: {error}; the keys are {', '.join(_SINGLE)} and drift") from None
    given = {name: getattr(file, name) for name in _SINGLE}
    return ScenarioOptions(**given, drifts=tuple(file.drift), origin=where)


@dataclass(frozen=True)
class ScenarioOptions:
    """A scenario as given: texts not parsed yet, None for what was not given. ``origin`` names it in errors."""

    start: str | None = None
    period: str | None = None
    rate: float | None = None
    label_delay: str | None = None
    positive_label_delay: str | None = None
    label_share: float | None = None
    negative_label_share: float | None = None
    weekdays: str | None = None
    speed: float | None = None
    drifts: tuple[str | dict[str, Any], ...] = ()
    origin: str = "scenario"

    def over(self, base: "ScenarioOptions") -> "ScenarioOptions":
        """These options, with ``base``'s where none is given here; drifts add up, those of ``base`` first."""
        given = {field: getattr(self, field) for field in _SINGLE if getattr(self, field) is not None}
        return replace(base, **given, drifts=base.drifts + self.drifts)

    def build(self, schema: Schema, own_times: tuple[int, int] | None = None) -> Scenario:
        """The scenario, for rows of ``schema``.

        ``own_times``: the first and the last event time (ms) of rows that say when they happened.

        Raises:
            UserError: an option does not parse or has no sense; the message names it.
        """
        scenario = Scenario()
        if own_times is not None:
            self._refuse_invented(schema)
            first, last = own_times
            scenario = replace(scenario, start=first, period=last - first + 1)
        if self.start is not None:
            scenario = replace(scenario, start=parse_time(self.start, "start"))
        if self.period is not None:
            scenario = replace(scenario, period=parse_span(self.period, "period"))
        if self.rate is not None:
            scenario = replace(scenario, rate=self.rate)
        if self.speed is not None:
            scenario = replace(scenario, speed=self.speed)
        if self.label_delay is not None:
            scenario = replace(scenario, label_delay=parse_delay(self.label_delay))
        if self.positive_label_delay is not None:
            scenario = replace(scenario, positive_label_delay=parse_delay(self.positive_label_delay))
        if self.label_share is not None:
            scenario = replace(scenario, label_share=self.label_share)
        if self.negative_label_share is not None:
            scenario = replace(scenario, negative_label_share=self.negative_label_share)
        if self.weekdays is not None:
            scenario = replace(scenario, volume=parse_volume(self.weekdays))
        drifts = [self._drift(drift, schema, scenario.start) for drift in self.drifts]
        return replace(scenario, drifts=tuple(drifts))

    def _refuse_invented(self, schema: Schema) -> None:
        for options, column in ((_INVENTED, schema.time), (_INVENTED_LABELS, schema.label_time)):
            given = [name for name in options if getattr(self, name) is not None]
            if given and column is not None:
                raise UserError(
                    f"{given[0].replace('_', ' ')} says when the rows happen, but so does column "
                    f"{column.column!r}; leave one of them out (--no-own-dates ignores the table's own times)"
                )

    def _drift(self, drift: str | dict[str, Any], schema: Schema, start: int) -> Injection:
        if isinstance(drift, str):
            return parse_drift(drift, schema, start)
        return build_drift(drift, schema, start, f"{self.origin}, drift {drift.get('feature', drift.get('kind', ''))}")


def _times_as_text(value: Any) -> Any:
    """Decoded TOML with its dates and times in ISO 8601, as the command line has them."""
    if isinstance(value, dict):
        return {key: _times_as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_times_as_text(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value
