"""The arithmetic of a ``Summary``, one message after the other: what the join's and the timeline's arrays must come to.

What a prediction or a label adds, what a label takes away, how two summaries merge.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from heapq import merge as merge_sorted
from itertools import islice, takewhile
from typing import TypeVar, cast

from contract.panes import (
    FEATURE_UNIT,
    UNIT,
    CategorySummary,
    Expected,
    NumericSummary,
    SampleRow,
    ScoreBin,
    SegmentSums,
    Summary,
)
from contract.schema import Feature, FeatureKind, Schema
from monitor.panes import CLIP, HOUR, MOST_UNLISTED, add_unlisted, score_bin, short_text, text_rank

_Key = TypeVar("_Key", int, str)


def pane_start(event_time: int, slide: int) -> int:
    """The largest multiple of ``slide`` since the epoch that is not after ``event_time``; both in ms."""
    return event_time // slide * slide


def empty() -> Summary:
    """The summary of nothing: merging it changes nothing."""
    return Summary()


def add_prediction(
    summary: Summary,
    schema: Schema,
    probability: float,
    predicted: int,
    features: Sequence[float | str | None],
    most_unlisted: int = MOST_UNLISTED,
) -> None:
    """Add one prediction to all but the sample, which whoever keeps the predictions takes from them.

    ``features`` are in schema order. ``most_unlisted`` values outside its categories are kept of a feature.
    """
    summary.records += 1
    expected = summary.expected_positive if predicted else summary.expected_negative
    expected.records += 1
    expected.probability += round(probability * UNIT)
    expected.probability_squared += round(probability * probability * UNIT)
    _bin(summary.scores, score_bin(probability)).records += 1
    for feature, value in zip(schema.features, features, strict=True):
        if feature.kind is FeatureKind.CATEGORICAL:
            _add_category(summary.categorical, feature, cast("str | None", value), most_unlisted)
        else:
            _add_number(summary.numeric, feature, cast("float | None", value))
    for name in segments_of(schema, features):
        segment = summary.segments.setdefault(name, SegmentSums())
        segment.records += 1
        segment.predicted += predicted
        segment.probability += round(probability * UNIT)


def segments_of(schema: Schema, features: Sequence[float | str | None]) -> list[str]:
    """The segments that a record with these features, in schema order, is in."""
    return [one.name_of(features[schema.names.index(one.feature)]) for one in schema.segments]


def add_label(
    summary: Summary,
    probability: float,
    predicted: int,
    label: int,
    delay: int,
    inferred: bool = False,
    segments: Sequence[str] = (),
) -> None:
    """Add the label of a prediction that the summary holds; ``delay`` is label time − event time in ms.

    ``inferred``: the label is silence that counts as 0. ``segments``: those that the record is in.
    """
    _count_label(summary, probability, predicted, label, delay, segments, 1)
    summary.inferred += inferred


def remove_label(
    summary: Summary,
    probability: float,
    predicted: int,
    label: int,
    delay: int,
    inferred: bool = False,
    segments: Sequence[str] = (),
) -> None:
    """Undo ``add_label`` with the same arguments, exactly."""
    _count_label(summary, probability, predicted, label, delay, segments, -1)
    summary.inferred -= inferred


def merge(summaries: Iterable[Summary], sample_size: int) -> Summary:
    """The summary of the union of disjoint sets of predictions; the arguments stay as they are.

    Equal sets give equal summaries, dictionaries in order of key included. The sample holds the ``sample_size`` rows
    of smallest hash, fewer if a summary's own sample ends before: it is a uniform sample of the union in any case.
    """
    merged = Summary()
    samples: list[list[SampleRow]] = []
    known_until = _EVERYTHING
    for summary in summaries:
        _add_counts(merged, summary)
        _add_expected(merged.expected_negative, summary.expected_negative)
        _add_expected(merged.expected_positive, summary.expected_positive)
        for index, counted in summary.scores.items():
            total = _bin(merged.scores, index)
            total.records += counted.records
            total.negatives += counted.negatives
            total.positives += counted.positives
        _add_dict(merged.delay_hours, summary.delay_hours)
        _add_dict(merged.delay_hours_positive, summary.delay_hours_positive)
        for name, numbers in summary.numeric.items():
            _merge_numbers(merged.numeric, name, numbers)
        for name, categories in summary.categorical.items():
            _merge_categories(merged.categorical, name, categories)
        for name, segment in summary.segments.items():
            _merge_segments(merged.segments, name, segment)
        samples.append(summary.sample)
        if len(summary.sample) < summary.records:
            known_until = min(known_until, _rank(summary.sample[-1]) if summary.sample else _NOTHING)
    merged.scores = dict(sorted(merged.scores.items()))
    merged.delay_hours = dict(sorted(merged.delay_hours.items()))
    merged.delay_hours_positive = dict(sorted(merged.delay_hours_positive.items()))
    merged.numeric = dict(sorted(merged.numeric.items()))
    merged.categorical = dict(sorted(merged.categorical.items()))
    merged.segments = dict(sorted(merged.segments.items()))
    for categories in merged.categorical.values():
        categories.counts = dict(sorted(categories.counts.items()))
        categories.unlisted = dict(sorted(categories.unlisted.items()))
    known = takewhile(lambda row: _rank(row) <= known_until, merge_sorted(*samples, key=_rank))
    merged.sample = list(islice(known, sample_size))
    return merged


def median_delay_hours(summary: Summary) -> float | None:
    """The median delay of the labels, of which whole hours are kept, so low by less than one hour; None without labels.

    Of an even number of labels it is the mean of the middle two.
    """
    if not summary.labelled:
        return None
    middle = ((summary.labelled - 1) // 2, summary.labelled // 2)
    found: list[int] = []
    seen = 0
    for hours, labels in sorted(summary.delay_hours.items()):
        seen += labels
        found += [hours for rank in middle[len(found) :] if rank < seen]
    return sum(found) / 2


def violations(summary: Summary) -> dict[str, int]:
    """Values outside range or categories per feature that has any."""
    return {name: part.violations for name, part in _parts(summary) if part.violations}


def missing(summary: Summary) -> dict[str, int]:
    """Nulls per feature that has any."""
    return {name: part.missing for name, part in _parts(summary) if part.missing}


def _parts(summary: Summary) -> list[tuple[str, NumericSummary | CategorySummary]]:
    return sorted([*summary.numeric.items(), *summary.categorical.items()], key=lambda item: item[0])


_NOTHING, _EVERYTHING = (-1, ""), (2**64, "")


def _rank(row: SampleRow) -> tuple[int, str]:
    return row.hash, row.record_id


def _bin(scores: dict[int, ScoreBin], index: int) -> ScoreBin:
    found = scores.get(index)
    if found is None:
        found = scores[index] = ScoreBin()
    return found


def _add_category(
    categorical: dict[str, CategorySummary], feature: Feature, value: str | None, most_unlisted: int
) -> None:
    part = categorical.get(feature.name)
    if part is None:
        part = categorical[feature.name] = CategorySummary()
    if value is None:
        part.missing += 1
    elif feature.violates(value):
        part.violations += 1
        add_unlisted(part, short_text(value), most_unlisted)
    else:
        part.counts[value] = part.counts.get(value, 0) + 1


def _known_until(part: CategorySummary) -> tuple[int, str]:
    """The rank up to which all values are in ``unlisted``."""
    return max(map(text_rank, part.unlisted), default=_NOTHING) if part.other else _EVERYTHING


def _cut_unlisted(part: CategorySummary, most: int, known_until: tuple[int, str]) -> None:
    """Keep the ``most`` values of smallest rank, none beyond ``known_until``; count the rest as other."""
    for value in sorted(part.unlisted, key=text_rank)[most:]:
        part.other += part.unlisted.pop(value)
    for value in [value for value in part.unlisted if text_rank(value) > known_until]:
        part.other += part.unlisted.pop(value)


def _add_number(numeric: dict[str, NumericSummary], feature: Feature, value: float | None) -> None:
    part = numeric.get(feature.name)
    if part is None:
        part = numeric[feature.name] = NumericSummary()
    if value is None:
        part.missing += 1
        return
    part.count += 1
    part.total += round(value * FEATURE_UNIT)
    part.violations += feature.violates(value)
    if part.minimum is None or value < part.minimum:
        part.minimum = float(value)
    if part.maximum is None or value > part.maximum:
        part.maximum = float(value)


def _count_label(
    summary: Summary, probability: float, predicted: int, label: int, delay: int, segments: Sequence[str], sign: int
) -> None:
    summary.labelled += sign
    counted = summary.scores[score_bin(probability)]
    clipped = min(max(probability, CLIP), 1 - CLIP)
    if label:
        counted.positives += sign
        likelihood = clipped
        if predicted:
            summary.tp += sign
        else:
            summary.fn += sign
    else:
        counted.negatives += sign
        likelihood = 1 - clipped
        if predicted:
            summary.fp += sign
        else:
            summary.tn += sign
    summary.squared_error += sign * round((probability - label) ** 2 * UNIT)
    summary.log_loss += sign * round(-math.log(likelihood) * UNIT)
    _count_delay(summary.delay_hours, delay // HOUR, sign)
    if label:
        _count_delay(summary.delay_hours_positive, delay // HOUR, sign)
    outcome = ("tn", "fp", "fn", "tp")[predicted + 2 * label]
    for segment in map(summary.segments.__getitem__, segments):
        setattr(segment, outcome, getattr(segment, outcome) + sign)
        segment.expected += sign * round(probability * UNIT)
        segment.expected_squared += sign * round(probability * probability * UNIT)
        segment.squared_error += sign * round((probability - label) ** 2 * UNIT)


def _count_delay(delays: dict[int, int], hours: int, sign: int) -> None:
    labels = delays.get(hours, 0) + sign
    if labels:
        delays[hours] = labels
    else:
        del delays[hours]


def _add_counts(merged: Summary, summary: Summary) -> None:
    merged.records += summary.records
    merged.labelled += summary.labelled
    merged.tn += summary.tn
    merged.fp += summary.fp
    merged.fn += summary.fn
    merged.tp += summary.tp
    merged.squared_error += summary.squared_error
    merged.log_loss += summary.log_loss
    merged.inferred += summary.inferred


def _add_expected(merged: Expected, part: Expected) -> None:
    merged.records += part.records
    merged.probability += part.probability
    merged.probability_squared += part.probability_squared


def _add_dict(merged: dict[_Key, int], part: Mapping[_Key, int]) -> None:
    for key, count in part.items():
        merged[key] = merged.get(key, 0) + count


def _merge_numbers(merged: dict[str, NumericSummary], name: str, part: NumericSummary) -> None:
    total = merged.setdefault(name, NumericSummary())
    total.count += part.count
    total.missing += part.missing
    total.violations += part.violations
    total.total += part.total
    total.minimum = min((value for value in (total.minimum, part.minimum) if value is not None), default=None)
    total.maximum = max((value for value in (total.maximum, part.maximum) if value is not None), default=None)


def _merge_segments(merged: dict[str, SegmentSums], name: str, part: SegmentSums) -> None:
    total = merged.setdefault(name, SegmentSums())
    for field in SegmentSums.__struct_fields__:
        setattr(total, field, getattr(total, field) + getattr(part, field))


def _merge_categories(merged: dict[str, CategorySummary], name: str, part: CategorySummary) -> None:
    total = merged.setdefault(name, CategorySummary())
    known_until = min(_known_until(total), _known_until(part))
    _add_dict(total.counts, part.counts)
    _add_dict(total.unlisted, part.unlisted)
    total.missing += part.missing
    total.violations += part.violations
    total.other += part.other
    _cut_unlisted(total, MOST_UNLISTED, known_until)
