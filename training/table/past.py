"""What was known at a moment: which rows of a table had come by then, and of which the label was known. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from contract.dates.columns import zone_of
from contract.errors import UserError
from contract.history.known import label_known_at, plausible, refuse_undated_labels
from contract.schema import Schema
from contract.tables.times import EVENT_TIME, LABEL_TIME, parse_moment


@dataclass(frozen=True)
class Past:
    """The rows before ``until`` (ms since 1970, as ``text`` has it).

    ``later`` rows came at that time or after it, ``untimed`` ones have no usable time, and of ``unknown``
    ones the label was not known yet.
    """

    until: int
    text: str
    later: int
    untimed: int
    unknown: int

    @property
    def moment(self) -> str:
        """``until`` in ISO 8601, UTC."""
        return datetime.fromtimestamp(self.until / 1_000, UTC).isoformat()

    @property
    def said(self) -> tuple[str, ...]:
        """What is left out, one clause each."""
        counts = (
            (self.later, f"rows of {self.text} and later are left out"),
            (self.unknown, f"rows whose label was not known before {self.text} are left out"),
            (self.untimed, "rows without a usable time are left out"),
        )
        return tuple(f"{what} ({count:,})" for count, what in counts if count)


def before(frame: pd.DataFrame, schema: Schema, until: str, origin: str) -> tuple[pd.DataFrame, Past]:
    """The rows that had come before ``until`` and whose labels were known by then, in their order.

    ``frame`` is as ``contract.tables.reading.SchemaTable.chunks`` gives it, with times. When a label was known says
    ``contract.history.known``.

    Raises:
        UserError: the schema names no ``time``, ``until`` is no time, no row is left, or most labels of one value have
            no time.
    """
    if schema.time is None:
        raise UserError(
            f"--until needs to know when the rows of {origin} came; name the column that says so with --time-column, "
            f"or as time in the schema"
        )
    moment = parse_moment(until, zone_of(schema.time), "--until")
    times = frame[EVENT_TIME].to_numpy()
    timed = plausible(times)
    earlier = timed & (times < moment)
    label_times = frame[LABEL_TIME].to_numpy() if schema.label_time is not None else None
    codes = frame[schema.label.column].to_numpy().astype(np.int64)
    if label_times is not None:
        undated = [int(((codes == code) & earlier & ~plausible(label_times)).sum()) for code in (0, 1)]
        labels = [int(((codes == code) & earlier).sum()) for code in (0, 1)]
        refuse_undated_labels(undated, labels, schema, origin)
    kept = earlier & (label_known_at(times, label_times, codes, schema) < moment)
    past = Past(
        moment,
        until,
        later=int((timed & ~earlier).sum()),
        untimed=int((~timed).sum()),
        unknown=int((earlier & ~kept).sum()),
    )
    if not kept.any():
        raise UserError(
            f"{origin} has no row before --until {until} whose label was known by then ({past.later:,} rows came "
            f"later, and {past.unknown:,} labels did); give a later time"
        )
    return frame[kept].reset_index(drop=True), past
