"""What is told of a table's times before it is replayed: how they are read, and what of it will not arrive."""

import math
from collections.abc import Iterator

import numpy as np

from contract.durations import DAY, format_duration
from contract.rejection import FUTURE_TOLERANCE_MS
from contract.schema import Schema
from contract.settings import Settings
from producer.display import late_labels
from producer.history import HistoryFacts, HistorySource
from producer.options import format_time


def told(source: HistorySource) -> Iterator[str]:
    """How the times are read, and what they span."""
    yield from source.said
    facts = source.facts
    yield f"{len(facts.times):,} records from {format_time(facts.first)} to {format_time(facts.last)}"
    if facts.outside:
        yield f"{facts.outside:,} rows lie outside --since and --until"
    if facts.learned_from:
        yield f"{facts.learned_from:,} rows belong to customers that training learns from, and are not sent"
    if facts.unlabelled:
        yield f"{facts.unlabelled:,} records have no label in the table, and none will come"


def history_warnings(
    facts: HistoryFacts, schema: Schema, settings: Settings, longest_label_delay: int, now: int
) -> Iterator[str]:
    """What is left out, and what will go to the dead letters.

    ``longest_label_delay`` (ms) is of labels whose times the table does not say; ``now`` is wall time in ms.
    """
    yield from _rows_left_out(facts)
    if facts.skipped or facts.doubled:
        yield (
            f"because of clock changes, {facts.skipped:,} times do not exist and are read as the moment after the "
            f"change, and {facts.doubled:,} exist twice and are read as the first"
        )
    if schema.label_time is None and longest_label_delay > settings.label_lateness:
        yield late_labels(longest_label_delay, settings.label_lateness)
    ahead = int((facts.times > now + FUTURE_TOLERANCE_MS).sum())
    if ahead:
        yield (
            f"{ahead:,} records lie more than a day in the future and will be dead-lettered; leave them out with "
            f"--until {format_time(now)}"
        )
    yield from _undated(facts, schema)
    yield from _joined_never(facts, settings)


def already_past(facts: HistoryFacts, reached: int | None, label_lateness: int) -> Iterator[str]:
    """Records that lie further behind what the stream has ``reached`` than the ``label_lateness``, all in ms."""
    if reached is None:
        return
    oldest = reached - label_lateness
    count = int((facts.times < oldest).sum())
    if count:
        yield (
            f"the stream is at {format_time(reached)}, and {count:,} records lie more than "
            f"{format_duration(label_lateness)} (CHURNSTREAM_LABEL_LATENESS) before that. They are too late and will "
            "be dead-lettered; use --resume to skip them, or --stream NAME to replay into a separate stream"
        )


def _rows_left_out(facts: HistoryFacts) -> Iterator[str]:
    counts = (
        (facts.untimed, "have no time"),
        (facts.unreadable, "have a time that cannot be read"),
        (facts.implausible, "have a time before 2000 or after 2200"),
    )
    found = [f"{count:,} {what}" for count, what in counts if count]
    if found:
        yield f"rows are left out: {', '.join(found)} (the first is data row {facts.first_untimed})"


def _undated(facts: HistoryFacts, schema: Schema) -> Iterator[str]:
    label = schema.label
    for code, value in ((1, label.positive), (0, label.negative)):
        if not facts.undated[code]:
            continue
        silent = code == 0 and label.absent == "negative"
        meaning = f"silence means the same after {label.horizon}" if silent else "they will never come"
        yield f"{facts.undated[code]:,} labels of {value!r} have no time, so {meaning}"


def _joined_never(facts: HistoryFacts, settings: Settings) -> Iterator[str]:
    early = int((facts.delays < -settings.label_tolerance).sum())
    if early:
        least = math.ceil(-int(facts.delays.min()) / DAY)
        yield (
            f"{early:,} labels are dated before their record, by up to {format_duration(-int(facts.delays.min()))}, "
            f"and will be dead-lettered; CHURNSTREAM_LABEL_TOLERANCE={least}d lets them join (1d where labels carry no "
            f"time of day)"
        )
    late = facts.delays[facts.delays > settings.label_lateness]
    if len(late):
        longest = math.ceil(int(np.max(late)) / DAY)
        yield (
            f"{len(late):,} labels come later than {format_duration(settings.label_lateness)} after their record and "
            f"will be dead-lettered; CHURNSTREAM_LABEL_LATENESS={longest}d waits for all of them"
        )
