"""What was known at a moment: which rows of a table had come by then, and of which the label was known. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from contract.arrays import Mask
from contract.dates.columns import zone_of
from contract.errors import UserError
from contract.schema import Schema
from contract.tables.times import EVENT_TIME, LABEL_TIME, LEAST_TIME, parse_moment


@dataclass(frozen=True)
class Past:
    """The rows before ``until`` (ms since 1970, as ``text`` has it).

    ``later`` rows came at that time or after it, ``untimed`` ones have no time that can be read, and of ``unknown``
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
            (self.untimed, "rows without a time that can be read are left out"),
        )
        return tuple(f"{what} ({count:,})" for count, what in counts if count)


def before(frame: pd.DataFrame, schema: Schema, until: str, origin: str) -> tuple[pd.DataFrame, Past]:
    """The rows that had come before ``until`` and whose labels were known by then, in their order.

    ``frame`` is as ``contract.tables.reading.SchemaTable.chunks`` gives it, with times. A label was known at its own
    time; where the schema names no ``label_time``, with its record. One of 0 that has no time is known by silence when
    the label's horizon has passed, if the schema says so; any other without a time was not known.

    Raises:
        UserError: the schema names no ``time``, ``until`` is no time, or no row is left.
    """
    if schema.time is None:
        raise UserError(
            f"--until needs to know when the rows of {origin} came; name the column that says so with --time-column, "
            f"or as time in the schema"
        )
    moment = parse_moment(until, zone_of(schema.time), "--until")
    times = frame[EVENT_TIME].to_numpy()
    timed: Mask = times >= LEAST_TIME
    earlier = timed & (times < moment)
    kept = earlier & _known(frame, schema, moment)
    past = Past(
        moment,
        until,
        later=int((timed & ~earlier).sum()),
        untimed=int((~timed).sum()),
        unknown=int((earlier & ~kept).sum()),
    )
    if not kept.any():
        raise UserError(
            f"{origin} has no row before --until {until} whose label was known by then ({past.later:,} came later, of "
            f"{past.unknown:,} the label did); give a later time"
        )
    return frame[kept].reset_index(drop=True), past


def _known(frame: pd.DataFrame, schema: Schema, moment: int) -> Mask:
    """Which rows' labels were known before ``moment``."""
    if schema.label_time is None:
        return np.ones(len(frame), dtype=bool)
    label_times, codes = frame[LABEL_TIME].to_numpy(), frame[schema.label.column].to_numpy()
    dated: Mask = label_times >= LEAST_TIME
    known = dated & (label_times < moment)
    horizon = schema.label.horizon_ms
    if schema.label.absent == "negative" and horizon is not None:
        silent = (codes == 0) & ~dated & (frame[EVENT_TIME].to_numpy() + horizon < moment)
        known = known | silent
    return np.asarray(known, dtype=bool)
