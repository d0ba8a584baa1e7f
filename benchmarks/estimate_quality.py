"""How often verdicts on labels are right (relation, performance, withdrawal), and how close and honest estimates are.

Scores come from models of ten synthetic banks, whose truth is known, and from models of ten halves of a table, whose
other halves are drawn from. Each figure stands with its standard error. Nothing here was used to choose a rule or a
number: the seeds are others.

    python benchmarks/estimate_quality.py --data Churn_Modelling.csv --nannyml PYTHON

Leave out ``--data`` if there is no table. ``--nannyml`` is the interpreter of an environment in which NannyML is
installed. ``--quick`` takes a tenth of the windows, and one model of each kind. Takes about ten minutes on one core.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from cbpe import ScoredWindow, cbpe
from label_sources import (
    CHANGES,
    INPUT_DRIFTS,
    Change,
    Source,
    bank,
    draw,
    half,
    higher_brier,
    histogram_of,
    nothing,
    scored,
)
from label_windows import METRICS, Judge, StreamAlarms, expected_metrics, plain_slide, sums_of, watched

from contract.arrays import Floats
from contract.schema import Schema, load_schema
from contract.windows import Estimate
from monitor.budget import Levels, levels
from monitor.timeline.estimate import estimate
from monitor.timeline.metrics import performance
from monitor.verdicts.calibration import Histogram
from monitor.verdicts.estimate import recalibrated
from monitor.verdicts.withdrawal import Withdrawal
from producer.synthetic import SyntheticBank
from training.selection.develop import Developed
from training.table.prepare import read_table

HOUR = 3_600_000
DAY = 24 * HOUR
FALSE_ALERTS = 0.5
DAILY = levels(FALSE_ALERTS, DAY)
SIZES = (200, 1_000, 5_000)
POWER_SIZE = 1_000
LABELS_A_DAY = 333
KINDS = ("relation", "detector", "performance", "worsening", "withdrawn")
LARGE = 30_000
PEER_MODELS = 2
"""Models of each kind that NannyML is asked about, because it takes long to start."""


class Amounts(NamedTuple):
    """How much is drawn of each source; ``models`` of each kind."""

    models: int = 10
    windows: int = 300
    runs: int = 50
    streams: int = 4
    months: int = 1
    estimates: int = 40
    repeated: int = 100


QUICK = Amounts(models=1, windows=40, runs=10, streams=2, months=1, estimates=6, repeated=20)


def main() -> None:
    arguments = _arguments()
    amounts = QUICK if arguments.quick else Amounts()
    rng = np.random.default_rng(2_027)
    schema = load_schema("bank_churn")
    banks = [bank(schema, number, 10_000) for number in range(amounts.models)]
    sources = {
        "synthetic banks": [source for source, _ in banks],
    }
    if arguments.data:
        rows = read_table(arguments.data, schema)
        sources["halves of the table"] = [half(rows, schema, number) for number in range(amounts.models)]
    _said("the models are trained")
    _false_alerts(sources, amounts, rng)
    _power(sources, amounts, rng)
    _input_drift(schema, banks, amounts, rng)
    _worse(sources, amounts, rng)
    large = [bank(schema, 50 + number, LARGE)[0] for number in range(max(amounts.models // 2, 1))]
    _estimates("synthetic banks", sources["synthetic banks"], amounts, rng, arguments.nannyml)
    _estimates(f"synthetic banks of {LARGE:,}", large, amounts, rng, arguments.nannyml)
    if arguments.data:
        tables = sources["halves of the table"]
        _estimates("halves of the table", tables, amounts, rng, arguments.nannyml, known=False)
    _realised(sources, amounts, rng)
    _repeated(sources["synthetic banks"], amounts, rng)


def _false_alerts(sources: dict[str, list[Source]], amounts: Amounts, rng: np.random.Generator) -> None:
    budget = sum(_a_month(DAILY, kind) for kind in KINDS[:-1])
    print(f"\nNothing changed: incidents a month of 30 days, at most {budget:.2f} of {FALSE_ALERTS} are for labels\n")
    print("| source | windows | " + " | ".join(KINDS) + " | windows looked at |")
    print("|---|---|" + "--:|" * (len(KINDS) + 1))
    for name, of_kind in sources.items():
        for size in _sizes(of_kind):
            _row_of_false_alerts(name, f"daily, n = {size:,}", of_kind, size, DAILY, 1, amounts.windows, 30.0, rng)
        weekly = levels(FALSE_ALERTS, 7 * DAY)
        _row_of_false_alerts(name, "weekly, n = 1,000", of_kind, 1_000, weekly, 1, amounts.windows, 30 / 7, rng)
        hourly = levels(FALSE_ALERTS, HOUR)
        slides = amounts.months * 720
        _row_of_false_alerts(name, "a day, each hour, n = 1,008", of_kind, 42, hourly, 24, slides, 720.0, rng)


def _sizes(sources: list[Source]) -> list[int]:
    """Those of windows that have not most of their customers in common."""
    return [size for size in SIZES if 5 * size <= min(len(source.scores) for source in sources)]


def _row_of_false_alerts(
    name: str,
    title: str,
    sources: list[Source],
    size: int,
    of_slide: Levels,
    length: int,
    slides: int,
    a_month: float,
    rng: np.random.Generator,
) -> None:
    found = [watched(Judge(source, of_slide), slides, plain_slide(source, size, rng), length) for source in sources]
    cells = [_rate([alarms.counts.get(kind, 0) for alarms in found], slides / a_month) for kind in KINDS[:-1]]
    withdrawn = sum(alarms.counts.get("withdrawn", 0) for alarms in found)
    looked = slides * len(sources)
    print(f"| {name} | {title} | " + " | ".join(cells) + f" | {withdrawn} in all | {looked:,} |", flush=True)


def _power(sources: dict[str, list[Source]], amounts: Amounts, rng: np.random.Generator) -> None:
    print("\nRelation: share of windows found, a window a day; estimates withdrawn within two windows of 1,000;")
    print(f"days of {LABELS_A_DAY} labels to the detector's alarm, median\n")
    print("| source | change | n = 200 | n = 1,000 | n = 5,000 | two windows of 1,000 | withdrawn | detector |")
    print("|---|---|" + "--:|" * 6)
    for name, of_kind in sources.items():
        for title, change in CHANGES.items():
            judges = [Judge(source, DAILY) for source in of_kind]
            cells = [
                _share(
                    [
                        [judge(_labels(source, size, change, rng)).changed for _ in range(amounts.runs)]
                        for source, judge in zip(of_kind, judges, strict=True)
                    ]
                )
                for size in SIZES
            ]
            twice, withdrawn = [], []
            for source, judge in zip(of_kind, judges, strict=True):
                pairs = [
                    [judge(_labels(source, POWER_SIZE, change, rng)) for _ in range(2)] for _ in range(amounts.runs)
                ]
                twice.append([any(one.changed for one in pair) for pair in pairs])
                withdrawn.append(
                    [
                        Withdrawal().after(0, 1, first.relation).after(1, 2, second.relation).since is not None
                        for first, second in pairs
                    ]
                )
            days = _days(of_kind, [change] * len(of_kind), "detector", amounts, rng)
            cells += [_share(twice), _share(withdrawn), days]
            print(f"| {name} | {title} | " + " | ".join(cells) + " |", flush=True)


def _input_drift(
    schema: Schema, banks: list[tuple[Source, Developed]], amounts: Amounts, rng: np.random.Generator
) -> None:
    print("\nInput drift alone, relation unchanged: share of windows called changed (where drift went unnoticed)\n")
    print("| drift | n = 200 | n = 1,000 | n = 5,000 |\n|---|--:|--:|--:|")
    others = pd.concat(SyntheticBank(20_000, seed=909).chunks(), ignore_index=True)
    for name, drift in INPUT_DRIFTS.items():
        frame = drift(others.copy(), rng)
        drifted = [scored(name, developed, frame, schema, source.reference) for source, developed in banks]
        judges = [Judge(source, DAILY) for source in drifted]
        cells = []
        for size in SIZES:
            told, not_told = (
                _share(
                    [
                        [
                            judge(_labels(source, size, nothing, rng), inputs_drifted=noticed).changed
                            for _ in range(amounts.runs)
                        ]
                        for source, judge in zip(drifted, judges, strict=True)
                    ]
                )
                for noticed in (True, False)
            )
            cells.append(f"{told} ({not_told})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _worse(sources: dict[str, list[Source]], amounts: Amounts, rng: np.random.Generator) -> None:
    print("\nPerformance: share of windows called worse, a window a day, and days to the detector's alarm\n")
    print("| source | Brier score against the held-out one | n = 200 | n = 1,000 | n = 5,000 | detector |")
    print("|---|---|" + "--:|" * 4)
    for name, of_kind in sources.items():
        for factor in (1.1, 1.2, 1.3, 1.5):
            changes = [higher_brier(source, factor) for source in of_kind]
            judges = [Judge(source, DAILY) for source in of_kind]
            cells = [
                _share(
                    [
                        [judge(_labels(source, size, change, rng)).worse for _ in range(amounts.runs)]
                        for source, judge, change in zip(of_kind, judges, changes, strict=True)
                    ]
                )
                for size in SIZES
            ]
            cells.append(_days(of_kind, changes, "worsening", amounts, rng))
            print(f"| {name} | × {factor} | " + " | ".join(cells) + " |", flush=True)


def _days(
    sources: list[Source], changes: Sequence[Change], kind: str, amounts: Amounts, rng: np.random.Generator
) -> str:
    """Median of the days to the first alarm, and how many of the streams of 60 days had one."""
    found: list[StreamAlarms] = []
    for source, change in zip(sources, changes, strict=True):
        judge = Judge(source, DAILY)
        for _ in range(amounts.streams):
            found.append(
                watched(judge, 60, lambda s=source, c=change: _labels(s, LABELS_A_DAY, c, rng), 1, kind)  # type: ignore[misc]
            )
    days = [alarms.first[kind] for alarms in found if kind in alarms.first]
    return f"{np.median(days):.0f} ({len(days)} of {len(found)})" if days else f"none of {len(found)}"


def _estimates(
    title: str,
    sources: list[Source],
    amounts: Amounts,
    rng: np.random.Generator,
    nannyml: str | None,
    *,
    known: bool = True,
) -> None:
    """Without labels: mean error over that of an estimate that knows the truth (the floor), and coverage.

    The theory: an estimate that is as sure as ``m`` rows can make it has root (1 + n/m) times the floor's error.
    """
    stored = int(np.mean([len(source.reference[0]) for source in sources]))
    told = "over the floor" if known else "× 100"
    print(f"\nEstimates, {title}, {stored:,} rows stored with the version: error {told}, and coverage\n")
    print(
        "| n | metric | least possible | model's own | coverage | as windows have it | coverage | NannyML | coverage |"
    )
    print("|--:|---|" + "--:|" * 7)
    for size in _sizes(sources)[1:]:
        tallies = {(way, name): _Tally() for way in ("own", "ours", "nannyml", "floor") for name in METRICS}
        for place, source in enumerate(sources):
            drawn = [draw(source, size, nothing, rng) for _ in range(amounts.estimates)]
            asked = nannyml is not None and place < PEER_MODELS and size == POWER_SIZE
            others = (
                cbpe(str(nannyml), source, [ScoredWindow(scores, labels) for scores, _, labels in drawn])
                if asked
                else []
            )
            calibration = source.calibration.for_estimates()
            for number, (scores, chance, labels) in enumerate(drawn):
                sums = sums_of(scores, labels, source.threshold)
                own = estimate(sums)
                ours = recalibrated(own, sums.histogram[0], calibration)
                floor = expected_metrics(scores, chance, source.threshold)
                for name, value in expected_metrics(scores, labels.astype(np.float64), source.threshold).items():
                    tallies["own", name].add(source.name, getattr(own, name), value)
                    tallies["ours", name].add(source.name, getattr(ours, name), value)
                    tallies["floor", name].add(source.name, Estimate(floor[name], 0, 1), value)
                    if others:
                        tallies["nannyml", name].add(source.name, others[number].get(name), value)
        for name in METRICS:
            known_floor = tallies["floor", name] if known else None
            least = f"{np.sqrt(1 + size / stored):.2f}" if known else ""
            cells = [tallies[way, name].cells(known_floor) for way in ("own", "ours", "nannyml")]
            print(f"| {size:,} | {name} | {least} | " + " | ".join(cells) + " |", flush=True)


class _Tally:
    """Errors and coverage of an estimate over windows of several sources."""

    def __init__(self) -> None:
        self.errors: dict[str, list[float]] = {}
        self._covered: dict[str, list[bool]] = {}

    def add(self, source: str, found: Estimate | None, realised: float) -> None:
        if found is None:
            return
        self.errors.setdefault(source, []).append(abs(found.value - realised))
        self._covered.setdefault(source, []).append(found.low <= realised <= found.high)

    def cells(self, floor: "_Tally | None") -> str:
        if not self.errors:
            return " | "
        if floor is None:
            of_sources = np.array([100 * np.mean(errors) for errors in self.errors.values()])
        else:
            of_sources = np.array(
                [np.mean(errors) / np.mean(floor.errors[name]) for name, errors in self.errors.items()]
            )
        return f"{of_sources.mean():.2f} ± {_standard_error(of_sources):.2f} | {_share(list(self._covered.values()))}"


def _realised(sources: dict[str, list[Source]], amounts: Amounts, rng: np.random.Generator) -> None:
    """A table's half is taken for all there is, and windows are drawn from it with replacement."""
    print("\nRealised metrics: coverage of their intervals\n")
    print("| source | n | " + " | ".join(METRICS) + " |\n|---|--:|" + "--:|" * len(METRICS))
    for name, of_kind in sources.items():
        for size in SIZES:
            covered: dict[str, list[list[bool]]] = {metric: [[] for _ in of_kind] for metric in METRICS}
            for number, source in enumerate(of_kind):
                truths = expected_metrics(source.scores, source.truth, source.threshold)
                for _ in range(amounts.windows):
                    rows = rng.integers(len(source.scores), size=size)
                    labels = (rng.random(size) < source.truth[rows]).astype(np.int64)
                    found = performance(sums_of(source.scores[rows], labels, source.threshold)).intervals
                    for metric in METRICS:
                        low, high = found[metric]
                        covered[metric][number].append(low <= truths[metric] <= high)
            print(f"| {name} | {size:,} | " + " | ".join(_share(covered[m]) for m in METRICS) + " |", flush=True)


def _repeated(sources: list[Source], amounts: Amounts, rng: np.random.Generator) -> None:
    """Each customer has one score and label, and a record for each day they are scored: 7 on average, or 7 all."""
    print("\nRepeated customers, synthetic banks: false alarms and coverage; then with rows taken for customers\n")
    print(
        "| customers | relation | estimated F1 | realised F1 | realised AUC | relation | estimated F1 | realised F1 |"
    )
    print("|---|" + "--:|" * 7)
    for customers in (200, 1_000):
        for title, often in (("7 each", None), ("7 on average", 6.0)):
            columns: list[list[list[bool]]] = [[[] for _ in sources] for _ in range(7)]
            for number, source in enumerate(sources):
                judge, calibration = Judge(source, DAILY), source.calibration.for_estimates()
                true = expected_metrics(source.scores, source.truth, source.threshold)
                for _ in range(amounts.repeated):
                    scores, _, labels = draw(source, customers, nothing, rng)
                    times = np.full(customers, 7) if often is None else 1 + rng.poisson(often, customers)
                    effect = float((times**2).sum() / times.sum())
                    histogram = histogram_of(scores, labels, times)
                    sums = sums_of(scores, labels, source.threshold, times)
                    real = expected_metrics(scores, labels.astype(np.float64), source.threshold, times)["f1"]
                    at: list[bool] = []
                    for used in (effect, 1.0):
                        f1 = recalibrated(estimate(sums, used), sums.histogram[0], calibration, effect=used).f1
                        ends = performance(sums, used).intervals
                        at.append(judge(histogram, effect=used).changed)
                        at.append(f1 is not None and f1.low <= real <= f1.high)
                        at.append(ends["f1"][0] <= true["f1"] <= ends["f1"][1])
                        if used > 1:
                            at.append(ends["roc_auc"][0] <= true["roc_auc"] <= ends["roc_auc"][1])
                    for column, one in zip(columns, at, strict=True):
                        column[number].append(one)
            cells = [_share(column) for column in columns]
            print(f"| {customers:,}, {title} | " + " | ".join(cells) + " |", flush=True)


def _labels(source: Source, size: int, change: Change, rng: np.random.Generator) -> Histogram:
    scores, _, labels = draw(source, size, change, rng)
    return histogram_of(scores, labels)


def _a_month(of_day: Levels, kind: str) -> float:
    """How many incidents a month a kind may have."""
    level = {
        "relation": of_day.relation,
        "performance": of_day.performance,
        "detector": 1 / of_day.detector,
        "worsening": 1 / of_day.worsening_detector,
    }
    return 30 * level[kind]


def _rate(counts: list[int], months: float) -> str:
    """Of each source; an error where nothing was seen is that of one in all."""
    rates = np.array(counts) / months
    error = max(_standard_error(rates), np.sqrt(max(sum(counts), 1)) / (months * len(counts)))
    return f"{rates.mean():.3f} ± {error:.3f}"


def _share(found: list[list[bool]]) -> str:
    """Of all windows, each source's in a list of its own, because they have its calibration in common."""
    shares = np.array([np.mean(of_source) for of_source in found])
    mean, count = float(shares.mean()), sum(map(len, found))
    return f"{mean:.3f} ± {max(_standard_error(shares), np.sqrt(mean * (1 - mean) / count)):.3f}"


def _standard_error(of_sources: Floats) -> float:
    return float(of_sources.std(ddof=1)) / np.sqrt(len(of_sources)) if len(of_sources) > 1 else 0.0


def _said(what: str) -> None:
    print(f"{what} after {time.process_time():.0f} s of processor time", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the windows, one model of each kind")
    parser.add_argument("--data", type=Path, help="a table of the bank_churn schema")
    parser.add_argument("--nannyml", help="an interpreter that has NannyML")
    return parser.parse_args()


if __name__ == "__main__":
    main()
    _said("done")
