"""How often verdicts on labels are right (relation, detector, performance, input drift), and how near estimates are.

Scores come from a formula first, on which the rules were decided, then from models trained here: on several synthetic
banks, whose truth is known, and on splits of a table (``--data``), whose held-out customers are drawn again and again.
Each share is printed with its standard error. Nothing here was used to choose a rule or a number.

    python benchmarks/estimate_quality.py [--quick] [--data Churn_Modelling.csv] [--models N]

Takes some twenty minutes on one core, with ``--quick`` two.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.arrays import Floats, Labels
from contract.models.calibration import CalibrationBins
from contract.models.registry import positive_probabilities
from contract.panes import SCORE_BINS, UNIT, Expected, ScoreBin, Summary
from contract.schema import Schema, load_schema
from contract.windows import Estimated
from monitor.budget import levels
from monitor.timeline.estimate import estimate
from monitor.timeline.sums import Sums
from monitor.verdicts.calibration import Calibration, Histogram, Labelled
from monitor.verdicts.estimate import recalibrated
from monitor.verdicts.evidence import NOTHING_YET, added_up, log_evidence
from monitor.verdicts.relation import judge_relation
from monitor.verdicts.worsening import judge_worsening
from producer.synthetic import SyntheticBank, truth
from training.selection.develop import Developed, develop
from training.table.prepare import Table, outside, read_table
from training.table.split import held_out

DAY = 86_400_000
LEVELS = levels(0.5, DAY)
SIZES = (200, 1_000, 5_000)
LABELS_A_DAY = 333
MIN_RECORDS = 200
THRESHOLD = 0.31
METRICS = ("accuracy", "f1", "roc_auc", "brier")

Change = Callable[[Floats, Floats, np.random.Generator], Floats]
"""From the truth of each customer and their age to the truth after a change."""


class Source(NamedTuple):
    """Customers to draw windows from: their scores, truth (or labels) and ages; and what the version stores."""

    name: str
    scores: Floats
    truth: Floats
    ages: Floats
    stored: CalibrationBins

    @property
    def calibration(self) -> Calibration:
        return Calibration.fitted(Labelled.of_bins(self.stored))


def _half_of_ages(truth: Floats, ages: Floats, rng: np.random.Generator) -> Floats:
    chosen = (ages >= 40) & (ages <= 60) & (rng.random(len(ages)) < 0.5)
    return np.where(chosen, 1 - truth, truth)


def _times(factor: float) -> Change:
    """Where truth is a label, churners are made others, or others churners, by chance."""

    def change(truth: Floats, _ages: Floats, _rng: np.random.Generator) -> Floats:
        if factor <= 1 or set(np.unique(truth)) - {0.0, 1.0}:
            return np.minimum(truth * factor, 1.0)
        return np.where(truth == 1, 1.0, (factor - 1) * truth.mean() / (1 - truth.mean()))

    return change


def _flip(share: float) -> Change:
    return lambda truth, _ages, _rng: truth * (1 - share) + (1 - truth) * share


CHANGES: dict[str, Change] = {
    "nothing": lambda truth, _ages, _rng: truth,
    "30 % flipped": _flip(0.30),
    "15 % flipped": _flip(0.15),
    "label rate x 1.3": _times(1.3),
    "label rate / 1.3": _times(1 / 1.3),
    "half of ages 40-60 flipped": _half_of_ages,
}
INPUT_DRIFTS: dict[str, Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]] = {
    "Age + 5": lambda frame, _: frame.assign(Age=np.minimum(frame["Age"] + 5, 92)),
    "Balance x 1.3": lambda frame, _: frame.assign(Balance=np.minimum(frame["Balance"] * 1.3, 260_000)),
    "CreditScore - 20": lambda frame, _: frame.assign(CreditScore=np.maximum(frame["CreditScore"] - 20, 350)),
    "half moved to Germany": lambda frame, rng: frame.assign(
        Geography=np.where(rng.random(len(frame)) < 0.5, "Germany", frame["Geography"])
    ),
}


def main() -> None:
    arguments = _arguments()
    quick = arguments.quick
    models = arguments.models or (1 if quick else 10)
    windows, streams = (100, 4) if quick else (400, 40)
    rng = np.random.default_rng(2_026)
    schema = load_schema("bank_churn")
    print(f"levels at one window a day: relation {LEVELS.relation:.4f}, performance {LEVELS.performance:.4f}, ", end="")
    print(f"detector {LEVELS.detector:.0f} days; {windows} windows a line and model\n")
    _table("scores of a formula", list(_formula(rng, models)), windows, streams, rng)
    banks = [_bank(schema, number) for number in range(models)]
    _table("synthetic banks", [source for source, _ in banks], windows, streams, rng)
    _input_drift(schema, [developed for _, developed in banks], [source.stored for source, _ in banks], windows, rng)
    _estimates("synthetic banks", [source for source, _ in banks], windows, rng, known=True)
    if arguments.data:
        rows = read_table(arguments.data, schema)
        splits = [_split(rows, schema, number) for number in range(models)]
        _table("splits of the table", splits, windows, streams, rng)
        _estimates("splits of the table", splits, windows, rng, known=False)


def _table(title: str, sources: list[Source], windows: int, streams: int, rng: np.random.Generator) -> None:
    print(f"{title}: share of windows called changed, and worse; days of {LABELS_A_DAY} labels to the detector's alarm")
    print(
        f"{'change':<28}" + "".join(f"{f'n = {size}':>16}" for size in SIZES) + f"{'worse, n = 1000':>18}{'days':>16}"
    )
    for name, change in CHANGES.items():
        cells = []
        worse: list[list[bool]] = []
        for size in SIZES:
            found: list[list[bool]] = []
            for source in sources:
                calibration = source.calibration
                found.append([])
                worse += [[]] if size == 1_000 else []
                for _ in range(windows // (1 if name == "nothing" else 5)):
                    histogram = _draw(source, size, change, rng)
                    found[-1].append(_changed(histogram, calibration, inputs_drifted=False))
                    if size == 1_000:
                        worse[-1].append(_worse(histogram, source.stored))
            cells.append(_share(found))
        days = [day for source in sources for day in _days(source, change, max(streams // len(sources), 1), rng)]
        print(f"{name:<28}" + "".join(f"{cell:>16}" for cell in cells) + f"{_share(worse):>18}{_delay(days):>16}")
    print(flush=True)


def _input_drift(
    schema: Schema,
    models: list[Developed],
    stored: list[CalibrationBins],
    windows: int,
    rng: np.random.Generator,
) -> None:
    print("input drift with the relation as it was, synthetic banks: share of windows called changed")
    print(f"{'drift':<28}" + "".join(f"{f'n = {size}':>16}" for size in SIZES) + "   (told of the drift, not told)")
    bank = pd.concat(SyntheticBank(20_000, seed=909).chunks(), ignore_index=True)
    for name, drift in INPUT_DRIFTS.items():
        frame = drift(bank.copy(), rng)
        cells = []
        for size in SIZES:
            told: list[bool] = []
            not_told: list[bool] = []
            for developed, bins in zip(models, stored, strict=True):
                source = _source(name, developed, frame, truth(frame), schema, bins)
                for _ in range(windows // 5):
                    histogram = _draw(source, size, CHANGES["nothing"], rng)
                    told.append(_changed(histogram, source.calibration, inputs_drifted=True))
                    not_told.append(_changed(histogram, source.calibration, inputs_drifted=False))
            cells.append(f"{np.mean(told):.3f}, {np.mean(not_told):.3f}")
        print(f"{name:<28}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    print()


def _estimates(title: str, sources: list[Source], windows: int, rng: np.random.Generator, *, known: bool) -> None:
    """Without labels: error over that of the truth itself (the floor), where it is known, and share of covered windows.

    Estimates from the model's own probabilities, then as windows have them.
    """
    print(
        f"{title}: estimates by the model's own probabilities, and as windows have them: error over the floor, coverage"
    )
    for size in SIZES[1:]:
        if size > min(len(source.scores) for source in sources):
            continue
        errors = {name: np.zeros(3) for name in METRICS}
        covered = {name: np.zeros((2, len(sources))) for name in METRICS}
        count = windows // 2
        for number, source in enumerate(sources):
            calibration = source.calibration.for_estimates()
            for _ in range(count):
                rows = rng.choice(len(source.scores), size, replace=False)
                scores, chance = source.scores[rows], source.truth[rows]
                labels = rng.random(size) < chance
                own, records = _own_estimate(scores)
                held_out = recalibrated(own, records, calibration)
                floor = _expected(scores, chance)
                for name, value in _expected(scores, labels.astype(np.float64)).items():
                    for place, found in enumerate((getattr(own, name), getattr(held_out, name))):
                        errors[name][place] += abs(found.value - value)
                        covered[name][place, number] += (found.low <= value <= found.high) / count
                    errors[name][2] += abs(floor[name] - value)
        for name in METRICS:
            own_error, error, least = errors[name]
            ratios = f"{own_error / least:6.3f} {error / least:6.3f}" if known else f"{'':>13}"
            shares = ", ".join(_with_error(one, count * len(sources)) for one in covered[name])
            print(f"  n = {size:<6,} {name:<10} {ratios}   coverage {shares}")
    print(flush=True)


def _own_estimate(scores: Floats) -> tuple[Estimated, Histogram]:
    """What the timeline estimates from the scores of a window; and its records by score bin."""
    said = scores >= THRESHOLD
    records = np.bincount(np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1), minlength=SCORE_BINS)
    negative, positive = (
        Expected(len(part), round(float(part.sum()) * UNIT), round(float((part**2).sum()) * UNIT))
        for part in (scores[~said], scores[said])
    )
    bins = {int(index): ScoreBin(int(records[index])) for index in np.flatnonzero(records)}
    summary = Summary(records=len(scores), expected_negative=negative, expected_positive=positive, scores=bins)
    return estimate(Sums.of(summary)), records


def _expected(scores: Floats, chance: Floats) -> dict[str, float]:
    """Metrics of scores whose labels are 1 by that chance; realised ones where it is 0 or 1."""
    said = scores >= THRESHOLD
    tp, fn = float(chance[said].sum()), float(chance[~said].sum())
    order = np.argsort(scores, kind="stable")
    positives, negatives = chance[order], 1 - chance[order]
    self_pairs = float((positives * negatives).sum())
    wins = float((positives * (np.cumsum(negatives) - negatives / 2)).sum()) - self_pairs / 2
    return {
        "accuracy": (tp + float((1 - chance[~said]).sum())) / len(scores),
        "f1": 2 * tp / (tp + fn + float(said.sum())),
        "roc_auc": wins / (float(positives.sum() * negatives.sum()) - self_pairs),
        "brier": float((scores**2 + chance * (1 - 2 * scores)).mean()),
    }


def _formula(rng: np.random.Generator, count: int) -> Iterator[Source]:
    """Calibrated scores with the bank's churn rate and about its AUC; 10,000 rows stored with the version."""
    for number in range(count):
        scores = np.clip(rng.beta(0.55, 2.1, 110_000), 1e-4, 1 - 1e-4)
        labels = (rng.random(10_000) < scores[:10_000]).astype(np.int64)
        # the better the score, the likelier an age between 40 and 60, as in the bank
        ages = np.where(rng.random(100_000) < 0.2 + 0.6 * scores[10_000:], 50.0, 30.0)
        stored = CalibrationBins.of(scores[:10_000], labels)
        yield Source(str(number), scores[10_000:], scores[10_000:], ages, stored)


def _bank(schema: Schema, number: int) -> tuple[Source, Developed]:
    """A model trained on 10,000 customers of one bank, and 50,000 others of it."""
    bank = next(SyntheticBank(10_000, seed=3_000 + number).chunks())
    rows = read_table(bank[[schema.id_column, *schema.names, schema.label.column]], schema, "synthetic")
    developed, stored = _trained(rows, schema, number)
    others = pd.concat(SyntheticBank(50_000, seed=7_000 + number).chunks(), ignore_index=True)
    return _source(str(number), developed, others, truth(others), schema, stored), developed


def _split(rows: Table, schema: Schema, number: int) -> Source:
    """A model trained on one split of the table, and its held-out customers, whose labels are their truth.

    Unlike what a version stores, its calibration here leaves them out: windows are drawn from them.
    """
    test = held_out(rows.customers, rows.y, number)
    developed = develop(rows, test, schema, number)
    _, y = outside(rows, test)
    held = developed.held_out
    stored = CalibrationBins.of(developed.candidate.scores, y)
    return Source(str(number), held.scores, held.y.astype(np.float64), held.X["Age"].to_numpy(np.float64), stored)


def _trained(rows: Table, schema: Schema, seed: int) -> tuple[Developed, CalibrationBins]:
    test = held_out(rows.customers, rows.y, seed)
    developed = develop(rows, test, schema, seed)
    _, y = outside(rows, test)
    scores: Floats = np.concatenate([developed.candidate.scores, developed.held_out.scores])
    labels: Labels = np.concatenate([y, developed.held_out.y])
    return developed, CalibrationBins.of(scores, labels)


def _source(
    name: str, developed: Developed, frame: pd.DataFrame, chance: Floats, schema: Schema, stored: CalibrationBins
) -> Source:
    scores = positive_probabilities(developed.fitted.classifier, frame[list(schema.names)])
    return Source(name, scores, chance, frame["Age"].to_numpy(np.float64), stored)


def _draw(source: Source, size: int, change: Change, rng: np.random.Generator) -> Histogram:
    """A window of so many customers: without replacement where there are enough."""
    rows = rng.choice(len(source.scores), size, replace=size > len(source.scores))
    labels = rng.random(size) < change(source.truth[rows], source.ages[rows], rng)
    return _histogram(source.scores[rows], labels)


def _histogram(scores: Floats, labels: npt.NDArray[np.bool_]) -> Histogram:
    place = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    negatives = np.bincount(place[~labels], minlength=SCORE_BINS)
    positives = np.bincount(place[labels], minlength=SCORE_BINS)
    return np.stack([negatives + positives, negatives, positives])


def _changed(histogram: Histogram, calibration: Calibration, *, inputs_drifted: bool) -> bool:
    found = judge_relation(
        histogram,
        np.zeros_like(histogram),
        calibration,
        alpha=LEVELS.relation,
        min_records=MIN_RECORDS,
        inputs_drifted=inputs_drifted,
    )
    return found is not None and found.changed


def _worse(histogram: Histogram, stored: CalibrationBins) -> bool:
    found = judge_worsening(histogram, histogram, stored, alpha=LEVELS.performance, min_records=MIN_RECORDS)
    return found is not None and found.worse


def _days(source: Source, change: Change, streams: int, rng: np.random.Generator) -> list[int | None]:
    """Days to the first alarm in each stream, of 180 days if nothing changes, else of 60."""
    calibration = source.calibration
    nothing = change is CHANGES["nothing"]
    found: list[int | None] = []
    for _ in range(streams):
        state, first = NOTHING_YET, None
        for day in range(1, (180 if nothing else 60) + 1):
            evidence = log_evidence(Labelled.of(_draw(source, LABELS_A_DAY, change, rng)), calibration)
            state, alarm = added_up(state, evidence, LEVELS.detector)
            if alarm:
                first = day
                break
        found.append(first)
    return found


def _share(found: list[list[bool]]) -> str:
    """Of all windows, each source's in a list of its own: windows of one source have its calibration in common."""
    return _with_error(np.array([np.mean(of_source) for of_source in found]), sum(map(len, found)))


def _with_error(shares: Floats, count: int) -> str:
    """Their mean, and its standard error: between sources, and at least that of so many windows."""
    mean = float(shares.mean())
    between = float(shares.std(ddof=1)) / np.sqrt(len(shares)) if len(shares) > 1 else 0.0
    return f"{mean:.3f} ± {max(between, np.sqrt(mean * (1 - mean) / count)):.3f}"


def _delay(days: list[int | None]) -> str:
    alarms = sorted(day for day in days if day is not None)
    if not alarms:
        return f"none of {len(days)}"
    return f"{np.median(alarms):.0f} ({len(alarms)} of {len(days)})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows, one model")
    parser.add_argument("--data", type=Path, help="a table of the bank_churn schema")
    parser.add_argument("--models", type=int, help="banks and splits; 10, or 1 with --quick")
    return parser.parse_args()


if __name__ == "__main__":
    main()
