"""The schema of a data set: one TOML file from which message types, columns and signatures are derived."""

import hashlib
import math
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from contract.bounds import LARGEST_INTEGER, LARGEST_NUMBER, LONGEST_CATEGORY, LONGEST_NAME, MOST_COLUMNS, MOST_FEATURES
from contract.dates.columns import TimeColumn, time_columns
from contract.durations import parse_duration
from contract.errors import UserError
from contract.segments import SegmentFeature, SegmentTable, read_segments


class FeatureKind(StrEnum):
    """What a feature's values are: a real number, an ordered integer, one of a set of names, or 0/1."""

    NUMERIC = "numeric"
    ORDINAL = "ordinal"
    CATEGORICAL = "categorical"
    FLAG = "flag"


OnViolation = Literal["reject", "score"]
_ALLOWED = {"kind": tuple(FeatureKind), "on_violation": get_args(OnViolation), "absent": ("unknown", "negative")}

ROW_NUMBER = "(row number)"
"""The ``id`` of a schema of a table in which no column names customers: each row, numbered from 1, is one."""
RESERVED = ("score", "label")
"""Columns that stand beside the features in reference samples and drift results; no feature can have these names."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"minimum": "min", "maximum": "max"}):
    """One input of the model.

    ``minimum`` and ``maximum`` are inclusive, in the column's own unit; ``missing`` allows null.
    ``on_violation`` says what becomes of a value outside range or categories: dead-lettered or scored.
    ``column`` is the table's column where that is no identifier; messages and models know the ``name`` alone.
    """

    kind: FeatureKind
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    missing: bool = False
    on_violation: OnViolation | None = None
    name: str = ""
    column: str | None = None

    @property
    def table_column(self) -> str:
        """The name of its column in a table."""
        return self.name if self.column is None else self.column

    @property
    def is_categorical(self) -> bool:
        return self.kind is FeatureKind.CATEGORICAL

    def violates(self, value: float | str | None) -> bool:
        """Whether a present value lies outside the feature's range or categories. A null never does."""
        if value is None:
            return False
        if isinstance(value, str):
            return value not in self.categories
        return (self.minimum is not None and value < self.minimum) or (
            self.maximum is not None and value > self.maximum
        )


class LabelColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table's label column and the values that mean 1 (churned) and 0.

    ``absent`` says what it means when no label comes: nothing is known, or, where 0 is told by silence, 0. Then
    ``horizon`` is the time from a record after which silence counts, such as ``30d``.
    """

    column: str
    positive: int | str = 1
    negative: int | str = 0
    absent: Literal["unknown", "negative"] = "unknown"
    horizon: str | None = None

    @property
    def horizon_ms(self) -> int | None:
        """ms of event time after which silence counts as 0; None where it never does."""
        return None if self.horizon is None else parse_duration(self.horizon)


class _SchemaFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    id: str
    label: LabelColumn
    features: dict[str, Feature]
    time: str | TimeColumn | None = None
    label_time: str | TimeColumn | None = None
    version: int = 1
    private: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    on_violation: OnViolation = "reject"
    segments: dict[str, SegmentTable] = {}


@dataclass(frozen=True)
class Schema:
    """A data set: its id column, label, private columns and features, in the order of the model's matrix.

    ``segments`` are the features in whose parts a model is followed by themselves. ``time`` says when a row's record
    came, ``label_time`` when its label was known; None where the table does not say.
    """

    name: str
    version: int
    id_column: str
    label: LabelColumn
    private: tuple[str, ...]
    ignored: tuple[str, ...]
    features: tuple[Feature, ...]
    segments: tuple[SegmentFeature, ...] = ()
    time: TimeColumn | None = None
    label_time: TimeColumn | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All feature names, in matrix order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def categorical(self) -> tuple[str, ...]:
        """Names of the categorical features."""
        return tuple(feature.name for feature in self.features if feature.is_categorical)

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Names of the features that are numbers to the model: numeric, ordinal and flag."""
        return tuple(feature.name for feature in self.features if not feature.is_categorical)

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 of the schema's canonical JSON: equal iff the schemas are.

        What a table calls a feature's column, what silence means, segments and columns of time are left out: none of
        them changes messages or models.
        """
        parts = (
            self.name,
            self.version,
            self.id_column,
            {"column": self.label.column, "positive": self.label.positive, "negative": self.label.negative},
            self.private,
            self.ignored,
            [_without_column(feature) for feature in self.features],
        )
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]

    @property
    def roles(self) -> dict[str, str]:
        """What a table's columns are that can be no time: ``id``, ``label``, ``private`` or ``feature``, by name."""
        features = dict.fromkeys((feature.table_column for feature in self.features), "feature")
        return {**dict.fromkeys(self.private, "private"), **features, self.id_column: "id", self.label.column: "label"}

    def feature(self, name: str) -> Feature:
        """The feature called ``name``; raises ``KeyError`` if there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)


def load_schema(dataset: str) -> Schema:
    """Load a shipped schema by name (``bank_churn``) or any by the path of its TOML file.

    Raises:
        UserError: the file does not exist, is not TOML, or says something a schema cannot say.
    """
    text, origin = _read(dataset)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"schema {origin} is not TOML: {error}; correct the line it names") from None
    return parse_schema(raw, origin)


def schema_text(dataset: str) -> str:
    """The TOML text that ``load_schema`` reads.

    Raises:
        UserError: there is none.
    """
    return _read(dataset)[0]


def parse_schema(raw: dict[str, Any], origin: str = "schema") -> Schema:
    """Build a schema from decoded TOML; ``origin`` names it in errors.

    Raises:
        UserError: a key is unknown, missing or of the wrong kind, or a feature contradicts itself.
    """
    try:
        file = msgspec.convert(raw, _SchemaFile)
    except msgspec.ValidationError as error:
        said = _explained(raw, str(error))
        raise UserError(f"schema {origin}: {said}; see contract/datasets/bank_churn.toml for the format") from None
    features = tuple(_complete(name, feature, file, origin) for name, feature in file.features.items())
    if not features:
        raise UserError(f"schema {origin} has no [features.…] table; name at least one feature")
    _refuse_width(features, origin)
    _refuse_overlap(file, origin)
    if file.label.positive == file.label.negative:
        raise UserError(
            f"schema {origin}: label positive and negative are both {file.label.positive!r}; give two different values"
        )
    _refuse_horizon(file.label, origin)
    categories = {one.name: one.categories for one in features}
    flags = {one.name for one in features if one.kind is FeatureKind.FLAG}
    segments = read_segments(file.segments, categories, origin, flags)
    schema = Schema(file.name, file.version, file.id, file.label, file.private, file.ignored, features, segments)
    time, label_time = time_columns(file.time, file.label_time, schema.roles, f"schema {origin}")
    return replace(schema, time=time, label_time=label_time)


def _read(dataset: str) -> tuple[str, str]:
    path = Path(dataset)
    if path.suffix == ".toml":
        try:
            return path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"schema {path} cannot be read: {error}; give a readable TOML file") from None
    shipped = resources.files("contract") / "datasets"
    file = shipped / f"{dataset}.toml"
    if not file.is_file():
        known = ", ".join(sorted(Path(entry.name).stem for entry in shipped.iterdir() if entry.name.endswith(".toml")))
        raise UserError(f"data set {dataset!r} is not known; take one of {known}, or the path of a TOML file")
    return file.read_text(encoding="utf-8"), dataset


def _explained(raw: dict[str, Any], said: str) -> str:
    """What msgspec has ``said``, with the feature that it is about, and what is allowed there."""
    features = raw.get("features")
    for name, feature in features.items() if isinstance(features, dict) else ():
        try:
            msgspec.convert(feature, Feature)
        except msgspec.ValidationError as error:
            found = str(error)
            place = f"features.{name}"
            said = found.replace("`$", f"`{place}") if "`$" in found else f"{found} - at `{place}`"
            break
    allowed = next((words for key, words in _ALLOWED.items() if said.endswith(f".{key}`")), None)
    return f"{said}; give one of {', '.join(allowed)}" if allowed and said.startswith("Invalid enum") else said


def _complete(name: str, feature: Feature, file: _SchemaFile, origin: str) -> Feature:
    if len(name.encode()) > LONGEST_NAME:
        raise UserError(
            f"schema {origin}, feature {name[:40]!r}…: the name has {len(name.encode()):,} bytes, but at most "
            f"{LONGEST_NAME} are allowed, because it becomes part of metric names; give the feature a shorter name, "
            "and its current one as column"
        )
    where = f"schema {origin}, feature {name!r}"
    other_name = f'give the feature another name, and write column = "{name}" in it'
    # some identifiers have combining marks, which MLflow refuses in a metric's name
    if not name.isidentifier() or not re.fullmatch(r"\w+", name):
        raise UserError(f"{where}: a feature's name must be an identifier (letters, digits, _); {other_name}")
    if name.startswith("__"):
        raise UserError(f"{where}: names that begin with two underscores are Python's own; {other_name}")
    if name in RESERVED:
        raise UserError(f"{where}: the name stands for the model's {name}; {other_name}")
    if feature.is_categorical:
        if not feature.categories:
            raise UserError(f"{where}: a categorical feature needs categories = [...]")
        twice = next((each for each, times in Counter(feature.categories).items() if times > 1), None)
        if twice is not None:
            raise UserError(f"{where}: category {twice!r} is listed twice; remove one")
        longest = max(feature.categories, key=len)
        if len(longest) > LONGEST_CATEGORY:
            raise UserError(
                f"{where}: category {longest[:40]!r}… has {len(longest):,} characters, but at most "
                f"{LONGEST_CATEGORY:,} are allowed; shorten it in the table and here"
            )
        if feature.minimum is not None or feature.maximum is not None:
            raise UserError(f"{where}: min and max make no sense for a categorical feature; remove them")
    elif feature.categories:
        raise UserError(f"{where}: only a categorical feature has categories; remove them or change its kind")
    minimum, maximum = feature.minimum, feature.maximum
    if not all(math.isfinite(bound) for bound in (minimum, maximum) if bound is not None):
        raise UserError(f"{where}: min and max must be finite; leave out a bound that does not exist")
    if feature.kind is FeatureKind.FLAG:
        minimum, maximum = 0, 1
    if minimum is not None and maximum is not None and minimum > maximum:
        raise UserError(f"{where}: min {minimum} is above max {maximum}; swap them")
    _refuse_range(feature.kind, minimum, maximum, where)
    on_violation = feature.on_violation or file.on_violation
    return msgspec.structs.replace(feature, name=name, minimum=minimum, maximum=maximum, on_violation=on_violation)


def _refuse_horizon(label: LabelColumn, origin: str) -> None:
    where = f"schema {origin}, label"
    if label.absent == "negative" and label.horizon is None:
        raise UserError(
            f'{where}: absent = "negative" needs a horizon, the time after which silence counts as '
            f'{label.negative!r}; write for example horizon = "30d"'
        )
    if label.absent == "unknown" and label.horizon is not None:
        raise UserError(
            f'{where}: a horizon only makes sense with absent = "negative"; add that, or remove the horizon'
        )
    if label.horizon is None:
        return
    try:
        horizon = parse_duration(label.horizon)
    except ValueError as error:
        raise UserError(f"{where}, horizon: {error}") from None
    if horizon <= 0:
        raise UserError(f"{where}: horizon {label.horizon!r} must be longer than 0; write for example 30d")


def _refuse_range(kind: FeatureKind, minimum: float | None, maximum: float | None, where: str) -> None:
    """Refuse a range in which no number lies that a message may carry."""
    largest = LARGEST_NUMBER if kind is FeatureKind.NUMERIC else LARGEST_INTEGER
    low = -largest if minimum is None else minimum
    high = largest if maximum is None else maximum
    if low > largest or high < -largest:
        raise UserError(f"{where}: numbers beyond {largest:.15g} are never accepted; give min and max in another unit")
    if kind is not FeatureKind.NUMERIC and math.ceil(low) > math.floor(high):
        raise UserError(f"{where}: no whole number lies from min {minimum} to max {maximum}; widen them")


def _refuse_width(features: Sequence[Feature], origin: str) -> None:
    if len(features) > MOST_FEATURES:
        raise UserError(
            f"schema {origin} has {len(features):,} features, but at most {MOST_FEATURES:,} are allowed; name fewer "
            "of them, and the other columns in ignored"
        )
    columns = sum(len(feature.categories) or 1 for feature in features)
    if columns > MOST_COLUMNS:
        most = max(features, key=lambda feature: len(feature.categories))
        raise UserError(
            f"schema {origin}: its features have {columns:,} categories and numbers together, but at most "
            f"{MOST_COLUMNS:,} are allowed; feature {most.name!r} alone has {len(most.categories):,} categories, so "
            "group them into fewer"
        )


def _without_column(feature: Feature) -> dict[str, Any]:
    encoded: dict[str, Any] = msgspec.to_builtins(feature)
    del encoded["column"]
    return encoded


def _refuse_overlap(file: _SchemaFile, origin: str) -> None:
    columns = [name if feature.column is None else feature.column for name, feature in file.features.items()]
    roles = [file.id, file.label.column, *file.private, *file.ignored, *columns]
    twice = sorted(column for column, times in Counter(roles).items() if times > 1)
    if twice:
        raise UserError(f"schema {origin}: column {twice[0]!r} has two roles; give each column one")
    taken = next((name for name in file.features if name in (file.id, file.label.column)), None)
    if taken is not None:
        raise UserError(f"schema {origin}, feature {taken!r}: the id or the label has this name; give it another")
