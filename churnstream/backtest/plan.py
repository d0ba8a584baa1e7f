"""What is done with one's own table: which part trains a champion, what is replayed to it, how that is measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from churnstream.backtest.cut import choose_cut, given_cut
from churnstream.backtest.labels import LabelTiming, label_timing
from churnstream.backtest.table import read_dates
from churnstream.backtest.told import about_cut, about_drifts, about_labels, about_windows
from churnstream.backtest.windows import ENOUGH_RECORDS, Windowing, choose_windows, given_windows
from churnstream.demo.plan import RunPlan
from churnstream.demo.scenario import REPLAY_SECONDS
from contract.arrays import Integers
from contract.dates.columns import zone_of
from contract.durations import DAY, format_duration
from contract.errors import UserError
from contract.schema import Schema
from contract.split.held_out import held_out
from contract.tables.cells import OTHER_LABEL
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.reading import open_table
from contract.tables.times import TimeOptions, parse_moment
from producer.options import format_time, parse_span

HELD_OUT_SHARE = 0.5
"""Of the customers of a table without dates: they are replayed, the others are learned from."""
_BY_CUSTOMER = ("--split", "customer")  # the replay is the test by time
SIMULATED_SPAN = 30 * DAY
"""Event time that the rows of a table without dates are spread over."""
_SIMULATED_DELAY, _SIMULATED_LATENESS = "exponential:mean=3d,max=10d", 10 * DAY
_ENOUGH_CHURNERS = 50
"""Expected in a usual window, so that what is said of those who leave is no chance."""
_FASTEST = 4_000
"""Records per second of wall time that any machine scores; a longer replay goes at full speed."""
_TRAINED_A_SECOND = 500
_ODD = "rows have a label that is neither of the two values: they are not trained on, and are replayed without a label"
_MIN_RECORDS = 200
"""The default of the setting ``min_records``."""


@dataclass(frozen=True)
class Wishes:
    """What a user has asked for; None and empty where nothing was. Durations and moments as texts.

    ``by_date``: the table's dates are used where there are any. ``force``: the model scores whatever speaks against it.
    """

    times: TimeOptions = field(default_factory=TimeOptions)
    by_date: bool = True
    until: str | None = None
    label_delay: str | None = None
    window: str | None = None
    slide: str | None = None
    label_lateness: str | None = None
    drifts: tuple[str, ...] = ()
    options: ReadOptions = AS_FOUND
    force: bool = False


@dataclass(frozen=True)
class OwnPlan:
    """What is done with a table of one's own. Durations and moments in ms.

    By its dates: ``learned_until`` and ``since`` are where the part ends that is learned from, and where the part
    begins that is replayed. Without dates both are None, and the customers that are replayed are held out.

    ``odd_labels`` rows hold another value than the label's two: they are replayed without a label.
    ``rows`` are replayed, ``learned`` is about how many are learned from. ``span``: event time that the replay takes,
    labels included. ``label_delay``: the delay of labels as the replay takes it, None where the table dates them.
    """

    table: Path
    wishes: Wishes
    windowing: Windowing
    timing: LabelTiming
    rows: int
    learned: int
    span: int
    label_delay: str | None
    told: tuple[str, ...]
    odd_labels: int = 0
    learned_until: int | None = None
    since: int | None = None

    @property
    def by_date(self) -> bool:
        return self.since is not None

    @property
    def period(self) -> str:
        """Event time that rows without dates are spread over."""
        return format_duration(SIMULATED_SPAN)

    @property
    def training_arguments(self) -> list[str]:
        """Those of ``churnstream train``."""
        forced = ["--force"] if self.wishes.force else []
        if self.learned_until is None:
            return [*self._source, *forced, "--test-share", str(HELD_OUT_SHARE), *_BY_CUSTOMER]
        until = ["--until", format_time(self.learned_until)]
        return [*self._source, *forced, *time_flags(self.wishes.times), *until, *_BY_CUSTOMER]

    @property
    def replay_arguments(self) -> list[str]:
        """Those of ``churnstream replay``."""
        delay = [] if self.label_delay is None else ["--label-delay", self.label_delay]
        drifts = [argument for drift in self.wishes.drifts for argument in ("--drift", drift)]
        pace = []
        if self.rows <= REPLAY_SECONDS * _FASTEST:
            # so that one can watch
            speed, rate = self.span / 1_000 / REPLAY_SECONDS, self.rows / REPLAY_SECONDS
            pace = ["--speed", f"{max(speed, 1):.0f}"] if self.by_date else ["--rate", f"{max(rate, 1):.0f}"]
        if self.since is not None:
            which = [*time_flags(self.wishes.times), "--since", format_time(self.since)]
        else:
            which = ["--no-own-dates", "--only", "held-out", "--test-share", str(HELD_OUT_SHARE)]
            which += ["--period", self.period]
        odd = ["--other-labels", "unknown"] if self.odd_labels else []
        return [*self._source, *which, *pace, *delay, *odd, *drifts]

    @property
    def variables(self) -> dict[str, str]:
        """The settings of the stream that measures it."""
        return {
            "CHURNSTREAM_WINDOW": format_duration(self.windowing.window),
            "CHURNSTREAM_SLIDE": format_duration(self.windowing.slide),
            "CHURNSTREAM_LABEL_LATENESS": format_duration(self.timing.lateness),
            "CHURNSTREAM_LABEL_TOLERANCE": format_duration(self.timing.tolerance),
        }

    def as_run(self, schema_file: Path) -> RunPlan:
        """The same as a run on this machine, under the schema in a file."""
        return RunPlan(
            lambda _folder: (self.training_arguments, self.replay_arguments),
            {"CHURNSTREAM_DATASET": str(schema_file), **self.variables},
            self.told,
            training_seconds=max(300.0, self.learned / _TRAINED_A_SECOND),
            own_dates=True,
        )

    @property
    def _source(self) -> list[str]:
        return ["--data", str(self.table), *read_flags(self.wishes.options)]


def own_table_plan(table: Path, schema: Schema, wishes: Wishes) -> OwnPlan:
    """The plan for a table under a schema, which has the columns of time that were asked for.

    Raises:
        UserError: the table cannot be read, or cannot be cut into a part to learn from and one to replay.
    """
    if schema.time is not None and wishes.by_date:
        return _by_date(table, schema, wishes)
    for option, given in (("--until", wishes.until), ("--label-delay", wishes.label_delay)):
        if given is not None:
            raise UserError(f"{option} needs a table with dates; name their column with --time-column")
    return _by_customer(table, schema, wishes)


def _by_date(table: Path, schema: Schema, wishes: Wishes) -> OwnPlan:
    if schema.label_time is not None and wishes.label_delay is not None:
        raise UserError(
            f"--label-delay and column {schema.label_time.column!r} both say when labels were known; leave out one of "
            f"them"
        )
    delay = parse_span(wishes.label_delay or "0s", "--label-delay")
    dates = read_dates(table, schema, delay, wishes.options)
    rows, origin = dates.rows, str(table)
    if wishes.until is None or schema.time is None:
        cut = choose_cut(rows, origin)
    else:
        cut = given_cut(rows, parse_moment(wishes.until, zone_of(schema.time), "--until"), origin)
    times = rows.times[rows.times >= cut.at]
    windowing = _windowing(times, dates.positives / max(dates.labelled, 1), wishes)
    delays = np.array([delay]) if schema.label_time is None else dates.delays_since(cut.at)
    timing = _waiting(label_timing(delays, schema.label.horizon_ms), wishes)
    label_column = None if schema.label_time is None else schema.label_time.column
    told = (
        *dates.said,
        *_left_out(dates.untimed, "rows have no usable time and are left out"),
        *_left_out(dates.odd, _ODD),
        about_cut(cut),
        about_windows(windowing, _MIN_RECORDS),
        *about_labels(timing, label_column, delay),
        *about_drifts(wishes.drifts),
    )
    return OwnPlan(
        table,
        wishes,
        windowing,
        timing,
        rows=len(times),
        learned=cut.known,
        span=int(times.max() - times.min()) + timing.lateness,
        label_delay=None if schema.label_time else format_duration(delay),
        told=told,
        odd_labels=dates.odd,
        # a label that comes some time after its row was not known before
        learned_until=cut.at if schema.label_time else cut.at - delay,
        since=cut.at,
    )


def _by_customer(table: Path, schema: Schema, wishes: Wishes) -> OwnPlan:
    opened = open_table(table, schema, str(table), options=wishes.options)
    rows = replayed = positives = labelled = odd = 0
    for chunk in opened.chunks():
        codes = chunk[schema.label.column].to_numpy(np.int64)
        rows += len(codes)
        labelled += int((codes >= 0).sum())
        positives += int((codes == 1).sum())
        odd += int((codes == OTHER_LABEL).sum())
        replayed += int(held_out(chunk[schema.id_column].tolist(), share=HELD_OUT_SHARE).sum())
    if not 0 < replayed < rows:
        raise UserError(
            f"{table} has {rows:,} rows from too few customers to train on some and replay the others; give a table "
            f"with more customers"
        )
    times = np.arange(replayed, dtype=np.int64) * SIMULATED_SPAN // replayed
    windowing = _windowing(times, positives / max(labelled, 1), wishes)
    timing = _waiting(LabelTiming(_SIMULATED_LATENESS, 0, 0, 0, None), wishes)
    told = (
        "no dates of the table are used, so order and dates are SIMULATED: its rows are spread over 30 days in file "
        "order, and labels come up to ten days later. If a column holds dates, name it with --time-column",
        f"the customers are split by a hash of their id: a champion learns from {rows - replayed:,} rows, and the "
        f"{replayed:,} rows of the other customers are replayed",
        *_left_out(odd, _ODD),
        about_windows(windowing, _MIN_RECORDS),
        *about_drifts(wishes.drifts),
    )
    return OwnPlan(
        table,
        wishes,
        windowing,
        timing,
        rows=replayed,
        learned=rows - replayed,
        span=SIMULATED_SPAN + timing.lateness,
        label_delay=_SIMULATED_DELAY,
        told=told,
        odd_labels=odd,
    )


def _windowing(times: Integers, churn: float, wishes: Wishes) -> Windowing:
    enough = max(ENOUGH_RECORDS, round(_ENOUGH_CHURNERS / max(churn, 1e-3)))
    found = choose_windows(times, enough, _MIN_RECORDS)
    if wishes.window is None and wishes.slide is None:
        return found
    slide = None if wishes.slide is None else _some("--slide", wishes.slide)
    if wishes.window is not None:
        window = _some("--window", wishes.window)
        slide = slide or (found.slide if window % found.slide == 0 else window)
    else:
        slide = slide or found.slide
        window = max(found.window // slide, 1) * slide
    if window % slide:
        raise UserError("--window must be a multiple of --slide, such as 28d and 7d")
    return given_windows(times, window, slide)


def _some(option: str, text: str) -> int:
    span = parse_span(text, option)
    if span <= 0:
        raise UserError(f"{option} got {text}; give a duration above zero, such as 7d")
    return span


def _waiting(timing: LabelTiming, wishes: Wishes) -> LabelTiming:
    """As long as was asked for; then it is not told what comes later."""
    if wishes.label_lateness is None:
        return timing
    return timing._replace(lateness=parse_span(wishes.label_lateness, "--label-lateness"), beyond=0)


def _left_out(rows: int, what: str) -> Sequence[str]:
    return (f"{rows:,} {what}",) if rows else ()


def read_flags(options: ReadOptions) -> list[str]:
    """The flags that say how a table is read."""
    named = (("--sheet", options.sheet), ("--encoding", options.encoding))
    return [part for flag, value in named if value is not None for part in (flag, value)]


def time_flags(times: TimeOptions) -> list[str]:
    """The flags that name a table's columns of time."""
    named = (
        ("--time-column", times.column),
        ("--time-format", times.format),
        ("--time-zone", times.zone),
        ("--label-time-column", times.label_column),
    )
    return [part for flag, value in named if value is not None for part in (flag, value)]
