"""How often a segment that has not changed is named, and how often the one that has changed is named first.

Customers of synthetic banks, whose truth is known, scored by a model that was trained on 10,000 others of the bank;
windows of 7 days, one a day, 30 a month, judged by the product's own functions at the level of 0.5 false alerts a
month. There are 32 segments of eight features. In a month in which nothing changed there should be no alert. In the
other months the labels of one segment of about 5 % of the records change on the eighth day, and the first alert that
is open should name this segment first. Each share is printed with its standard error: between banks, and at least
that of so many months. Nothing here was used to choose a rule or a number.

    python benchmarks/segment_quality.py [--quick] [--banks N] [--months N] [--only PART]

Takes about half an hour on one core, or two minutes with ``--quick``.
"""

import argparse
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats
from contract.durations import DAY
from contract.messages import ModelRef
from contract.models.bundle import LABEL_COLUMN, SCORE_COLUMN
from contract.models.calibration import CalibrationBins
from contract.models.registry import positive_probabilities
from contract.panes import SCORE_BINS, UNIT, SegmentSums
from contract.schema import Schema, load_schema
from contract.segments import SegmentTable, read_segments
from contract.split.held_out import held_out
from contract.windows import Drift, Estimated, Performance, SegmentMetrics, Window
from monitor.budget import levels
from monitor.segments.judging import SegmentVerdicts
from monitor.segments.reference import SegmentReference, segment_codes
from monitor.verdicts.calibration import Calibration, Labelled
from monitor.window_sums import WindowSums
from producer.synthetic import SyntheticBank, truth
from training.selection.develop import develop
from training.table.prepare import outside, read_table

LEVELS = levels(0.5, DAY)
MIN_RECORDS = 200
THRESHOLD = 0.31
DAYS = 7
WINDOWS = 30
SIZES = (5_000, 20_000)
BANDS: dict[str, tuple[float, ...]] = {
    "Geography": (),
    "Gender": (),
    "Age": (25, 30, 35, 40, 45, 50, 58),
    "CreditScore": (490, 580, 650, 720),
    "Tenure": (3, 6, 9),
    "Balance": (1, 100_000, 130_000, 158_000),
    "NumOfProducts": (2,),
    "EstimatedSalary": (10_000, 100_000),
}
SMALL = (
    "CreditScore: below 490",
    "EstimatedSalary: below 10000",
    "Age: 58 and above",
    "Balance: 158000 and above",
)
"""Those of about 5 % of the records."""
CHANGES: dict[str, Callable[[Floats], Floats]] = {
    "all labels flipped": lambda chance: 1 - chance,
    "30 % flipped": lambda chance: 0.3 + 0.4 * chance,
    "churn x 2": lambda chance: np.minimum(2 * chance, 0.98),
    "churn / 3": lambda chance: chance / 3,
}
OF_ALL: dict[str, Callable[[Floats], Floats]] = {
    "30 % of all labels flipped": CHANGES["30 % flipped"],
    "label rate x 1.3": lambda chance: np.minimum(1.3 * chance, 1.0),
    "label rate / 1.3": lambda chance: chance / 1.3,
}


class Bank(NamedTuple):
    """Customers to draw from, with their scores, truth and segments (segments, rows); and the version's reference."""

    scores: Floats
    chance: Floats
    codes: list[npt.NDArray[np.int64]]
    names: tuple[str, ...]
    first_of: list[int]
    reference: SegmentReference
    verdicts: SegmentVerdicts


class DaySums(NamedTuple):
    """Sums of a day: of each segment (segments, 8), by score bin, and which customers there were."""

    by_segment: Floats
    histogram: npt.NDArray[np.int64]
    customers: npt.NDArray[np.int64]


class SegmentRun(NamedTuple):
    """A month: the window that first alerted, from 0 on (None: none did), and the segments that it named."""

    window: int | None
    named: tuple[str, ...] = ()


def main() -> None:
    arguments = _arguments()
    quick = arguments.quick
    banks = arguments.banks or (1 if quick else 8)
    months = arguments.months or (10 if quick else 40)
    schema = load_schema("bank_churn")
    segments = read_segments(
        {name: SegmentTable(bands=bands) for name, bands in BANDS.items()},
        {feature.name: feature.categories for feature in schema.features},
        "benchmark",
    )
    schema = dataclasses.replace(schema, segments=segments)
    made = [_bank(schema, number) for number in range(banks)]
    print(f"{banks} banks, {len(_present(made[0]))} segments with records; level of a window {LEVELS.segments:.5f}\n")
    rng = np.random.default_rng(2_027)
    fewer = max(months // 4, 2)
    for size in SIZES:
        if arguments.only in (None, "nothing"):
            _nothing(made, size, months, rng)
        if arguments.only in (None, "alone"):
            _alone(made, size, fewer, rng)
        if arguments.only in (None, "all"):
            _all(made, size, fewer, rng)
    if arguments.only in (None, "repeated"):
        _repeated(made, months, rng)


def _nothing(banks: list[Bank], size: int, months: int, rng: np.random.Generator) -> None:
    found = [[_month(bank, size // DAYS, rng).window is None for _ in range(months)] for bank in banks]
    print(f"nothing changed, windows of {size:,}: months without an alert {_share(found)}", flush=True)


def _repeated(banks: list[Bank], months: int, rng: np.random.Generator) -> None:
    """The same customers every day, 5,000 of them, or every other day; a customer keeps the label."""
    for share in (1.0, 0.5):
        for counted in (True, False):
            found = [
                [_month(bank, 5_000, rng, again=share, counted=counted).window is None for _ in range(months)]
                for bank in banks
            ]
            print(
                f"nothing changed, 5,000 customers, each on {share:.0%} of the days"
                f"{'' if counted else ', if rows counted as independent'}: months without an alert {_share(found)}",
                flush=True,
            )
    print()


def _all(banks: list[Bank], size: int, months: int, rng: np.random.Generator) -> None:
    for name, change in OF_ALL.items():
        found = [[_month(bank, size // DAYS, rng, change).window is None for _ in range(months)] for bank in banks]
        print(f"{name}, windows of {size:,}: months without an alert on segments {_share(found)}", flush=True)
    print()


def _alone(banks: list[Bank], size: int, months: int, rng: np.random.Generator) -> None:
    print(f"one segment changed, windows of {size:,}: months whose first alert names it first; with any alert; in the")
    print("first window that has changed throughout it is named first; days from the change to the alert, median")
    for segment in SMALL:
        share = float(np.mean([np.mean(_rows_of(bank, segment)) for bank in banks]))
        for name, change in CHANGES.items():
            runs = [[_month(bank, size // DAYS, rng, change, segment) for _ in range(months)] for bank in banks]
            first = [[run.named[:1] == (segment,) for run in of_bank] for of_bank in runs]
            alerted = [[run.window is not None for run in of_bank] for of_bank in runs]
            once = [[_once(bank, size, rng, change, segment) for _ in range(4 * months)] for bank in banks]
            days = [run.window for of_bank in runs for run in of_bank if run.window is not None]
            median = f"{np.median(days) + 1:.0f}" if days else "-"
            print(
                f"  {segment:<30} {share:6.1%}  {name:<20} {_share(first):>16} {_share(alerted):>16} "
                f"{_share(once):>16} {median:>6}",
                flush=True,
            )
    print()


def _once(bank: Bank, size: int, rng: np.random.Generator, change: Callable[[Floats], Floats], segment: str) -> bool:
    judged = _judged(bank, [_day(bank, rng.integers(len(bank.scores), size=size), rng, change, segment)], 1.0)
    return judged[0].changed and judged[0].name == segment


def _month(
    bank: Bank,
    a_day: int,
    rng: np.random.Generator,
    change: Callable[[Floats], Floats] | None = None,
    segment: str | None = None,
    *,
    again: float | None = None,
    counted: bool = True,
) -> SegmentRun:
    """30 windows, of which the last day of the first is the first that has changed.

    ``again``: the same ``a_day`` customers come on that share of the days, in place of new ones every day.
    """
    same = rng.choice(len(bank.scores), a_day, replace=False)
    label_of = rng.random(len(bank.scores))
    days: list[DaySums] = []
    for day in range(DAYS + WINDOWS - 1):
        if again is None:
            rows, draws = rng.integers(len(bank.scores), size=a_day), rng.random(a_day)
        else:
            rows = same[rng.random(a_day) < again]
            draws = label_of[rows]
        days.append(_day(bank, rows, rng, change if day >= DAYS - 1 else None, segment, draws))
        days = days[-DAYS:]
        if len(days) < DAYS:
            continue
        effect = _design_effect(days) if again is not None and counted else 1.0
        named = tuple(one.name for one in _judged(bank, days, effect) if one.changed)
        if named:
            return SegmentRun(day - DAYS + 1, named)
    return SegmentRun(None)


def _design_effect(days: list[DaySums]) -> float:
    """Kish's, of rows by customer."""
    _, rows = np.unique(np.concatenate([day.customers for day in days]), return_counts=True)
    return float((rows**2).sum() / rows.sum())


def _day(
    bank: Bank,
    rows: npt.NDArray[np.int64],
    rng: np.random.Generator,
    change: Callable[[Floats], Floats] | None,
    segment: str | None,
    draws: Floats | None = None,
) -> DaySums:
    score, chance = bank.scores[rows], bank.chance[rows]
    if change is not None:
        which = np.ones(len(rows), dtype=np.bool_) if segment is None else _rows_of(bank, segment)[rows]
        chance = np.where(which, change(chance), chance)
    label = (rng.random(len(rows)) if draws is None else draws) < chance
    said = score >= THRESHOLD
    values = np.stack(
        [
            *(said, ~said & ~label, said & ~label, ~said & label, said & label),
            *(score, score**2, (score - label) ** 2),
        ]
    ).astype(np.float64)
    parts = []
    for codes, first, following in zip(bank.codes, bank.first_of, [*bank.first_of[1:], len(bank.names)], strict=True):
        mine = codes[rows]
        parts.append(np.stack([np.bincount(mine, one, following - first) for one in values], axis=1))
    place = np.minimum((score * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    negatives = np.bincount(place[~label], minlength=SCORE_BINS)
    positives = np.bincount(place[label], minlength=SCORE_BINS)
    return DaySums(np.concatenate(parts), np.stack([negatives + positives, negatives, positives]), rows)


def _judged(bank: Bank, days: list[DaySums], effect: float) -> tuple[SegmentMetrics, ...]:
    by_segment = np.sum([day.by_segment for day in days], axis=0)
    histogram = np.sum([day.histogram for day in days], axis=0)
    sums = {}
    for name, one in zip(bank.names, by_segment, strict=True):
        predicted, *counts = (round(value) for value in one[:5])
        fixed = [round(value * UNIT) for value in one[5:]]
        if sum(counts):
            sums[name] = SegmentSums(sum(counts), predicted, fixed[0], *counts, *fixed)
    records = int(histogram[0].sum())
    window = Window(
        model=ModelRef("churn", 1),
        start=0,
        end=DAYS * DAY,
        status="final",
        revision=1,
        records=records,
        labelled=records,
        threshold=THRESHOLD,
        performance=Performance(labelled=records, tn=0, fp=0, fn=0, tp=0),
        estimated=Estimated(records=records, tn=0, fp=0, fn=0, tp=0),
        drift=Drift(judged=False, drifted=False, share=0.0),
        design_effect=effect,
    )
    return bank.verdicts(window, WindowSums(histogram, np.zeros_like(histogram), sums)).segments


def _bank(schema: Schema, number: int) -> Bank:
    """A model trained on 10,000 customers of one bank, and 100,000 others of it."""
    bank = next(SyntheticBank(10_000, seed=3_000 + number).chunks())
    rows = read_table(bank[[schema.id_column, *schema.names, schema.label.column]], schema, "synthetic")
    test = held_out(rows.customers, number)
    developed = develop(rows, test, schema, number)
    learned, y = outside(rows, test)
    stored = CalibrationBins.of(
        np.concatenate([developed.candidate.scores, developed.held_out.scores]),
        np.concatenate([y, developed.held_out.y]),
    )
    frame = learned.assign(**{SCORE_COLUMN: developed.candidate.scores, LABEL_COLUMN: y})
    reference = SegmentReference.of(frame, schema.segments, Calibration.fitted(Labelled.of_bins(stored)))
    others = pd.concat(SyntheticBank(100_000, seed=7_000 + number).chunks(), ignore_index=True)
    sizes = [len(feature.names) for feature in schema.segments]
    return Bank(
        positive_probabilities(developed.fitted.classifier, others[list(schema.names)]),
        truth(others),
        [segment_codes(others[feature.feature], feature) for feature in schema.segments],
        reference.names,
        [0, *np.cumsum(sizes)[:-1].tolist()],
        reference,
        SegmentVerdicts(schema.segments, lambda _: reference, LEVELS.segments, MIN_RECORDS),
    )


def _rows_of(bank: Bank, segment: str) -> npt.NDArray[np.bool_]:
    place = bank.names.index(segment)
    feature = int(bank.reference.features[place])
    rows: npt.NDArray[np.bool_] = bank.codes[feature] == place - bank.first_of[feature]
    return rows


def _present(bank: Bank) -> list[str]:
    return [name for name in bank.names if _rows_of(bank, name).any()]


def _share(found: list[list[bool]]) -> str:
    """Of all months, each bank's in a list of its own: those of one bank have its reference in common."""
    shares = np.array([np.mean(of_bank) for of_bank in found])
    count = sum(map(len, found))
    mean = float(shares.mean())
    between = float(shares.std(ddof=1)) / np.sqrt(len(shares)) if len(shares) > 1 else 0.0
    return f"{mean:.3f} ± {max(between, np.sqrt(mean * (1 - mean) / count)):.3f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one bank, ten months")
    parser.add_argument("--banks", type=int, help="number of banks; 8, or 1 with --quick")
    parser.add_argument("--months", type=int, help="months without a change, for each bank; 40, or 10 with --quick")
    parser.add_argument("--only", choices=("nothing", "alone", "all", "repeated"), help="run only this part")
    return parser.parse_args()


if __name__ == "__main__":
    main()
