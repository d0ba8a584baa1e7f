"""Customers who come again day after day: nothing has changed, so nothing is called drifted, and intervals cover."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

from contract.arrays import Integers
from contract.messages import ModelRef
from contract.panes import UNIT, PaneSample, ScoreBin, Summary
from contract.schema import parse_schema
from contract.windows import Drift, Performance
from monitor.inputs.rule import InputReference, InputRule, judge
from monitor.timeline.drift import sample_frame
from monitor.timeline.metrics import performance
from monitor.timeline.samples import Sample, merge_samples
from monitor.timeline.sums import Sums
from tests.support.scores import draw_scores, histogram_of
from tests.support.sizes import size

DAYS, THRESHOLD, LEVEL = 7, 0.3, 0.01
SCHEMA = parse_schema(
    {
        "name": "again",
        "id": "id",
        "label": {"column": "y"},
        "features": {
            "Age": {"kind": "numeric"},
            "Balance": {"kind": "numeric"},
            "Country": {"kind": "categorical", "categories": ["DE", "ES", "FR"]},
        },
    }
)
Visits = Callable[[np.random.Generator], Integers]
"""How many of a window's days each customer comes on, (customers,)."""


def every_day(customers: int) -> Visits:
    return lambda _rng: np.full(customers, DAYS)


def once_to_daily(rng: np.random.Generator) -> Integers:
    return rng.integers(1, DAYS + 1, 1_000)


def one_has_half(_rng: np.random.Generator) -> Integers:
    """3,500 customers of one record, and one of 3,500."""
    return np.append(np.ones(3_500, dtype=np.int64), 3_500)


class Customers(NamedTuple):
    hashes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    columns: list[np.ndarray]


def draw(rng: np.random.Generator, count: int) -> Customers:
    scores = draw_scores(rng, count)
    age = np.round(30 + 30 * scores + rng.normal(0, 8, count))
    balance = np.where(rng.random(count) < 0.35, 0.0, rng.lognormal(11, 0.5, count))
    country = np.array(["DE", "ES", "FR"], dtype=object)[rng.integers(0, 3, count)]
    hashes = np.sort(rng.choice(2**53, count, replace=False))
    return Customers(hashes, scores, rng.random(count) < scores, [age, balance, country])


class SevenDays(NamedTuple):
    drift: Drift
    realised: Performance
    sample: Sample


def windows(visits: Visits, count: int, seed: int, *, as_records: bool = False) -> Iterator[SevenDays]:
    """Windows of other customers each, whose panes are of a day; ``as_records`` as the release before sampled."""
    rng = np.random.default_rng(seed)
    then = draw(rng, 5_000)
    reference = InputReference.of(sample_frame(SCHEMA, _pane(then, np.ones(5_000, np.int64), 0, rng, False)), SCHEMA)
    for _ in range(count):
        days = visits(rng)
        now = draw(rng, len(days))
        rows = np.zeros((DAYS, len(days)), dtype=np.int64)
        for which, many in enumerate(days.tolist()):
            np.add.at(rows[:, which], np.arange(many) % DAYS if many > DAYS else rng.permutation(DAYS)[:many], 1)
        sample = merge_samples([_pane(now, rows[day], day, rng, as_records) for day in range(DAYS)], 5_000)
        drift = judge(
            sample_frame(SCHEMA, sample),
            reference,
            rule=InputRule(LEVEL),
            customers=None if as_records else sample.hashes.tolist(),
        )
        yield SevenDays(drift, _realised(now, days, sample.repeats.effect), sample)


def _pane(customers: Customers, rows: Integers, day: int, rng: np.random.Generator, as_records: bool) -> Sample:
    at = np.repeat(np.arange(len(rows)), rows) if as_records else np.flatnonzero(rows)
    hashes = customers.hashes[at]
    if as_records:
        hashes = rng.choice(2**53, len(at), replace=False)
        order = np.argsort(hashes)
        at, hashes = at[order], hashes[order]
    return Sample.of(
        PaneSample(
            partition=0,
            start=day,
            slide=1,
            model=ModelRef("m", 1),
            records=int(rows.sum()),
            hashes=hashes.tolist(),
            probabilities=customers.scores[at].tolist(),
            columns=[column[at].tolist() for column in customers.columns],
            rows=[] if as_records else rows[at].tolist(),
        )
    )


def _realised(customers: Customers, days: Integers, effect: float) -> Performance:
    scores, labels = np.repeat(customers.scores, days), np.repeat(customers.labels, days)
    said = scores >= THRESHOLD
    histogram = histogram_of(scores, labels)
    summary = Summary(
        records=len(scores),
        labelled=len(scores),
        tn=int((~said & ~labels).sum()),
        fp=int((said & ~labels).sum()),
        fn=int((~said & labels).sum()),
        tp=int((said & labels).sum()),
        squared_error=round(((scores - labels) ** 2).sum() * UNIT),
        scores={int(at): ScoreBin(*histogram[:, at].tolist()) for at in np.flatnonzero(histogram[0])},
    )
    return performance(Sums.of(summary), effect)


def truth() -> dict[str, float]:
    """The metrics of ever so many customers."""
    rng = np.random.default_rng(0)
    found = _realised(draw(rng, 500_000), np.ones(500_000, np.int64), 1.0)
    return {name: float(getattr(found, name)) for name in ("f1", "roc_auc", "brier", "accuracy", "recall")}


@pytest.fixture(scope="module")
def true() -> dict[str, float]:
    return truth()


def coverage(found: list[SevenDays], true: dict[str, float]) -> dict[str, float]:
    return {
        name: float(np.mean([low <= value <= high for low, high in (one.realised.intervals[name] for one in found)]))
        for name, value in true.items()
    }


@pytest.mark.parametrize(
    ("visits", "customers", "effect"),
    [
        pytest.param(every_day(1_000), 1_000, 7.0, id="1,000 daily"),
        pytest.param(every_day(200), 200, 7.0, id="200 daily"),
        pytest.param(once_to_daily, 1_000, 5.0, id="once to daily"),
    ],
)
def test_windows_of_customers_who_come_again(
    visits: Visits, customers: int, effect: float, true: dict[str, float]
) -> None:
    found = list(windows(visits, size(ci=100, full=1_000), seed=11))
    assert {one.sample.repeats.customers for one in found} == {customers}
    assert np.mean([one.sample.repeats.effect for one in found]) == pytest.approx(effect, rel=0.02)
    assert all(one.drift.judged for one in found)
    # at a level of 0.01, five or more of a hundred are as improbable as 1 in 300
    assert np.mean([one.drift.drifted for one in found]) <= size(ci=0.04, full=0.02)
    # 95 %, less three standard errors
    for name, share in coverage(found, true).items():
        assert share >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(found)), name


def test_half_of_all_records_of_one_customer_are_worth_one(true: dict[str, float]) -> None:
    found = list(windows(one_has_half, size(ci=40, full=400), seed=12))
    assert {one.sample.repeats.customers for one in found} == {3_501}
    assert np.mean([one.drift.drifted for one in found]) <= 0.05
    for name in ("f1", "accuracy", "recall", "brier"):
        assert coverage(found, true)[name] >= 0.9 - 3 * np.sqrt(0.1 * 0.9 / len(found)), name


def test_rows_taken_for_customers_would_alarm_and_not_cover(true: dict[str, float]) -> None:
    found = list(windows(every_day(200), 25, seed=13, as_records=True))
    assert np.mean([one.drift.drifted for one in found]) > 0.5
    assert coverage(found, true)["f1"] < 0.85
