"""Windows as a table: one row a window, its newest revision."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pandas as pd
from confluent_kafka import Message

from churnstream.frames.moments import Moment, TimeSpan, frame, span
from churnstream.frames.reading import read_newest
from contract.errors import UserError
from contract.settings import Settings, load_settings
from contract.topics import WINDOWS
from contract.windows import Estimated, Performance, Window, decode_window

MOST_WINDOWS = 100_000
"""Some 0.8 GB while a table is made: the hourly windows of a model over eleven years."""
_KEY = re.compile(r"(?P<name>.+)/\d+/[a-z]+/(?P<start>-?\d{1,15})", re.DOTALL)
_COUNTS = ("tn", "fp", "fn", "tp")
_ESTIMATED = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")
_REALISED = (*_ESTIMATED, "log_loss")
_TIMES = ("start", "end", "untrusted_since")


def _types() -> Iterator[tuple[str, str]]:
    yield from (("model", "object"), ("version", "int64"), ("role", "object"), ("start", ""), ("end", ""))
    yield from (("status", "object"), ("revision", "int64"), ("records", "int64"), ("labelled", "int64"))
    yield from (("inferred", "int64"), ("coverage", "float64"), ("threshold", "float64"))
    for kind, metrics in (("realised", _REALISED), ("nowcast", _ESTIMATED), ("estimated", _ESTIMATED)):
        yield from ((f"{kind}_{count}", "float64") for count in _COUNTS)
        yield from ((f"{kind}_{metric}{end}", "float64") for metric in metrics for end in ("", "_low", "_high"))
    yield from (("drift_judged", "bool"), ("drifted", "bool"), ("drift_share", "float64"))
    yield from (("drifted_columns", "object"), ("customers", "float64"), ("design_effect", "float64"))
    yield from (("delay_p50_hours", "float64"), ("observed_per_expected", "float64"), ("relation_slope", "float64"))
    yield from (("relation_p_value", "float64"), ("relation_changed", "boolean"), ("brier_excess", "float64"))
    yield from (("untrusted_since", ""), ("dead_letters", "int64"), ("missing", "int64"), ("violations", "int64"))


WINDOW_COLUMNS = dict(_types())
"""Columns that each table has, in their order, with their types in pandas; the times are ``datetime64[ms, UTC]``.
Behind them comes ``distance_<column>`` for each column that was judged.
"""


def read_windows(
    settings: Settings | None = None,
    *,
    final: bool = False,
    model: str | None = None,
    since: Moment = None,
    until: Moment = None,
    most: int = MOST_WINDOWS,
) -> pd.DataFrame:
    """The windows of a stream, in the order of model, version, role and start; without any the table is empty.

    Args:
        settings: of the stream; those of the environment unless given.
        final: only those that are final. A window that is revised after that has its newest revision.
        model: only this registered model's.
        since: only those that start then or later; ISO 8601, a datetime (UTC unless it says otherwise), or ms.
        until: only those that start before it.
        most: more windows than these are refused, because all are in memory.

    Raises:
        UserError: the broker does not answer, there is no such stream, a time is none, or there are more than ``most``.
    """
    reader = _WindowRows(model, span(since, until), most)
    read_newest(settings or load_settings(), WINDOWS, reader.take)
    rows = [row for row in reader.rows.values() if row["status"] == "final" or not final]
    rows.sort(key=lambda row: (row["model"], row["version"], row["role"], row["start"]))
    return frame(rows, WINDOW_COLUMNS, _TIMES)


class _WindowRows:
    def __init__(self, model: str | None, within: TimeSpan, most: int) -> None:
        self.rows: dict[bytes, dict[str, Any]] = {}
        self._model = model
        self._within = within
        self._most = most

    def take(self, message: Message) -> None:
        key, value = message.key() or b"", message.value()
        found = _KEY.fullmatch(key.decode(errors="replace"))
        if found is None or self._model not in (None, found["name"]) or not self._within.holds(int(found["start"])):
            return
        if value is None:
            self.rows.pop(key, None)
            return
        try:
            self.rows[key] = window_row(decode_window(value))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # none of ours
        if len(self.rows) > self._most:
            raise UserError(f"there are more than {self._most:,} windows; ask for a shorter time, or for one model")


def window_row(window: Window) -> dict[str, Any]:
    """A window's columns; times in ms. A value that is not known is None."""
    relation, worsening = window.relation, window.worsening
    row: dict[str, Any] = {
        "model": window.model.name,
        "version": window.model.version,
        "role": window.model.role,
        "start": window.start,
        "end": window.end,
        "status": window.status,
        "revision": window.revision,
        "records": window.records,
        "labelled": window.labelled,
        "inferred": window.inferred,
        "coverage": window.coverage,
        "threshold": window.threshold,
        "drift_judged": window.drift.judged,
        "drifted": window.drift.drifted,
        "drift_share": window.drift.share if window.drift.judged else None,
        "drifted_columns": "; ".join(window.drift.drifted_columns),
        "customers": window.customers,
        "design_effect": None if window.customers is None else window.design_effect,
        "delay_p50_hours": window.delay_p50_hours,
        "untrusted_since": window.untrusted_since,
        "dead_letters": sum(window.dead_letters.values()),
        "missing": sum(window.missing.values()),
        "violations": sum(window.violations.values()),
    }
    if relation is not None:
        expected = relation.expected.value
        row["observed_per_expected"] = relation.observed / expected if expected else None
        row["relation_slope"] = None if relation.slope is None else relation.slope.value
        row["relation_p_value"] = relation.p_value
        row["relation_changed"] = relation.changed
    if worsening is not None:
        row["brier_excess"] = worsening.excess.value
    row |= _measured(window.performance)
    row |= _estimated("estimated", window.estimated)
    if window.nowcast is not None:
        row |= _estimated("nowcast", window.nowcast.performance)
    return row | {f"distance_{name}": feature.distance for name, feature in window.drift.features.items()}


def _measured(performance: Performance) -> dict[str, Any]:
    if not performance.labelled:
        return {}
    row = {f"realised_{name}": getattr(performance, name) for name in (*_COUNTS, *_REALISED)}
    for name, (low, high) in performance.intervals.items():
        if name in _REALISED:
            row[f"realised_{name}_low"], row[f"realised_{name}_high"] = low, high
    return row


def _estimated(kind: str, found: Estimated) -> dict[str, Any]:
    if not found.records:
        return {}
    row = {f"{kind}_{name}": getattr(found, name) for name in _COUNTS}
    for name in _ESTIMATED:
        metric = getattr(found, name)
        if metric is not None:
            row[f"{kind}_{name}"] = metric.value
            row[f"{kind}_{name}_low"], row[f"{kind}_{name}_high"] = metric.low, metric.high
    return row
