"""What the window book costs by the age of the stream, without Kafka: CPU of a message, of a label, and memory.

Hourly windows of a day. Each pane's labels, nine in ten, come two days later; label lateness is 60 days, so panes stay
alive for 122 days. Prints a row for each age, with the ratio of memory to the first.

Run it with ``.venv/bin/python benchmarks/window_book.py``; it takes an hour for the whole year.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import msgspec
import numpy as np
import psutil

from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane
from contract.records import features_type
from contract.schema import parse_schema
from contract.windows import Drift
from monitor.join.columns.features import FeatureReader
from monitor.join.columns.sums import PaneSums
from monitor.timeline.samples import Sample
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook

HOUR = 3_600_000
DAY = 24 * HOUR
_BEGIN = 1_760_000_000_000 // DAY * DAY
_LABELS_AFTER = 2 * DAY
_SCHEMA = parse_schema(
    {
        "name": "t",
        "id": "Id",
        "label": {"column": "y"},
        "features": {f"amount_{i}": {"kind": "numeric", "missing": True} for i in range(10)},
    }
)
_FEATURES = features_type(_SCHEMA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, nargs="+", default=[1, 65, 125, 245, 365], help="ages to measure at")
    parser.add_argument("--partitions", type=int, default=24)
    parser.add_argument("--records", type=int, default=50, help="records per pane")
    given = parser.parse_args()
    models = [ModelRef("churn", 1), ModelRef("churn", 2, "challenger")]
    stream = HourlyStream(models, given.partitions, given.records)
    print(
        "| age, days | message with nothing new, ms CPU | corrected label, ms CPU | windows it revises | pane, µs CPU "
        "| resident MB | ratio |\n|---|---|---|---|---|---|---|"
    )
    alone = 0.0
    for age in given.days:
        while stream.age < age:
            stream.day()
        nothing = _milliseconds(stream.nothing, 200)
        revised = [0]
        label = _milliseconds(partial(_append_to, revised, stream.correct), 50)
        windows = sum(revised) / 50
        pane = 1_000 * _milliseconds(stream.one_pane, 500)
        resident = psutil.Process().memory_info().rss / 1e6
        alone = alone or resident
        print(
            f"| {age} | {nothing:.3f} | {label:.1f} | {windows:.1f} | {pane:.0f} | {resident:.0f} "
            f"| {resident / alone:.2f} |",
            flush=True,
        )


def _unjudged(_model: ModelRef, _sample: Sample, _previous: Sequence[Drift | None]) -> Drift:
    return Drift(judged=False, drifted=False, share=0.0)


def _append_to(found: list[int], ask: Callable[[], int]) -> None:
    found.append(ask())


class HourlyStream:
    """A book and the stream that it follows, a day at a time."""

    def __init__(self, models: list[ModelRef], partitions: int, records: int) -> None:
        self._random = Random(0)
        self._models = models
        self._partitions = partitions
        self._unlabelled = [_pane(self._random, records, 0.0) for _ in range(50)]
        self._labelled = [_pane(self._random, records, 0.9) for _ in range(50)]
        self._book = WindowBook(
            WindowSpec(DAY, HOUR),
            partitions=partitions,
            label_lateness=60 * DAY,
            label_tolerance=DAY,
            sample_size=5_000,
            judge=_unjudged,
        )
        self.age = 0

    @property
    def _now(self) -> int:
        return _BEGIN + self.age * DAY

    def day(self) -> None:
        """Let a day pass."""
        for start in range(self._now, self._now + DAY, HOUR):
            for model in self._models:
                for partition in range(self._partitions):
                    self._put(self._unlabelled, start, partition, model)
                    if self.age >= _LABELS_AFTER // DAY:
                        self._put(self._labelled, start - _LABELS_AFTER, partition, model)
        self.age += 1
        for partition in range(self._partitions):
            self._progress(partition)
        while self._publish():
            pass

    def nothing(self) -> None:
        """Take in a progress message that brings nothing new."""
        self._progress(0)
        if self._publish():
            raise SystemExit("a message with nothing new has made a window due")

    def correct(self) -> int:
        """Take in a pane of which the labels are others, in final windows where there are any; how many it revises."""
        age = min(max(self.age - 2, 0), 61) * DAY
        start = self._now - age - DAY + self._random.randrange(24) * HOUR
        self._put(self._labelled, start, self._random.randrange(self._partitions), self._models[0])
        return self._publish()

    def one_pane(self) -> None:
        """Take in a changed pane, without what follows from it."""
        self._put(self._labelled, self._now - DAY, self._random.randrange(self._partitions), self._models[0])

    def _put(self, pool: list[Pane], start: int, partition: int, model: ModelRef) -> None:
        pane = self._random.choice(pool)
        self._book.update(msgspec.structs.replace(pane, start=start, partition=partition, model=model))

    def _progress(self, partition: int) -> None:
        self._book.update(
            JoinProgress(partition=partition, watermark=self._now, label_watermark=self._now, ended=False)
        )

    def _publish(self) -> int:
        due = self._book.due(most=200)
        self._book.cumulative_due()
        self._book.folded(self._book.foldable())
        self._book.dropped(self._book.spent_samples())
        return len(due)


def _pane(random: Random, records: int, labelled: float) -> Pane:
    sums = PaneSums(_SCHEMA, _LABELS_AFTER, 1)
    slots = np.full(records, sums.take())
    probabilities = np.array([random.betavariate(0.55, 2.1) for _ in range(records)])
    predicted = (probabilities >= 0.3).astype(np.int64)
    features = [_FEATURES(**{name: (i % 4) / 2 if i else None for i, name in enumerate(_SCHEMA.names)})] * records
    columns = FeatureReader(_SCHEMA).columns(features)
    sums.add_predictions(slots, probabilities, predicted, np.zeros_like(slots), columns)
    known = slice(0, round(labelled * records))
    labels = np.array([int(random.random() < probability) for probability in probabilities[known]], np.int64)
    delays = np.array([random.randrange(_LABELS_AFTER) for _ in labels], np.int64)
    sums.add_labels(slots[known], probabilities[known], predicted[known], np.zeros_like(labels), labels, delays)
    summary = sums.summary(int(slots[0]))
    return Pane(partition=0, start=0, slide=HOUR, model=ModelRef("churn", 1), threshold=0.3, summary=summary)


def _milliseconds(call: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) * 1e3 / times


if __name__ == "__main__":
    main()
