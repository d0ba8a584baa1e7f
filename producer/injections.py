"""Drift that a scenario injects: what changes in the records or in the labels' concept, for whom, from when until when.

Pure: a drift is applied to a chunk given the rows' event times and a uniform draw per row.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from contract.arrays import Floats, Mask
from contract.errors import UserError
from contract.schema import Feature, FeatureKind, Schema
from producer.options import parse_moment, parse_number, parse_pairs
from producer.weekdays import Days, parse_days

InjectionKind = Literal["shift", "scale", "mix", "missing", "flip"]

_FOREVER = 2**62
_SHARES = ("mix", "missing", "flip")
_FORM = "write FEATURE:KIND=AMOUNT,from=20d, such as Age:shift=8,from=20d,until=25d"


@dataclass(frozen=True)
class Condition:
    """Rows whose feature is one category, or a number between two bounds, both included."""

    feature: str
    category: str | None = None
    low: float = -np.inf
    high: float = np.inf

    def holds(self, chunk: pd.DataFrame) -> Mask:
        column = chunk[self.feature]
        if self.category is not None:
            return (column == self.category).to_numpy(np.bool_)
        return pd.to_numeric(column, errors="coerce").between(self.low, self.high).to_numpy(np.bool_)


@dataclass(frozen=True)
class Injection:
    """One change, in force for ``start <= event_time < end`` (ms), on the days of the week ``on`` (None: all), and for
    the rows where ``where`` holds.

    ==========  =====================================================================================
    kind        what it does
    ==========  =====================================================================================
    ``shift``   adds ``amount`` to the feature, within the schema's range
    ``scale``   multiplies the feature by ``amount``, within the schema's range
    ``mix``     with probability ``amount`` the feature becomes ``to``
    ``missing`` with probability ``amount`` the feature becomes null
    ``flip``    with probability ``amount`` the label becomes the other one: the concept itself drifts
    ==========  =====================================================================================
    """

    kind: InjectionKind
    amount: float
    feature: Feature | None = None
    to: str | float | None = None
    start: int = 0
    end: int = _FOREVER
    where: Condition | None = None
    on: Days | None = None

    def change(self, chunk: pd.DataFrame, times: NDArray[np.int64], draws: Floats) -> pd.DataFrame:
        """The chunk with the feature changed; ``flip`` changes no feature."""
        if self.feature is None:
            return chunk
        rows = self._concerned(chunk, times)
        column = chunk[self.feature.name]
        if self.kind in ("shift", "scale"):
            changed = self._moved(self.feature, column, rows)
        else:
            value = self.to if self.kind == "mix" else (None if self.feature.is_categorical else np.nan)
            changed = column.mask(rows & (draws < self.amount), value)
        return chunk.assign(**{self.feature.name: changed})

    def flipped(self, chunk: pd.DataFrame, times: NDArray[np.int64], draws: Floats) -> Mask:
        """Rows whose label becomes the other one; none unless the kind is ``flip``."""
        if self.kind != "flip":
            return np.zeros(len(chunk), dtype=np.bool_)
        return self._concerned(chunk, times) & (draws < self.amount)

    def _concerned(self, chunk: pd.DataFrame, times: NDArray[np.int64]) -> Mask:
        rows: Mask = (times >= self.start) & (times < self.end)
        if self.on is not None:
            rows &= self.on.hold(times)
        return rows & self.where.holds(chunk) if self.where is not None and rows.any() else rows

    def _moved(self, feature: Feature, column: "pd.Series[Any]", rows: Mask) -> "pd.Series[Any]":
        low = -np.inf if feature.minimum is None else feature.minimum
        high = np.inf if feature.maximum is None else feature.maximum
        numbers = pd.to_numeric(column, errors="coerce")
        moved = numbers + self.amount if self.kind == "shift" else numbers * self.amount
        if feature.kind is FeatureKind.ORDINAL:
            moved = moved.round()
        # what the schema forbids already, or is no number, stays as it is: the scorer is to see it
        return column.mask(rows & numbers.between(low, high).to_numpy(np.bool_), moved.clip(low, high))


def parse_drift(text: str, schema: Schema, start: int) -> Injection:
    """A drift in its compact form; offsets count from ``start`` (ms).

    ``Age:shift=8,from=20d,until=25d``, ``Balance:scale=1.3,from=20d``, ``Geography:mix=0.5,to=Germany,from=20d``,
    ``Age:missing=0.1``, ``flip=0.3,where=Geography=Germany,from=20d``, ``flip=0.3,where=Age=40..60``,
    ``Age:shift=5,on=sat+sun``.

    Raises:
        UserError: the text says no such thing; the message names feature, kind or option and the remedy.
    """
    where = f"drift {text!r}"
    head, equals, _ = text.partition("=")
    feature, colon, kind = head.rpartition(":")
    if not equals:
        raise UserError(f"{where}: the kind and the amount are missing; {_FORM}")
    options: dict[str, Any] = dict(parse_pairs(text[len(feature) + len(colon) :], where))
    options = {"kind": kind.strip(), "amount": options.pop(kind.strip())} | options
    if colon:
        options["feature"] = feature.strip()
    return build_drift(options, schema, start, where)


def build_drift(options: dict[str, Any], schema: Schema, start: int, where: str) -> Injection:
    """A drift from ``kind``, ``amount``, ``feature``, ``to``, ``from``, ``until``, ``on`` and ``where``, as in TOML.

    Raises:
        UserError: as ``parse_drift``.
    """
    unknown = options.keys() - {"kind", "amount", "feature", "to", "from", "until", "on", "where"}
    if unknown:
        raise UserError(f"{where}: option {min(unknown)!r} is not known; the options are to, from, until, on and where")
    if options.get("kind") not in get_args(InjectionKind):
        known = ", ".join(get_args(InjectionKind))
        raise UserError(f"{where}: kind {options.get('kind')!r} is not known; use one of {known}")
    kind = cast(InjectionKind, options["kind"])
    if "amount" not in options:
        raise UserError(f"{where}: the amount is missing; {_FORM}")
    amount = parse_number(options["amount"], f"{where}, {kind}")
    if kind in _SHARES and not 0 <= amount <= 1:
        raise UserError(f"{where}: {kind} got {amount:g}; it is a probability; give a number between 0 and 1")
    feature = _feature(options.get("feature"), kind, schema, where)
    begin = parse_moment(str(options["from"]), start, f"{where}, from") if "from" in options else 0
    end = parse_moment(str(options["until"]), start, f"{where}, until") if "until" in options else _FOREVER
    if end <= begin:
        raise UserError(f"{where}: until is not after from; give a later until, or leave it out")
    condition = _condition(str(options["where"]), schema, f"{where}, where") if "where" in options else None
    on = parse_days(str(options["on"]), f"{where}, on") if "on" in options else None
    return Injection(kind, amount, feature, _target(options.get("to"), kind, feature, where), begin, end, condition, on)


def _feature(name: object, kind: str, schema: Schema, where: str) -> Feature | None:
    if kind == "flip":
        if name is not None:
            raise UserError(
                f"{where}: flip changes the label, not a feature; write flip=0.3, and where=… for a part of the rows"
            )
        return None
    feature = _known(name, schema, where)
    if kind in ("shift", "scale") and feature.kind not in (FeatureKind.NUMERIC, FeatureKind.ORDINAL):
        raise UserError(f"{where}: {kind} needs a numeric or ordinal feature, {name} is a {feature.kind}; use mix")
    return feature


def _known(name: object, schema: Schema, where: str) -> Feature:
    if name not in schema.names:
        raise UserError(f"{where}: {name!r} is not a feature of {schema.name}; use one of {', '.join(schema.names)}")
    return schema.feature(str(name))


def _target(to: object, kind: str, feature: Feature | None, where: str) -> str | float | None:
    if kind != "mix" or feature is None:
        if to is not None:
            raise UserError(f"{where}: only mix takes to=…; remove it")
        return None
    if to is None:
        raise UserError(f"{where}: mix needs the value to set; add to=…")
    value = str(to) if feature.is_categorical else parse_number(to, f"{where}, to")
    if feature.violates(value):
        allowed = ", ".join(feature.categories) or f"a number between {feature.minimum} and {feature.maximum}"
        raise UserError(f"{where}: to={to} is not allowed for {feature.name}; use {allowed}")
    return value


def _condition(text: str, schema: Schema, where: str) -> Condition:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value:
        raise UserError(f"{where}: {text!r} is not a condition; write Geography=Germany or Age=40..60")
    feature = _known(name, schema, where)
    if feature.is_categorical:
        if feature.violates(value):
            raise UserError(
                f"{where}: {value!r} is not a category of {name}; use one of {', '.join(feature.categories)}"
            )
        return Condition(name, category=value)
    low, dots, high = (part.strip() for part in value.partition(".."))
    if not dots:
        number = parse_number(value, where)
        return Condition(name, low=number, high=number)
    return Condition(
        name,
        low=parse_number(low, where) if low else -np.inf,
        high=parse_number(high, where) if high else np.inf,
    )
