"""Whether the demo's story is true of banks other than the demo's: each act by the monitor's own rules, all labels in.

    python benchmarks/demo/story.py

Each bank has a champion of its own, learned from 20,000 customers as in the demo. Windows are of three days, one a day.
Columns: means over banks, with the standard deviation between banks, of the windows that lie in an act whole; the share
of them that are drifted, and of those that labels show changed or worse (the detectors included).
"""

import argparse
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
import pandas as pd

from churnstream.demo.scenario import ACTS, DRIFTS, LABEL_DELAY, LABEL_SHARE, PERIOD, POSITIVE_LABEL_DELAY
from churnstream.demo.scenario import TRAINING_ROWS as ROWS
from contract.arrays import Floats, Labels
from contract.durations import DAY
from contract.models.bundle import SCORE_COLUMN
from contract.models.calibration import CalibrationBins
from contract.models.registry import positive_probabilities
from contract.panes import SCORE_BINS
from contract.schema import load_schema
from contract.settings import load_settings
from contract.split.held_out import held_out
from contract.windows import Drift
from monitor.budget import Levels, levels
from monitor.inputs.rule import InputReference, InputRule, judge
from monitor.verdicts.calibration import Calibration, Histogram, Labelled
from monitor.verdicts.evidence import NOTHING_YET, added_up
from monitor.verdicts.relation import judge_relation
from monitor.verdicts.worsening import NO_WORSENING_YET, judge_worsening
from producer.scenario_options import ScenarioOptions
from producer.synthetic import SyntheticBank
from training.selection.develop import develop
from training.table.prepare import outside, read_table

SCHEMA = load_schema("bank_churn")
DAYS = 3
MIN_RECORDS = 200


@dataclass(frozen=True)
class StoryWindow:
    """A window, from ``day`` on: its metrics, and what the rules say of it."""

    day: int
    f1: float
    accuracy: float
    brier: float
    drifted: bool
    changed: bool
    worse: bool


class StoryBank:
    """The champion of a bank, and the stream of the demo's scenario from its other customers."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        drawn = pd.concat(SyntheticBank(ROWS, seed + 1).chunks(), ignore_index=True)
        rows = read_table(drawn[[SCHEMA.id_column, *SCHEMA.names, SCHEMA.label.column]], SCHEMA, "synthetic")
        test = held_out(rows.customers)
        developed = develop(rows, test, SCHEMA, 42)
        learned, y = outside(rows, test)
        self._classifier = developed.fitted.classifier
        self._threshold = developed.candidate.threshold
        held = developed.held_out
        scores: Floats = np.concatenate([developed.candidate.scores, held.scores])
        labels: Labels = np.concatenate([y, held.y])
        self._stored = CalibrationBins.of(scores, labels)
        # as registered with a version: all rows that it has learned from, with out-of-fold scores
        self._reference = InputReference.of(learned.assign(**{SCORE_COLUMN: developed.candidate.scores}), SCHEMA)

    def windows(self, rows: int) -> list[StoryWindow]:
        """The demo's windows over ``rows`` customers, those that are whole."""
        options = ScenarioOptions(
            period=PERIOD,
            label_delay=LABEL_DELAY,
            positive_label_delay=POSITIVE_LABEL_DELAY,
            label_share=LABEL_SHARE,
            drifts=DRIFTS,
        )
        scenario = options.build(SCHEMA)
        source = SyntheticBank(rows, self.seed)
        chunk = pd.concat(source.chunks(), ignore_index=True)
        times = scenario.event_times(0, rows, rows)
        staged = scenario.apply(source, chunk, times, f"synthetic-{rows}-{self.seed}", 0)
        frame = staged.chunk[list(SCHEMA.names)]
        frame = frame.assign(**{SCORE_COLUMN: positive_probabilities(self._classifier, frame)})
        days = (staged.times - scenario.start) // DAY
        return self._measured(frame, days, staged.labels, staged.labelled, scenario.period // DAY)

    def _measured(
        self,
        frame: pd.DataFrame,
        days: "np.ndarray[tuple[int], np.dtype[np.int64]]",
        labels: "np.ndarray[tuple[int], np.dtype[np.int8]]",
        labelled: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
        last: int,
    ) -> list[StoryWindow]:
        of_tests: Levels = levels(0.5, DAY)
        rule = InputRule.of(load_settings(window=f"{DAYS}d", slide="1d"))
        calibration = Calibration.fitted(Labelled.of_bins(self._stored))
        scores = frame[SCORE_COLUMN].to_numpy(np.float64)
        detector, worsening = NOTHING_YET, NO_WORSENING_YET
        drifts: list[Drift | None] = []
        found = []
        for day in range(last - DAYS + 1):
            window = (days >= day) & (days < day + DAYS)
            newest = window & labelled & (days == day + DAYS - 1)
            previous = [drifts[at] if (at := day - DAYS * back) >= 0 else None for back in range(1, 17)]
            customers = np.flatnonzero(window).tolist()
            drift = judge(frame[window], self._reference, previous, rule=rule, customers=customers)
            drifts.append(drift)
            window &= labelled
            y, predicted = labels[window], scores[window] >= self._threshold
            histogram, last_slide = _histogram(scores[window], y), _histogram(scores[newest], labels[newest])
            relation = judge_relation(
                histogram,
                last_slide,
                calibration,
                alpha=of_tests.relation,
                min_records=MIN_RECORDS,
                inputs_drifted=drift.drifted,
            )
            worse = judge_worsening(
                histogram, last_slide, self._stored, alpha=of_tests.performance, min_records=MIN_RECORDS
            )
            if relation is None or worse is None:
                raise ValueError(f"window of day {day} has too few labels to be judged")
            detector, detected = added_up(detector, relation.evidence, of_tests.detector)
            worsening, told = added_up(worsening, worse.evidence, of_tests.worsening_detector)
            hits = int((predicted & (y == 1)).sum())
            found.append(
                StoryWindow(
                    day,
                    2 * hits / (int(predicted.sum()) + int(y.sum())),
                    float((predicted == y).mean()),
                    float(((scores[window] - y) ** 2).mean()),
                    drift.drifted,
                    relation.changed or detected,
                    worse.worse or told,
                )
            )
        return found


def _histogram(scores: Floats, labels: "np.ndarray[tuple[int], np.dtype[np.int8]]") -> Histogram:
    place = np.minimum((scores * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    negatives, positives = (np.bincount(place[labels == label], minlength=SCORE_BINS) for label in (0, 1))
    return np.stack([negatives + positives, negatives, positives]).astype(np.int64)


def _line(rows: int, number: int, banks: list[list[StoryWindow]]) -> str:
    act = ACTS[number]
    begin, end = (int((moment - ACTS[0].start) // DAY) for moment in (act.start, act.end))
    whole = [[one for one in windows if begin <= one.day and one.day + DAYS <= end] for windows in banks]
    metrics = [[_mean(windows, name) for windows in whole] for name in ("f1", "accuracy", "brier")]
    shown = [f"{fmean(values):.3f} ± {stdev(values):.3f}" for values in metrics]
    every = [one for windows in whole for one in windows]
    flags = [_mean(every, name) for name in ("drifted", "changed", "worse")]
    cells = [f"{rows:,}", act.name, *shown, *(f"{share:.2f}" for share in flags), _days(number, begin, banks)]
    return f"| {' | '.join(cells)} |"


def _mean(windows: list[StoryWindow], name: str) -> float:
    return fmean(getattr(one, name) for one in windows)


def _days(number: int, begin: int, banks: list[list[StoryWindow]]) -> str:
    """From the beginning of an act to the end of the first window that shows it, the range over banks."""
    if number == 0:
        return ""
    name = "drifted" if number == 1 else "changed"
    first = [
        next((one.day + DAYS - begin for one in windows if one.day + DAYS > begin and getattr(one, name)), None)
        for windows in banks
    ]
    known = [day for day in first if day is not None]
    missed = f", {len(first) - len(known)} never" if len(known) < len(first) else ""
    return f"{min(known)} to {max(known)}{missed}" if known else "never"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--banks", type=int, default=8)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--rows", type=int, nargs="+", default=[4_000, 20_000])
    asked = parser.parse_args()
    banks = [StoryBank(asked.seed + 10 * number) for number in range(asked.banks)]
    print("| customers | act | F1 | accuracy | Brier | drifted | relation changed | worse | days until it shows |")
    print("|--:|---|--:|--:|--:|--:|--:|--:|--:|")
    for rows in asked.rows:
        streams = [bank.windows(rows) for bank in banks]
        for number in range(len(ACTS)):
            print(_line(rows, number, streams), flush=True)


if __name__ == "__main__":
    main()
