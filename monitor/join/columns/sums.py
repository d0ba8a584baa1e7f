"""The sums of many panes as rows of arrays, to which a batch adds with a few calls, whatever the number of panes.

They are those of ``contract.panes.Summary``, integers all of them, so that panes are the same in whatever order
messages come. A feature's sum can outgrow 64 bits: what an array cannot hold goes to a Python integer beside it.

Bound: some 4 kB, and 12 kB for scores, 8 bytes an hour that a label may take, 56 bytes a feature, and 80 bytes a
segment, for each pane that is open here; how many that are is the caller's to bound. A segment's sums of one pane hold
9.2e9 records (2^63 / UNIT).
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from contract.arrays import Floats, Integers
from contract.panes import (
    FEATURE_UNIT,
    SCORE_BINS,
    UNIT,
    CategorySummary,
    Expected,
    NumericSummary,
    ScoreBin,
    SegmentSums,
    Summary,
)
from contract.schema import Schema
from monitor.join.columns.features import MISSING, UNLISTED, FeatureColumns
from monitor.join.columns.hashing import in_groups
from monitor.join.columns.segments import RecordSegments
from monitor.panes import CLIP, HOUR, add_unlisted, short_text

RECORDS, LABELLED, TN, FP, FN, TP, SQUARED_ERROR, LOG_LOSS = range(8)
_EXPECTED_NEGATIVE, _EXPECTED_POSITIVE, _INFERRED, _COUNTS = 8, 11, 14, 15
_ALL, _NEGATIVES, _POSITIVES = range(3)
_COUNT, _MISSING, _VIOLATIONS = range(3)
_S_RECORDS, _S_PREDICTED, _S_PROBABILITY, _S_TN = range(4)
_S_EXPECTED, _S_EXPECTED_SQUARED, _S_SQUARED_ERROR, _S_WIDTH = range(7, 11)
_SAFE = 2.0**61
"""Sums below this stay in 64 bits when another batch comes."""
_EXACT = 2.0**53
_FIRST_PANES = 8


class PaneSums:
    """Sums by slot; a slot is a row of each array, taken for a pane and given back."""

    def __init__(self, schema: Schema, longest_delay: int, most_unlisted: int) -> None:
        """``longest_delay`` in ms, from a record to its label."""
        self._most_unlisted = most_unlisted
        self._numeric = [feature for feature in schema.features if not feature.is_categorical]
        self._categorical = [feature for feature in schema.features if feature.is_categorical]
        self._whole = [place for place, feature in enumerate(self._numeric) if feature.kind != "numeric"]
        self._places = [place for place, feature in enumerate(schema.features) if not feature.is_categorical]
        self._text_places = [place for place, feature in enumerate(schema.features) if feature.is_categorical]
        self._low = np.array([-np.inf if f.minimum is None else f.minimum for f in self._numeric])[:, None]
        self._high = np.array([np.inf if f.maximum is None else f.maximum for f in self._numeric])[:, None]
        self._widths = [len(feature.categories) + 1 for feature in self._categorical]
        self._starts = np.cumsum([0, *self._widths])
        self._hours = longest_delay // HOUR + 2
        self._segments = RecordSegments(schema)
        self._free: list[int] = []
        self._allocate(0)
        self._grow()

    @property
    def bytes_each(self) -> int:
        """Bytes of a pane."""
        return sum(array[:1].nbytes for array in (*self._zeroed(), self._ranges))

    def take(self) -> int:
        """A slot of zeros."""
        if not self._free:
            self._grow()
        return self._free.pop()

    def give_back(self, slot: int) -> None:
        """Forget a pane."""
        for array in self._zeroed():
            array[slot] = 0
        self._ranges[slot, 0], self._ranges[slot, 1] = np.inf, -np.inf
        for place in range(len(self._numeric)):
            self._large.pop((slot, place), None)
        for place in range(len(self._categorical)):
            self._unlisted.pop((slot, place), None)
        self._free.append(slot)

    def add_predictions(
        self,
        slots: Integers,
        probabilities: Floats,
        predicted: Integers,
        segments: Integers,
        columns: FeatureColumns,
    ) -> None:
        """Count predictions in, one element each; ``slots`` are those of their panes, ``segments`` as
        ``RecordSegments`` gives them.
        """
        if not len(slots):
            return
        counts = self._counts.reshape(-1)
        base = slots * _COUNTS
        np.add.at(counts, base, 1)
        expected = base + np.where(predicted == 1, _EXPECTED_POSITIVE, _EXPECTED_NEGATIVE)
        np.add.at(counts, expected, 1)
        scores = np.rint(probabilities * UNIT).astype(np.int64)
        np.add.at(counts, expected + 1, scores)
        np.add.at(counts, expected + 2, np.rint(probabilities * probabilities * UNIT).astype(np.int64))
        np.add.at(self._bins.reshape(-1), slots * (3 * SCORE_BINS) + _score_bins(probabilities), 1)
        added = ((_S_RECORDS, 1), (_S_PREDICTED, predicted), (_S_PROBABILITY, scores))
        self._add_to_segments(slots, segments, added)
        order, bounds = in_groups(slots)
        at = np.array([first for first, _ in bounds])
        self._add_numbers(slots[order[at]], at, columns.numbers[:, order], columns, order)
        self._add_categories(slots, columns)

    def add_labels(
        self,
        slots: Integers,
        probabilities: Floats,
        predicted: Integers,
        segments: Integers,
        labels: Integers,
        delays: Integers,
        sign: int = 1,
        inferred: bool = False,
    ) -> None:
        """Count labels in, or out again where ``sign`` is -1; ``delays`` are in ms, those below 0 count as 0."""
        counts = self._counts.reshape(-1)
        base = slots * _COUNTS
        np.add.at(counts, base + LABELLED, sign)
        np.add.at(counts, base + TN + predicted + 2 * labels, sign)
        errors = probabilities - labels
        squared_errors = sign * np.rint(errors * errors * UNIT).astype(np.int64)
        np.add.at(counts, base + SQUARED_ERROR, squared_errors)
        clipped = np.clip(probabilities, CLIP, 1 - CLIP)
        likelihoods = np.where(labels == 1, clipped, 1 - clipped).tolist()
        # math's, because numpy's differs in the last bit from one processor to another
        logs = np.array([-math.log(likelihood) for likelihood in likelihoods])
        np.add.at(counts, base + LOG_LOSS, sign * np.rint(logs * UNIT).astype(np.int64))
        bins = slots * (3 * SCORE_BINS) + _score_bins(probabilities)
        np.add.at(self._bins.reshape(-1), bins + np.where(labels == 1, _POSITIVES, _NEGATIVES) * SCORE_BINS, sign)
        hours = slots * (2 * self._hours) + np.maximum(delays, 0) // HOUR
        flat = self._delays.reshape(-1)
        np.add.at(flat, hours, sign)
        np.add.at(flat, hours[labels == 1] + self._hours, sign)
        if inferred:
            np.add.at(counts, base + _INFERRED, sign)
        scores, squares = (sign * np.rint(x * UNIT).astype(np.int64) for x in (probabilities, probabilities**2))
        added = (
            (_S_TN + predicted + 2 * labels, sign),
            (_S_EXPECTED, scores),
            (_S_EXPECTED_SQUARED, squares),
            (_S_SQUARED_ERROR, squared_errors),
        )
        self._add_to_segments(slots, segments, added)

    def summary(self, slot: int) -> Summary:
        """A pane's sums as they are published, without a sample."""
        counts = self._counts[slot].tolist()
        records = self._bins[slot]
        taken = np.flatnonzero(records[_ALL])
        delays, positive = (np.flatnonzero(row) for row in self._delays[slot])
        return Summary(
            records=counts[RECORDS],
            labelled=counts[LABELLED],
            tn=counts[TN],
            fp=counts[FP],
            fn=counts[FN],
            tp=counts[TP],
            squared_error=counts[SQUARED_ERROR],
            log_loss=counts[LOG_LOSS],
            expected_negative=Expected(*counts[_EXPECTED_NEGATIVE:_EXPECTED_POSITIVE]),
            expected_positive=Expected(*counts[_EXPECTED_POSITIVE:_INFERRED]),
            scores=dict(zip(taken.tolist(), map(ScoreBin, *records[:, taken].tolist()), strict=True)),
            delay_hours=dict(zip(delays.tolist(), self._delays[slot, 0, delays].tolist(), strict=True)),
            delay_hours_positive=dict(zip(positive.tolist(), self._delays[slot, 1, positive].tolist(), strict=True)),
            inferred=counts[_INFERRED],
            segments=self._segment_sums(slot),
            numeric=self._numeric_summaries(slot),
            categorical=self._category_summaries(slot),
        )

    def restore(self, slot: int, summary: Summary) -> None:
        """Fill a slot of zeros with what ``summary`` gave."""
        expected = summary.expected_negative, summary.expected_positive
        self._counts[slot] = [
            *(summary.records, summary.labelled, summary.tn, summary.fp, summary.fn, summary.tp),
            *(summary.squared_error, summary.log_loss),
            *(number for part in expected for number in (part.records, part.probability, part.probability_squared)),
            summary.inferred,
        ]
        for score, counted in summary.scores.items():
            self._bins[slot, :, score] = counted.records, counted.negatives, counted.positives
        for row, hours in enumerate((summary.delay_hours, summary.delay_hours_positive)):
            self._delays[slot, row, list(hours)] = list(hours.values())
        for place, feature in enumerate(self._numeric):
            part = summary.numeric[feature.name]
            self._numbers[slot, place] = part.count, part.missing, part.violations
            if abs(part.total) < _SAFE:
                self._totals[slot, place] = part.total
            else:
                self._large[slot, place] = part.total
            if part.minimum is not None and part.maximum is not None:
                self._ranges[slot, :, place] = part.minimum, part.maximum
        for place, feature in enumerate(self._categorical):
            found = summary.categorical[feature.name]
            counts = [found.counts.get(category, 0) for category in feature.categories]
            self._categories[slot, self._starts[place] : self._starts[place + 1]] = [*counts, found.missing]
            if found.violations:
                self._unlisted[slot, place] = found
        for place, name in enumerate(self._segments.names):
            if name in summary.segments:
                self._by_segment[slot, place] = msgspec.structs.astuple(summary.segments[name])

    def _add_numbers(
        self, slots: Integers, at: Integers, numbers: Floats, columns: FeatureColumns, order: npt.NDArray[Any]
    ) -> None:
        """``numbers`` are sorted by slot; those of ``slots[i]`` begin at ``at[i]``."""
        if not len(numbers):
            return
        there = ~np.isnan(numbers)
        known = np.add.reduceat(there, at, axis=1, dtype=np.int64)
        sizes = np.diff(np.append(at, numbers.shape[1]))
        outside = (numbers < self._low) | (numbers > self._high)
        added = np.stack([known, sizes - known, np.add.reduceat(outside, at, axis=1, dtype=np.int64)], axis=-1)
        self._numbers[slots] += added.transpose(1, 0, 2)
        lowest, highest = np.fmin.reduceat(numbers, at, axis=1), np.fmax.reduceat(numbers, at, axis=1)
        self._ranges[slots, 0] = np.fmin(self._ranges[slots, 0], lowest.T)
        self._ranges[slots, 1] = np.fmax(self._ranges[slots, 1], highest.T)
        scaled = np.rint(np.where(there, numbers, 0.0) * FEATURE_UNIT)
        largest = np.abs(scaled).max(axis=1)
        small = largest * numbers.shape[1] < _SAFE
        small[self._whole] &= largest[self._whole] < _EXACT
        for place in np.flatnonzero(~small).tolist():
            self._add_large(place, slots, at, columns.values[self._places[place]], order)
            scaled[place] = 0.0
        totals = self._totals[slots] + np.add.reduceat(scaled.astype(np.int64), at, axis=1).T
        self._totals[slots] = totals
        for row, place in np.argwhere(np.abs(totals) >= _SAFE).tolist():
            self._carry(int(slots[row]), place)

    def _add_large(
        self, place: int, slots: Integers, at: Integers, values: Sequence[Any], order: npt.NDArray[Any]
    ) -> None:
        ends = [*at[1:].tolist(), len(order)]
        for slot, first, end in zip(slots.tolist(), at.tolist(), ends, strict=True):
            found = (values[row] for row in order[first:end].tolist())
            total = sum(round(value * FEATURE_UNIT) for value in found if value is not None)
            self._large[slot, place] = self._large.get((slot, place), 0) + total

    def _carry(self, slot: int, place: int) -> None:
        """Take a sum out of the array before it outgrows it."""
        self._large[slot, place] = self._large.get((slot, place), 0) + int(self._totals[slot, place])
        self._totals[slot, place] = 0

    def _add_categories(self, slots: Integers, columns: FeatureColumns) -> None:
        flat = self._categories.reshape(-1)
        base = slots * self._categories.shape[1]
        for place, codes in enumerate(columns.codes):
            listed = codes != UNLISTED
            last = self._widths[place] - 1
            at = np.where(codes == MISSING, last, codes) + self._starts[place]
            np.add.at(flat, (base + at)[listed], 1)
            if not listed.all():
                self._add_unlisted(place, slots, np.flatnonzero(~listed).tolist(), columns)

    def _add_unlisted(self, place: int, slots: Integers, rows: list[int], columns: FeatureColumns) -> None:
        values = columns.values[self._text_places[place]]
        for row in rows:
            part = self._unlisted.setdefault((int(slots[row]), place), CategorySummary(unlisted={}))
            part.violations += 1
            add_unlisted(part, short_text(values[row]), self._most_unlisted)

    def _add_to_segments(
        self, slots: Integers, segments: Integers, added: Sequence[tuple[int | Integers, int | Integers]]
    ) -> None:
        """Add to numbers of each record's segments; ``added``: which of a segment's, and how much, for all or each."""
        places = self._segments.places(segments)
        if not len(places):
            return
        flat = self._by_segment.reshape(-1)
        base = (slots * len(self._segments.names) + places) * _S_WIDTH
        for which, much in added:
            np.add.at(flat, (base + which).reshape(-1), much if isinstance(much, int) else np.tile(much, len(places)))

    def _segment_sums(self, slot: int) -> dict[str, SegmentSums]:
        rows = self._by_segment[slot].tolist()
        return {
            name: SegmentSums(*row) for name, row in zip(self._segments.names, rows, strict=True) if row[_S_RECORDS]
        }

    def _numeric_summaries(self, slot: int) -> dict[str, NumericSummary]:
        numbers, totals = self._numbers[slot].tolist(), self._totals[slot].tolist()
        lowest, highest = self._ranges[slot].tolist()
        return {
            feature.name: NumericSummary(
                numbers[place][_COUNT],
                numbers[place][_MISSING],
                numbers[place][_VIOLATIONS],
                totals[place] + self._large.get((slot, place), 0),
                lowest[place] if numbers[place][_COUNT] else None,
                highest[place] if numbers[place][_COUNT] else None,
            )
            for place, feature in enumerate(self._numeric)
        }

    def _category_summaries(self, slot: int) -> dict[str, CategorySummary]:
        found = {}
        for place, feature in enumerate(self._categorical):
            *counts, missing = self._categories[slot, self._starts[place] : self._starts[place + 1]].tolist()
            unlisted = self._unlisted.get((slot, place))
            found[feature.name] = CategorySummary(
                {name: count for name, count in zip(feature.categories, counts, strict=True) if count},
                missing,
                unlisted.violations if unlisted else 0,
                dict(unlisted.unlisted) if unlisted else {},
                unlisted.other if unlisted else 0,
            )
        return found

    def _allocate(self, panes: int) -> None:
        features = len(self._numeric)
        self._counts = np.zeros((panes, _COUNTS), np.int64)
        self._bins = np.zeros((panes, 3, SCORE_BINS), np.int32)
        self._delays = np.zeros((panes, 2, self._hours), np.int32)
        self._numbers = np.zeros((panes, features, 3), np.int64)
        self._totals = np.zeros((panes, features), np.int64)
        self._ranges = np.empty((panes, 2, features))
        self._categories = np.zeros((panes, int(self._starts[-1])), np.int64)
        self._by_segment = np.zeros((panes, len(self._segments.names), _S_WIDTH), np.int64)
        self._large: dict[tuple[int, int], int] = {}
        self._unlisted: dict[tuple[int, int], CategorySummary] = {}

    def _zeroed(self) -> tuple[npt.NDArray[Any], ...]:
        """The arrays that begin with zeros."""
        arrays = self._counts, self._bins, self._delays, self._numbers, self._totals, self._categories
        return *arrays, self._by_segment

    def _grow(self) -> None:
        names = ("_counts", "_bins", "_delays", "_numbers", "_totals", "_ranges", "_categories", "_by_segment")
        before = len(self._counts)
        wanted = max(_FIRST_PANES, 2 * before)
        for name in names:
            old = getattr(self, name)
            new = np.zeros((wanted, *old.shape[1:]), old.dtype)
            new[:before] = old
            setattr(self, name, new)
        self._ranges[before:, 0], self._ranges[before:, 1] = np.inf, -np.inf
        self._free.extend(range(wanted - 1, before - 1, -1))


def _score_bins(probabilities: Floats) -> Integers:
    return np.minimum((probabilities * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
