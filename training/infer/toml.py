"""A guessed schema as TOML, its doubts as comments. Pure."""

import json
from collections.abc import Sequence

from contract.schema import Feature, FeatureKind
from training.infer.draft import Draft, DraftFeature, LabelGuess, TimeGuess

_SILENCE = (
    "# What it means on the stream when no label comes for a customer who was scored: nothing (unknown), so the record",
    '# counts in no realised metric. Where only those who leave are reported, write absent = "negative", and after',
    '# what time silence means that the customer stayed, such as horizon = "30d".',
)
_SEGMENTS = (
    "# Groups of customers that are monitored separately, beside all customers together: each category of a feature,",
    "# or bands of its numbers. Uncomment those that you want, and write protected = true in one whose",
    "# groups the model must not treat worse than others.",
)
_MOST_CATEGORIES = 20
"""Categories of a feature that is proposed for segments."""


def draft_toml(draft: Draft, name: str, origin: str) -> str:
    """The draft of the data set ``name``, made from the table ``origin``; what must be decided is a comment.

    Private columns are named; of their cells, and of those of columns that are ignored, nothing is shown.
    """
    lines = [
        f"# Draft of a schema, guessed from {plain(origin)}: read it through before you use it.",
        "# Each feature's range is wider than what was seen, and a value outside is dead-lettered when scored",
        '# (on_violation = "score" would score it, and count it).',
        *(f"# Note: {plain(repair)}." for repair in draft.repairs),
        *(f"# DOUBT: {plain(doubt)}." for doubt in draft.doubts),
        "",
        f"name = {_text(name)}",
        "version = 1",
        f"id = {_text(draft.id_column)}",
        *_columns("private", [(column, "") for column in draft.private], "personal data: never leaves the source"),
        *_columns("ignored", [(unused.column, unused.reason) for unused in draft.ignored], "no features"),
        'on_violation = "reject"',
        *_times(draft.times),
        "",
        *_label(draft.label, draft.times),
        *_segments(draft.features),
    ]
    for feature in draft.features:
        lines += ["", *_feature(feature)]
    return "\n".join(lines) + "\n"


def _times(times: TimeGuess | None) -> list[str]:
    if times is None:
        return []
    lines = [
        f"time = {_text(times.column)}  # the moment that each row describes; [time] can give its format and zone, too"
    ]
    if times.label_column is not None:
        lines.append(f"label_time = {_text(times.label_column)}  # when its label was known")
    return lines


def _label(label: LabelGuess | None, times: TimeGuess | None) -> list[str]:
    if label is None:
        return [
            "# DECIDE: which column tells who left, and by which of its values?",
            "# [label]",
            "# column = ",
            "# positive = 1",
            "# negative = 0",
            *_SILENCE,
            '# absent = "unknown"',
        ]
    return [
        "[label]",
        f"column = {_text(label.column)}",
        f"positive = {_value(label.positive)}",
        f"negative = {_value(label.negative)}",
        *_SILENCE,
        *_absent(times),
    ]


def _absent(times: TimeGuess | None) -> list[str]:
    if times is None or times.horizon_days is None:
        return ['absent = "unknown"']
    return ['absent = "negative"', f'horizon = "{times.horizon_days}d"']


def _segments(features: Sequence[DraftFeature]) -> list[str]:
    """The first feature with few categories, and the first with bands, as an example that is none of the schema."""
    named = [one.feature for one in features if 1 < len(one.feature.categories) <= _MOST_CATEGORIES]
    banded = [(one.feature, bands) for one in features if (bands := _bands(one))]
    if not named and not banded:
        return []
    lines = ["", *_SEGMENTS]
    for feature in named[:1]:
        lines.append(f"# [segments.{_key(feature)}]")
    for feature, bands in banded[:1]:
        lines += [f"# [segments.{_key(feature)}]", f"# bands = [{', '.join(map(_number, bands))}]"]
    return lines


def _bands(draft: DraftFeature) -> list[float]:
    """Three bounds evenly over what was seen, in two digits; none where these are not enough to tell them apart."""
    if draft.feature.kind is not FeatureKind.NUMERIC or draft.seen is None:
        return []
    low, high = draft.seen
    bands = [float(f"{low + (high - low) * part:.2g}") for part in (0.25, 0.5, 0.75)]
    return bands if low < bands[0] < bands[1] < bands[2] < high else []


def _columns(key: str, columns: list[tuple[str, str]], why: str) -> list[str]:
    if not columns:
        return []
    if not any(reason for _, reason in columns):
        return [f"{key} = [{', '.join(_text(column) for column, _ in columns)}]  # {why}"]
    listed = [f"    {_text(column)},  # {plain(reason)}" for column, reason in columns]
    return [f"{key} = [  # {why}", *listed, "]"]


def _feature(draft: DraftFeature) -> list[str]:
    feature = draft.feature
    lines = [*(f"# DOUBT: {plain(doubt)}." for doubt in draft.doubts), f"[features.{_key(feature)}]"]
    if feature.column is not None:
        lines.append(f"column = {_text(feature.column)}")
    lines.append(f"kind = {_text(feature.kind)}")
    if feature.kind is FeatureKind.CATEGORICAL:
        lines.append(f"categories = [{', '.join(map(_text, feature.categories))}]")
    lines += _bounds(feature, draft.seen)
    if feature.missing:
        lines.append("missing = true")
    return lines


def _key(feature: Feature) -> str:
    return feature.name if feature.name.isascii() else _text(feature.name)


def _bounds(feature: Feature, seen: tuple[float, float] | None) -> list[str]:
    if seen is None or feature.minimum is None or feature.maximum is None:
        return []
    return [
        f"min = {_number(feature.minimum)}  # seen: {_number(seen[0])} to {_number(seen[1])}",
        f"max = {_number(feature.maximum)}",
    ]


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _value(value: int | str) -> str:
    return str(value) if isinstance(value, int) else _text(value)


def _text(value: str) -> str:
    """A basic string: JSON's escapes are TOML's, which also wants DEL escaped."""
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def plain(text: str) -> str:
    """Text for a comment, on one line."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
