"""What a report shows of a window, and within which bounds: columns, values of a column, characters of a value. Pure.

Values come from whoever writes to the stream, and are text also to Plotly, which draws them and knows some tags.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape

import numpy as np
import pandas as pd

from contract.models.bundle import SCORE_COLUMN
from contract.schema import Schema
from contract.windows import FeatureDrift

MAX_ROWS = 5_000
"""Most rows of either side in a report."""
MAX_COLUMNS = 40
"""Most columns in a report, the score among them."""
MAX_VALUES = 20
"""Most values of a categorical column that are told apart; the rarer ones are one more."""
MAX_TEXT = 60
"""Most characters of a value that are shown."""
OTHER = "other"
_BINS = (10, "doane")  # what Evidently asks NumPy for
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$])")


def screen(
    current: pd.DataFrame, reference: pd.DataFrame, schema: Schema, drift: Mapping[str, FeatureDrift]
) -> dict[str, str]:
    """Why each column that is not shown is not: unknown to the schema, absent, empty, constant, too narrow for a
    histogram, not judged, or one too many.

    Of the columns that can be shown, the score and those that drifted come first, then the largest distances.
    """
    known = (*schema.names, SCORE_COLUMN)
    sides = {"current data": current, "reference data": reference}
    reasons: dict[str, str] = {}
    for name in known:
        for side, frame in sides.items():
            reason = _unfit(frame, name, schema, is_drifted=name in drift and drift[name].drifted)
            if reason is not None:
                reasons.setdefault(name, f"{reason} in the {side}")
        if name not in drift:
            reasons.setdefault(name, "not judged")
    fit = [name for name in known if name not in reasons]
    fit.sort(key=lambda name: (name != SCORE_COLUMN, not drift[name].drifted, -drift[name].distance))
    reasons |= dict.fromkeys(fit[MAX_COLUMNS:], f"beyond the {MAX_COLUMNS} columns that a report shows")
    unknown = [str(name) for name in current.columns if name not in known]
    return reasons | dict.fromkeys(unknown, "not in the schema")


def _unfit(frame: pd.DataFrame, name: str, schema: Schema, *, is_drifted: bool) -> str | None:
    if name not in frame.columns:
        return "absent"
    values = frame[name].dropna()
    distinct = values.nunique()
    if distinct == 0:
        return "empty"
    # a drifted column may well be constant: hiding it would hide the drift
    if distinct == 1:
        return None if is_drifted else "constant"
    return None if name in schema.categorical or _has_histogram(values) else "too narrow for a histogram"


def _has_histogram(values: "pd.Series[float]") -> bool:
    numbers = values.to_numpy(dtype=np.float64)
    try:
        with np.errstate(all="ignore"):
            parts = [np.histogram(numbers, bins=bins, density=True) for bins in _BINS]
    except (ValueError, OverflowError, MemoryError):
        return False
    return all(bool(np.isfinite(part).all()) for drawn in parts for part in drawn)


def rows_of(frame: pd.DataFrame, shown: list[str], schema: Schema) -> pd.DataFrame:
    """At most ``MAX_ROWS`` rows with the columns ``shown``: categorical ones object, the others float64."""
    rows = frame[shown]
    if len(rows) > MAX_ROWS:
        rows = rows.sample(MAX_ROWS, random_state=0)
    types = {name: object if name in schema.categorical else float for name in shown}
    return rows.astype(types).reset_index(drop=True)


def flags_of(current: pd.DataFrame, reference: pd.DataFrame, numeric: Iterable[str]) -> list[str]:
    """Those of the ``numeric`` columns that have no value but 0 and 1 on either side, which are drawn as categories."""
    return [name for name in numeric if all(side[name].dropna().isin((0, 1)).all() for side in (current, reference))]


def as_shown(
    current: pd.DataFrame, reference: pd.DataFrame, categories: Iterable[str]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Both sides with the columns ``categories`` as they are to be drawn, and by column what that leaves out."""
    current, reference = current.copy(), reference.copy()
    notes: dict[str, str] = {}
    for name in categories:
        counts = current[name].value_counts().add(reference[name].value_counts(), fill_value=0)
        by_count = [value for value, _ in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))]
        kept, rare = by_count[:MAX_VALUES], by_count[MAX_VALUES:]
        texts = _texts(kept)
        other = OTHER
        while other in texts.values():
            other = f"({other})"
        texts |= dict.fromkeys(rare, other)
        for frame in (current, reference):
            frame[name] = frame[name].map(texts).astype(object)
        note = [f"{len(rare):,} rare values are {other!r}"] if rare else []
        note += [f"texts are cut at {MAX_TEXT} characters"] if any(len(str(value)) > MAX_TEXT for value in kept) else []
        if note:
            notes[name] = ", ".join(note)
    return current, reference, notes


def _texts(values: Iterable[object]) -> dict[object, str]:
    """A text for each value that Plotly draws as it stands, cut to ``MAX_TEXT`` characters, and no text twice."""
    texts: dict[object, str] = {}
    for value in values:
        whole = f"{value:g}" if isinstance(value, float) else str(value)
        text = whole if len(whole) <= MAX_TEXT else f"{whole[: MAX_TEXT - 1]}…"
        text = escape("".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text))
        number = 1
        unique = text
        while unique in texts.values():
            number += 1
            unique = f"{text} ({number})"
        texts[value] = unique
    return texts


def plain(text: str) -> str:
    """Markdown that shows ``text`` as it stands."""
    return _MARKDOWN.sub(r"\\\1", text)
