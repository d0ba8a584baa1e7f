"""How close a window's nowcast is to its final metrics, compared with other figures that could be shown.

Each window has 2,000 records over three days. A label in ten never comes; the others take log-normal times whose
medians depend on the label. The window is looked at when a given share of those that come is there. Compared with its
final metrics are:

- nowcast: ``monitor.nowcast``, with delays learned from 10,000 earlier records;
- plain: the metrics of the labels so far;
- weighted: the same, each label with the inverse of the share of its class that has come by its age (IPW);
- label-free: the estimate from calibrated probabilities alone (``monitor.timeline.estimate``).

In half of the settings the relation has changed since training: of all labels, 15 % are flipped. In some, all delays
are shorter or longer than those that were learned. Scores are those of ``churnstream train``'s default model on
customers it has not seen: of the synthetic bank, and of a table. Everything is in several parts, each with a model of
its own, because windows of one part share it; simulation errors (±) are those of the mean over parts.

    python benchmarks/nowcast.py [--data Churn_Modelling.csv] [--quick]
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from contract.arrays import Floats, Labels, Mask
from contract.panes import SCORE_BINS, UNIT, Expected, ScoreBin, Summary
from contract.schema import load_schema
from contract.windows import Estimate
from monitor.nowcast.delays import DelayCurves
from monitor.nowcast.nowcast import NowcastPane, nowcast
from monitor.panes import HOUR
from monitor.timeline.estimate import estimate
from monitor.timeline.metrics import performance
from monitor.timeline.sums import Sums
from producer.synthetic import SyntheticBank
from training.selection.develop import develop
from training.table.prepare import Table, read_table

DATASET = "bank_churn"
METRICS = ("f1", "accuracy", "precision", "recall", "brier", "roc_auc")
METHODS = ("nowcast", "plain", "weighted", "label-free")
MEDIANS = {"positives sooner": (2, 10), "positives later": (10, 2), "alike": (4, 4)}
"""Days until half of the labels have come: of the positive ones, of the negative ones."""
SPREAD = 0.5
COVERAGES = (0.1, 0.3, 0.6)
FLIPS = (0.0, 0.15)
STRETCHES = (0.8, 1.3)
RECORDS = 2_000
HISTORY = 10_000
NEVER = 0.1
PANES = 12
SLIDE = 6 * HOUR
TRAINED = 8_000
HELD_OUT = 20_000
SPEED_ROUNDS = 300
SEED = 30_000
"""Of everything here. The prior of the recalibration was chosen on other seeds, and on made-up scores."""


class Pool(NamedTuple):
    """Customers that one model has not seen: its probabilities, their labels, and its threshold."""

    probability: Floats
    positive: Mask
    threshold: float


class Setting(NamedTuple):
    """How labels come, which share has, which share of all is flipped, and how much longer delays are than learned."""

    delays: str
    coverage: float
    flip: float = 0.0
    stretch: float = 1.0


@dataclass(frozen=True)
class Replayed:
    """Records with their labels, and what of it can be seen: ``come`` by now, ``final`` ever. Ages in ms, of now."""

    probability: Floats
    positive: Mask
    predicted: Mask
    threshold: float
    age: Floats
    youngest: float
    come: Mask
    final: Mask

    def summary(self, seen: Mask) -> Summary:
        """The sums of all records and of the labels ``seen``."""
        p, y, guess = self.probability, self.positive, self.predicted
        records, negatives, positives = (
            np.bincount(_bins(p[which]), minlength=SCORE_BINS).tolist()
            for which in (np.ones_like(seen), seen & ~y, seen & y)
        )
        return Summary(
            records=len(p),
            labelled=int(seen.sum()),
            tn=int((seen & ~y & ~guess).sum()),
            fp=int((seen & ~y & guess).sum()),
            fn=int((seen & y & ~guess).sum()),
            tp=int((seen & y & guess).sum()),
            squared_error=round(float(((p - y)[seen] ** 2).sum()) * UNIT),
            expected_negative=_sums(p[~guess]),
            expected_positive=_sums(p[guess]),
            scores={
                index: ScoreBin(*counts)
                for index, counts in enumerate(zip(records, negatives, positives, strict=True))
                if counts[0]
            },
        )

    @property
    def place(self) -> Labels:
        """Each record's pane, the youngest first."""
        return np.minimum(((self.age - self.youngest) // SLIDE).astype(np.int64), PANES - 1)

    def panes(self) -> list[NowcastPane]:
        """Score bins by slide of event time, as if now were at time 0."""
        place = self.place
        found = []
        for pane in range(PANES):
            here = place == pane
            counts = [
                np.bincount(_bins(self.probability[which]), minlength=SCORE_BINS)
                for which in (here, here & self.come & ~self.positive, here & self.come & self.positive)
            ]
            start = -round(self.youngest) - (pane + 1) * SLIDE
            found.append(NowcastPane(start, np.arange(SCORE_BINS), counts[0], counts[1], counts[2]))
        return found


def draw_delays(generator: np.random.Generator, positive: Mask, delays: str) -> Floats:
    """Ms from record to label; infinite for one that never comes."""
    medians = MEDIANS[delays]
    days = generator.lognormal(np.log(np.where(positive, medians[0], medians[1])), SPREAD)
    return np.where(generator.random(len(positive)) < NEVER, np.inf, days * 24 * HOUR)


def draw_window(generator: np.random.Generator, pool: Pool, setting: Setting) -> Replayed:
    """Customers of the pool, none twice, at the moment when the share of labels has come."""
    drawn = generator.choice(len(pool.positive), RECORDS, replace=False)
    p, y = pool.probability[drawn], pool.positive[drawn]
    y = y ^ (generator.random(RECORDS) < setting.flip)
    delay = setting.stretch * draw_delays(generator, y, setting.delays)
    since_close = generator.uniform(0, PANES * SLIDE, RECORDS)
    final = np.isfinite(delay)
    youngest = max(float(np.quantile((delay - since_close)[final], setting.coverage)), 0.0)
    age = since_close + youngest
    return Replayed(p, y, p >= pool.threshold, pool.threshold, age, youngest, delay <= age, final)


def learn_delays(generator: np.random.Generator, pool: Pool, delays: str) -> DelayCurves:
    """The delay curves of earlier records, whose labels are in."""
    positive = generator.choice(pool.positive, HISTORY)
    delay = draw_delays(generator, positive, delays)
    hours = [np.unique_counts((delay[which] // HOUR).astype(int)) for which in _final_by_class(delay, positive)]
    negative, positives = (dict(zip(one.values.tolist(), one.counts.tolist(), strict=True)) for one in hours)
    return DelayCurves.of(negative, positives, HISTORY)


def _final_by_class(delay: Floats, positive: Mask) -> tuple[Mask, Mask]:
    return np.isfinite(delay) & ~positive, np.isfinite(delay) & positive


def weighted_f1(window: Replayed, delays: DelayCurves) -> float:
    """F1 of the labels so far, each weighted by the inverse of the share of its class that has come (IPW)."""
    youngest = window.youngest + SLIDE * np.arange(PANES, dtype=np.float64)
    shares = [delays.arrived(label, youngest, youngest + SLIDE).at(0.0).share[window.place] for label in (0, 1)]
    weight = window.come / np.maximum(np.where(window.positive, shares[1], shares[0]), 0.01)
    tp, wrong = (
        float(weight[which].sum()) for which in (window.positive & window.predicted, window.positive ^ window.predicted)
    )
    return 2 * tp / (2 * tp + wrong) if tp + wrong else 0.0


def _bins(probability: Floats) -> Labels:
    return np.minimum((probability * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)


def _sums(probability: Floats) -> Expected:
    return Expected(
        len(probability), round(float(probability.sum()) * UNIT), round(float((probability**2).sum()) * UNIT)
    )


class Measured(NamedTuple):
    """By method and metric, one a window: what is told less the final value, and whether the interval held that."""

    error: dict[str, dict[str, list[float]]]
    held: dict[str, dict[str, list[float]]]


def measure(generator: np.random.Generator, pool: Pool, setting: Setting, windows: int) -> Measured:
    """All methods on windows of one pool, each with a history of its own."""
    found = Measured(_by_method(), _by_method())
    for _ in range(windows):
        delays = learn_delays(generator, pool, setting.delays)
        window = draw_window(generator, pool, setting)
        final, totals = performance(Sums.of(window.summary(window.final))), window.summary(window.come)
        told = nowcast(window.panes(), totals, window.threshold, SLIDE, 0, delays)
        assert told is not None
        sources = {
            "nowcast": told.performance,
            "plain": performance(Sums.of(totals)),
            "label-free": estimate(Sums.of(totals)),
        }
        for metric in METRICS:
            truth = getattr(final, metric)
            for method, source in sources.items():
                value = getattr(source, metric)
                if isinstance(value, Estimate):
                    found.held[method][metric].append(value.low <= truth <= value.high)
                    value = value.value
                # what is undefined so far counts as 0
                found.error[method][metric].append((value or 0.0) - truth)
        assert final.f1 is not None
        found.error["weighted"]["f1"].append(weighted_f1(window, delays) - final.f1)
    return found


def _by_method() -> dict[str, dict[str, list[float]]]:
    return {name: {metric: [] for metric in METRICS} for name in METHODS}


def bank_pools(parts: int) -> Iterator[Pool]:
    """A model for each part, trained on 8,000 customers of a synthetic bank, and 20,000 others."""
    for part in range(parts):
        frame = pd.concat(list(SyntheticBank(TRAINED + HELD_OUT, SEED + part).chunks()))
        rows = read_table(frame, load_schema(DATASET), "the synthetic bank")
        yield _pool(rows, np.arange(len(rows.y)) >= TRAINED, part)


def table_pools(table: Path, parts: int) -> Iterator[Pool]:
    """A model for each part, trained on one half of the table, and the other half, split at random."""
    rows = read_table(table, load_schema(DATASET))
    for part in range(parts):
        yield _pool(rows, np.random.default_rng([SEED, part]).random(len(rows.y)) < 0.5, part)


def _pool(rows: Table, test: Mask, part: int) -> Pool:
    developed = develop(rows, test, load_schema(DATASET), SEED + part)
    return Pool(developed.held_out.scores, developed.held_out.y == 1, developed.fitted.threshold)


Cell = tuple[Setting, list[Measured]]
"""What was measured in one setting, by part."""


def run(name: str, pools: list[Pool], windows: int) -> None:
    """Measure everything on one kind of pool, and print it."""
    settings = [
        *(Setting(delays, coverage, flip) for delays in MEDIANS for coverage in COVERAGES for flip in FLIPS),
        *(Setting(delays, 0.3, stretch=stretch) for delays in MEDIANS for stretch in STRETCHES),
    ]
    cells: list[Cell] = []
    for place, setting in enumerate(settings):
        of_parts = [
            measure(np.random.default_rng([SEED, place, part]), pool, setting, windows)
            for part, pool in enumerate(pools)
        ]
        cells.append((setting, of_parts))
    print(f"\n### {name}: {len(pools)} parts of {windows} windows of {RECORDS:,} records\n")
    _print_f1(cells)
    _print_others(cells)
    _print_verdict(cells)


def _print_f1(cells: list[Cell]) -> None:
    print(
        "F1: mean absolute error ± its simulation error (bias), and how often the 95 % interval held the final value\n"
    )
    print(f"| labels | come | changed | {' | '.join(METHODS)} | nowcast's interval | label-free's |")
    print(f"|---|--:|---|{'--:|' * (len(METHODS) + 2)}")
    for setting, measured in cells:
        errors = []
        for method in METHODS:
            (error, sure), (bias, _) = (_mean_over_parts(measured, method, taken) for taken in (absolute, plainly))
            errors.append(f"{error:.3f} ± {sure:.3f} ({bias:+.3f})")
        held = [_held(measured, method, "f1") for method in ("nowcast", "label-free")]
        told = [f"{100 * share:.1f} ± {100 * error:.1f} %" for share, error in held]
        print(f"| {_name(setting)} | {' | '.join(errors + told)} |")


def _print_others(cells: list[Cell]) -> None:
    others = METRICS[1:]
    print(
        "\nOther metrics: mean absolute error of nowcast / plain / label-free, and how often nowcast's interval held\n"
    )
    print(f"| labels | come | changed | {' | '.join(others)} |")
    print(f"|---|--:|---|{'--:|' * len(others)}")
    for setting, measured in cells:
        shown = []
        for metric in others:
            errors = [
                _mean_over_parts(measured, method, absolute, metric)[0] for method in ("nowcast", "plain", "label-free")
            ]
            shown.append(
                " / ".join(f"{error:.3f}" for error in errors)
                + f" · {100 * _held(measured, 'nowcast', metric)[0]:.0f} %"
            )
        print(f"| {_name(setting)} | {' | '.join(shown)} |")


def _print_verdict(cells: list[Cell]) -> None:
    """The worst cell of each line that the nowcast is held to."""
    cells = [cell for cell in cells if cell[0].stretch == 1.0]
    f1 = {setting: {m: _mean_over_parts(one, m, absolute)[0] for m in METHODS} for setting, one in cells}
    early = max(one["nowcast"] for setting, one in f1.items() if setting.coverage < 0.3)
    later = max(one["nowcast"] for setting, one in f1.items() if setting.coverage >= 0.3)
    above = max(one["nowcast"] - one["label-free"] for one in f1.values())
    of_plain = max(one["nowcast"] / one["plain"] for setting, one in f1.items() if setting.delays != "alike")
    held = [
        (_held(one, "nowcast", metric)[0], metric, setting)
        for setting, one in cells
        if not setting.flip
        for metric in METRICS
    ]
    print("\n| held to | worst |\n|---|--:|")
    print(f"| error of F1 at most 0.060 at 10 % | {early:.3f} |")
    print(f"| error of F1 at most 0.035 from 30 % on | {later:.3f} |")
    print(f"| above the label-free estimate's by at most 0.012 | {above:+.3f} |")
    print(f"| at most a quarter of the plain metric's where delays depend on the label | {of_plain:.2f} |")
    for bound, (share, metric, setting) in (("least", min(held)), ("most", max(held))):
        place = f"{metric}, {setting.delays}, {setting.coverage:.0%}"
        print(f"| intervals hold 95 ± 3 % where nothing changed: {bound} | {100 * share:.1f} % ({place}) |")


def _name(setting: Setting) -> str:
    change = f"{setting.flip:.0%} flipped" if setting.flip else "nothing"
    if setting.stretch != 1.0:
        change = f"delays × {setting.stretch}"
    return f"{setting.delays} | {setting.coverage:.0%} | {change}"


def absolute(errors: list[float]) -> float:
    return float(np.abs(errors).mean())


def plainly(errors: list[float]) -> float:
    return float(np.mean(errors))


def _mean_over_parts(
    measured: list[Measured], method: str, taken: Callable[[list[float]], float], metric: str = "f1"
) -> tuple[float, float]:
    return _with_error([taken(one.error[method][metric]) for one in measured])


def _held(measured: list[Measured], method: str, metric: str) -> tuple[float, float]:
    return _with_error([plainly(one.held[method][metric]) for one in measured])


def _with_error(by_part: list[float]) -> tuple[float, float]:
    """Mean over parts, and its standard error."""
    spread = float(np.std(by_part, ddof=1)) if len(by_part) > 1 else np.nan
    return float(np.mean(by_part)), spread / np.sqrt(len(by_part))


def _print_speed(pool: Pool) -> None:
    """One window of 24 panes with all bins taken, on this machine as it is now."""
    generator = np.random.default_rng(SEED)
    bins = np.arange(SCORE_BINS)
    panes = []
    totals = Summary()
    for pane in range(24):
        records = generator.integers(1, 20, SCORE_BINS)
        positives = generator.binomial(records, (bins + 0.5) / SCORE_BINS * 0.3)
        negatives = generator.binomial(records - positives, 0.3)
        panes.append(NowcastPane(-(pane + 1) * SLIDE, bins, records, negatives, positives))
        totals.records += int(records.sum())
        totals.tn += int(negatives[:300].sum())
        totals.fp += int(negatives[300:].sum())
        totals.fn += int(positives[:300].sum())
        totals.tp += int(positives[300:].sum())
        totals.expected_negative.records += int(records[:300].sum())
        totals.expected_positive.records += int(records[300:].sum())
    delays = learn_delays(generator, pool, "positives later")
    began = time.process_time()
    for _ in range(SPEED_ROUNDS):
        nowcast(panes, totals, 0.3, SLIDE, 0, delays)
    took = 1_000 * (time.process_time() - began) / SPEED_ROUNDS
    print(f"\none window of 24 panes and 1,000 bins: {took:.2f} ms of CPU, mean of {SPEED_ROUNDS}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, help="the public table of bank churn")
    arguments.add_argument("--quick", action="store_true", help="a twentieth of the windows")
    given = arguments.parse_args()
    parts, windows = (4, 10) if given.quick else (20, 25)
    bank = list(bank_pools(parts))
    run("Synthetic bank", bank, windows)
    if given.data is not None:
        run("Public table", list(table_pools(given.data, parts)), windows)
    _print_speed(bank[0])


if __name__ == "__main__":
    main()
