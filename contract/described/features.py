"""What a value of a feature must be: in words, as JSON Schema has it, and one that will do."""

import math
from typing import Any

from contract.bounds import LONGEST_CATEGORY
from contract.schema import Feature, FeatureKind

_A_TEXT = f"a text of at most {LONGEST_CATEGORY:,} characters"


def expected(feature: Feature) -> str:
    """What a value of a feature must be, in words."""
    if feature.is_categorical:
        said = "one of " + ", ".join(feature.categories) if feature.on_violation == "reject" else _A_TEXT
    elif feature.kind is FeatureKind.FLAG and feature.on_violation == "reject":
        said = "0 or 1"
    else:
        said = "a number" if feature.kind is FeatureKind.NUMERIC else "a whole number"
        if feature.on_violation == "reject":
            low, high = feature.minimum, feature.maximum
            said += f" from {low:,.15g}" if low is not None else ""
            said += (" to " if low is not None else " up to ") + f"{high:,.15g}" if high is not None else ""
    return f"{said}, or null" if feature.missing else said


def example_value(feature: Feature) -> float | int | str:
    """A value that a feature may have."""
    if feature.is_categorical:
        return feature.categories[0]
    high = feature.maximum
    low = min(0, math.floor(high or 0)) if feature.minimum is None else feature.minimum
    value = low + 20 if high is None else min(low + 20, (low + high) / 2)
    return float(value) if feature.kind is FeatureKind.NUMERIC else max(math.floor(value), math.ceil(low))


def with_plain_integers(part: Any) -> Any:
    """A copy of a JSON Schema in which whole numbers are ``integer``, which ``1.0`` is there, and no two types."""
    if isinstance(part, list):
        return [with_plain_integers(each) for each in part]
    if not isinstance(part, dict):
        return part
    copied = {name: with_plain_integers(each) for name, each in part.items()}
    options = copied.get("anyOf", [])
    if any(option.get("type") == "integer" for option in options):
        options = copied["anyOf"] = [option for option in options if option.get("multipleOf") != 1]
        if len(options) == 1:
            copied = {name: each for name, each in copied.items() if name != "anyOf"} | options[0]
    return copied
