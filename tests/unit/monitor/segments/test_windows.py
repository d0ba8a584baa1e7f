"""Segments from panes to the published window: what the join counted is what is judged."""

import numpy as np

from contract.models.bundle import SCORE_COLUMN
from contract.panes import JoinProgress, Pane
from contract.schema import parse_schema
from contract.windows import Drift
from monitor.budget import levels
from monitor.segments.judging import SegmentVerdicts
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from tests.support import one_by_one
from tests.support.messages import DAY
from tests.support.segments import BANDS, FEATURES, SEGMENTS, SMALL, THRESHOLD, SegmentCustomers, in_small
from tests.support.windows import MODEL

DAYS = 3
SCHEMA = parse_schema(
    {
        "name": "t",
        "id": "Id",
        "label": {"column": "y"},
        "features": {f"X{i}": {"kind": "numeric"} for i in range(FEATURES)},
        "segments": {f"X{i}": {"bands": list(bands)} for i, bands in enumerate(BANDS)},
    }
)


def pane_of(day: int, customers: SegmentCustomers) -> Pane:
    summary = one_by_one.empty()
    for values, score, label in zip(customers.x.tolist(), customers.score.tolist(), customers.label, strict=True):
        predicted = int(score >= THRESHOLD)
        one_by_one.add_prediction(summary, SCHEMA, score, predicted, values)
        segments = one_by_one.segments_of(SCHEMA, values)
        one_by_one.add_label(summary, score, predicted, int(label), 0, segments=segments)
    return Pane(partition=0, start=day * DAY, slide=DAY, model=MODEL, threshold=THRESHOLD, summary=summary)


def test_what_panes_count_of_a_segment_is_judged_with_its_window() -> None:
    rng = np.random.default_rng(31)
    reference = SegmentCustomers.drawn(rng, 10_000).reference()
    customers = SegmentCustomers.drawn(rng, 5_000, in_small(lambda score: 1 - score))
    book = WindowBook(
        WindowSpec(DAYS * DAY, DAY),
        partitions=1,
        label_lateness=DAY,
        sample_size=10,
        judge=lambda _model, _sample, _previous: Drift(judged=False, drifted=False, share=0.0),
        complete=SegmentVerdicts(SEGMENTS, lambda _: reference, levels(0.5, DAY).segments, 200),
    )
    parts = np.array_split(np.arange(5_000), DAYS)
    for day, rows in enumerate(parts):
        book.update(pane_of(day, SegmentCustomers(customers.x[rows], customers.score[rows], customers.label[rows])))
    book.update(JoinProgress(partition=0, watermark=30 * DAY, label_watermark=30 * DAY, ended=True))
    windows = {due.window.start: due.window for due in book.due()}
    whole = windows[0]
    assert (whole.records, whole.labelled) == (5_000, 5_000)
    assert [one.name for one in whole.segments if one.changed] == [SMALL]
    small = customers.frame()[SCORE_COLUMN][customers.x[:, 0] < 0.05]
    assert whole.segments[0].records == len(small)
    assert sum(one.records for one in whole.segments) == FEATURES * 5_000
