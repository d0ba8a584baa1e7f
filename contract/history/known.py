"""When the labels of a table's rows were known. Pure."""

from collections.abc import Sequence

import numpy as np

from contract.arrays import Integers, Labels, Mask
from contract.errors import UserError
from contract.rejection import EARLIEST_EVENT_TIME, LATEST_EVENT_TIME
from contract.schema import Schema
from contract.tables.cells import NO_LABEL

NEVER_KNOWN = 2**63 - 1
"""Later than any moment."""


def plausible(times: Integers) -> Mask:
    """Which times (``contract.tables.times.Moments``) a message may have; what lies beyond, such as 1900-01-01 or
    9999-12-31, stands for none."""
    within: Mask = (times >= EARLIEST_EVENT_TIME) & (times <= LATEST_EVENT_TIME)
    return within


def label_known_at(times: Integers, label_times: Integers | None, codes: Labels, schema: Schema) -> Integers:
    """When each row's label was known, in ms; ``NEVER_KNOWN`` where it was not, or nobody can say when.

    A label was known at its own time; where the table has no such times, with its record. One of 0 without a time was
    known by silence, the label's horizon after its record, if the schema says that silence means 0.

    Args:
        times: of the records, ``label_times`` of the labels, both as ``contract.tables.times.Moments`` has them.
        codes: of the labels, as ``contract.tables.cells.label_codes`` gives them.
    """
    came = plausible(times)
    labelled = (codes != NO_LABEL) & came
    if label_times is None:
        return np.where(labelled, times, NEVER_KNOWN).astype(np.int64)
    dated = plausible(label_times)
    known = np.where(dated, label_times, NEVER_KNOWN)
    horizon = schema.label.horizon_ms
    if schema.label.absent == "negative" and horizon is not None:
        silent = (codes == 0) & ~dated & came
        # without a time there is nothing to add the horizon to, and the sum would leave the range of ms
        known = np.where(silent, np.where(silent, times, 0) + horizon, known)
    return np.where(labelled, known, NEVER_KNOWN).astype(np.int64)


def refuse_undated_labels(undated: Sequence[int], labels: Sequence[int], schema: Schema, origin: str) -> None:
    """Where most labels of one value have no time, hardly any of them is ever known: what is learned or measured would
    be of the others alone.

    ``labels`` counts those of 0 and of 1, ``undated`` those of them without a time.

    Raises:
        UserError: it is so, and silence does not say that value either.
    """
    label, time = schema.label, schema.label_time
    if time is None:
        return
    other = "name another column for the labels' times, or leave it out"
    silence = (
        'if no date means that it has not happened, write absent = "negative" and, for example, horizon = "90d" in '
        f"the schema's [label]; else {other}"
    )
    for code, value, remedy in ((1, label.positive, other), (0, label.negative, silence)):
        if undated[code] * 2 <= labels[code] or (code == 0 and label.absent == "negative"):
            continue
        raise UserError(
            f"{origin}: {undated[code]:,} of {labels[code]:,} rows with {value!r} in {label.column!r} have no time in "
            f"{time.column!r}, so these labels would never be known; {remedy}"
        )
