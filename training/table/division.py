"""Which rows are learned from and which are held out: by customer, or by time. Pure.

By customer, a row's side follows from a hash of its id alone (``contract.split.held_out``), so it stays the same
however a table grows. By time, the newest rows are held out, and only what lay before them, with labels that were known
before them, is learned from: so a model is measured as it will be used. Between the two lies a gap as long as labels
take, whose rows are on neither side: of the youngest rows only the labels that come early would be known, and those are
not like the others.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Integers, Mask
from contract.durations import format_duration, parse_duration
from contract.errors import UserError
from contract.history.known import NEVER_KNOWN, plausible, refuse_undated_labels
from contract.schema import Schema
from contract.split.held_out import SPLIT_RULE, held_out
from training.defaults import Split
from training.table.prepare import MIN_ROWS_OF_CLASS, Table

TIME_RULE = "newest rows"
"""Stands beside ``SPLIT_RULE`` where a version says how its rows were divided."""
LEARNED, HELD_OUT, NEITHER = 0, 1, 2
"""Sides of a row."""
REPEATED_SHARE = 0.01
"""Rows that repeat a customer's id, above which customers count as having several rows."""
_TIMELY = 0.99  # of the labels of each value are known within the gap

Sides = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Division:
    """How rows are divided. ``rows`` are those on a side, ``test`` masks the ones of them that are held out.

    ``sides`` has a side of each row that was read. ``said`` says in a sentence what was done, ``doubt`` what is to be
    thought of. ``learned_before`` is a moment (ms) before which all rows that are learned from lie; None where times
    are not known. By time, rows from ``test_from`` until before ``test_until`` (ms) are held out, ``gap`` (ms) after
    those that are learned from.
    """

    split: Split
    rows: Table
    test: Mask
    sides: Sides
    said: str
    seed: int
    share: float
    doubt: str | None = None
    learned_before: int | None = None
    test_from: int | None = None
    test_until: int | None = None
    gap: int | None = None

    @property
    def rule(self) -> str:
        """Names how rows were divided, so that models that were divided otherwise are told apart."""
        return TIME_RULE if self.split == "time" else SPLIT_RULE


def divide(
    rows: Table, schema: Schema, split: Split | None, *, seed: int, share: float, gap: str | None = None
) -> Division:
    """Divide ``rows``; where ``split`` does not say how, by time if they have times and customers do not repeat.

    ``share`` is that of the customers, or of the rows by time, that is held out, ``gap`` a duration between the two
    sides by time, such as ``30d``; if it is not given it follows from the time that labels take.

    Raises:
        UserError: a side would have too few rows of a label, or times are needed and not known.
    """
    if not 0 < share < 1:
        raise UserError(f"--test-share got {share:g}; give a share between 0 and 1, such as 0.15")
    between = None if gap is None else _duration(gap)
    if split == "time":
        return _by_time(rows, schema, share, seed, between)
    if split == "customer" or rows.times is None:
        if between is not None:
            raise UserError(
                "--gap is the time between past and future rows; give it with --split time and a time column"
            )
        return _by_customer(rows, seed, share, None)
    if rows.duplicates > REPEATED_SHARE * len(rows.y):
        doubt = (
            "customers have several rows, so they are divided by customer although the rows have dates; --split time "
            "tests on the newest rows, of customers that the model knows from earlier ones"
        )
        return _by_customer(rows, seed, share, doubt)
    try:
        return _by_time(rows, schema, share, seed, between)
    except UserError as error:
        if between is not None:
            raise
        return _by_customer(rows, seed, share, f"divided by customer although the rows have dates: {error}")


def _by_customer(rows: Table, seed: int, share: float, doubt: str | None) -> Division:
    test = held_out(rows.customers, seed, share)
    for side, mask in (("held-out", test), ("training", ~test)):
        if len(np.unique(rows.y[mask])) < 2:
            raise UserError(
                f"all {side} rows have the same label, because few customers have many rows each; give a table with "
                f"more customers, or another --split-seed than {seed}"
            )
    of = f" of {_count(rows.customers[test]):,} customers" if rows.duplicates else ""
    said = (
        f"divided by customer: {int((~test).sum()):,} rows are learned from, {int(test.sum()):,}{of} are held out by a "
        f"hash of the id (split seed {seed})"
    )
    return Division(
        "customer",
        rows,
        test,
        np.where(test, HELD_OUT, LEARNED).astype(np.uint8),
        said,
        seed,
        share,
        doubt,
        learned_before=_after(rows.times, ~test),
    )


def _by_time(rows: Table, schema: Schema, share: float, seed: int, gap: int | None) -> Division:
    times, known = rows.times, rows.known
    if times is None or known is None:
        raise UserError(
            "--split time needs to know when rows came; name the column that says so with --time-column, or as time in "
            "the schema"
        )
    timed = plausible(times)
    _refuse_undated(rows, known, timed, schema)
    between = _time_of_labels(rows, timed, schema) if gap is None else gap
    until = None if rows.past is None else rows.past.until - between
    usable = timed if until is None else timed & (times < until)
    start = test_start(times[usable], share)
    test = usable & (times >= start)
    learned = timed & (times < start - between) & (known < start)
    for side, mask in (("held-out", test), ("training", learned)):
        counts = np.bincount(rows.y[mask], minlength=2)
        if counts.min() < MIN_ROWS_OF_CLASS:
            raise UserError(
                f"divided at {_moment(start)} with a gap of {format_duration(between)}, {int(mask.sum()):,} {side} "
                f"rows are left, {counts[1]:,} of them positive, but {MIN_ROWS_OF_CLASS} of each label are needed; "
                "give another --test-share or --gap, or --split customer"
            )
    sides = np.where(test, HELD_OUT, np.where(learned, LEARNED, NEITHER)).astype(np.uint8)
    taken = sides != NEITHER
    kept = _only(rows, taken)
    end = int(times[test].max()) + 1 if until is None else until
    return Division(
        "time",
        kept,
        test[taken],
        sides,
        _said(learned, test, start, between, gap, schema),
        seed,
        share,
        _known_customers(rows, learned, test),
        learned_before=_after(times, learned),
        test_from=start,
        test_until=end,
        gap=between,
    )


def _said(learned: Mask, test: Mask, start: int, between: int, given: int | None, schema: Schema) -> str:
    neither = int((~learned & ~test).sum())
    if between or schema.label_time is not None or given is not None:
        why = "as --gap says" if given is not None else "as long as labels take"
        gap = f"with a gap of {format_duration(between)}, {why}"
    else:
        gap = "without a gap, because the table does not say when labels were known (--gap)"
    left = f"; {neither:,} rows are on neither side" if neither else ""
    return (
        f"divided by time: {int(learned.sum()):,} rows before {_moment(start - between)} are learned from, "
        f"{int(test.sum()):,} from {_moment(start)} on are held out, {gap}{left}"
    )


def _known_customers(rows: Table, learned: Mask, test: Mask) -> str | None:
    again = int(pd.Series(rows.customers[test]).isin(rows.customers[learned]).sum())
    if not again:
        return None
    return (
        f"{again:,} of the {int(test.sum()):,} held-out rows are of customers that the model knows from earlier rows; "
        f"--split customer tests on others"
    )


def _refuse_undated(rows: Table, known: Integers, timed: Mask, schema: Schema) -> None:
    undated = timed & (known == NEVER_KNOWN)
    refuse_undated_labels(
        [int((undated & (rows.y == code)).sum()) for code in (0, 1)],
        [int((timed & (rows.y == code)).sum()) for code in (0, 1)],
        schema,
        "the table",
    )


def _time_of_labels(rows: Table, timed: Mask, schema: Schema) -> int:
    """Within how many ms nearly all labels, of each value, are known; where nobody says, the label's horizon or 0."""
    times, known = rows.times, rows.known
    if schema.label_time is None or times is None or known is None:
        return schema.label.horizon_ms or 0
    longest = 0
    for code in (0, 1):
        dated = timed & (known != NEVER_KNOWN) & (rows.y == code)
        if dated.any():
            longest = max(longest, int(np.quantile(known[dated] - times[dated], _TIMELY, method="higher")))
    return longest


def test_start(times: Integers, share: float) -> int:
    """The moment from which on the share of the rows is nearest to ``share``; never the first one."""
    moments, counts = np.unique(times, return_counts=True)
    if len(moments) < 2:
        raise UserError(
            "all rows are from one moment, so there is no past to learn from and no future to test on; give --split "
            "customer"
        )
    from_here = np.cumsum(counts[::-1])[::-1] / len(times)
    return int(moments[1 + int(np.argmin(np.abs(from_here[1:] - share)))])


def _only(rows: Table, taken: Mask) -> Table:
    """The rows that are ``taken``; the others count as never read, and the hash stays that of all."""
    customers = rows.customers[taken]
    return replace(
        rows,
        X=rows.X[taken].reset_index(drop=True),
        y=rows.y[taken],
        customers=customers,
        times=None if rows.times is None else rows.times[taken],
        known=None if rows.known is None else rows.known[taken],
        rows_read=rows.rows_read - int((~taken).sum()),
        duplicates=int(pd.Series(customers).duplicated().sum()),
    )


def _after(times: Integers | None, learned: Mask) -> int | None:
    if times is None or not plausible(times[learned]).all():
        return None
    return int(times[learned].max()) + 1


def _count(customers: npt.NDArray[np.object_]) -> int:
    return len(pd.unique(customers))


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UserError(f"--gap: {error}") from None


def _moment(milliseconds: int) -> str:
    """In ISO 8601, UTC; a whole day without its clock."""
    moment = datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat()
    return moment.removesuffix("T00:00:00+00:00")
