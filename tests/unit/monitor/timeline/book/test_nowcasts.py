"""Provisional windows carry a nowcast as soon as a window has become final, and it comes near what they become."""

import numpy as np

from contract.messages import ModelRef
from contract.panes import JoinProgress, Pane
from contract.schema import parse_schema
from contract.windows import Drift, Window
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from tests.support import one_by_one

HOUR = 3_600_000
DAY = 24 * HOUR
MODEL = ModelRef("churn", 1)
SCHEMA = parse_schema({"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"Age": {"kind": "flag"}}})
LATENESS = 9
RECORDS = 120


def _day(day: int, now: int, *, silent: bool = False) -> Pane:
    """Records of a day, as of the beginning of day ``now``: positives are told after some 2 days, others after 6."""
    generator = np.random.default_rng(day)
    probability = generator.beta(0.55, 2.1, RECORDS)
    positive = generator.random(RECORDS) < probability
    time = generator.uniform(day * DAY, (day + 1) * DAY, RECORDS)
    delay = generator.lognormal(np.log(np.where(positive, 2, 6)), 0.3) * DAY
    if silent:
        delay[~positive] = LATENESS * DAY
    delay[generator.random(RECORDS) < 0.1 * (not silent)] = np.inf
    summary = one_by_one.empty()
    for p, y, at, after in zip(probability.tolist(), positive.tolist(), time.tolist(), delay.tolist(), strict=True):
        one_by_one.add_prediction(summary, SCHEMA, p, int(p >= 0.3), (None,))
        if after <= LATENESS * DAY and at + after <= now * DAY:
            one_by_one.add_label(summary, p, int(p >= 0.3), int(y), int(after))
    return Pane(partition=0, start=day * DAY, slide=DAY, model=MODEL, threshold=0.3, summary=summary)


def _follow(days: int, *, silent: bool = False) -> list[Window]:
    """What comes due, day by day, of two weeks of records."""
    book = WindowBook(
        WindowSpec(2 * DAY, DAY),
        partitions=1,
        label_lateness=LATENESS * DAY,
        sample_size=10,
        judge=lambda _model, _sample: Drift(judged=False, drifted=False, share=0.0),
        horizon=LATENESS * DAY if silent else None,
    )
    said = []
    for now in range(1, days):
        for day in range(max(now - LATENESS - 2, 0), min(now, 14)):
            book.update(_day(day, now, silent=silent))
        book.update(JoinProgress(partition=0, watermark=now * DAY, label_watermark=now * DAY, ended=False))
        said += [due.window for due in book.due()]
    return said


def test_a_window_tells_what_it_becomes_once_delays_are_known() -> None:
    said = _follow(26)
    first = next(place for place, window in enumerate(said) if window.status == "final")
    assert all(window.nowcast is None for window in said[:first])
    final = {window.start: window for window in said if window.status == "final"}
    assert all(window.nowcast is None for window in final.values())
    off, plainly_off, held = [], [], []
    for window in said[first:]:
        if window.status == "final" or window.start not in final:
            continue
        became = final[window.start].performance.f1
        assert window.nowcast is not None
        told = window.nowcast.performance.f1
        assert told is not None
        assert became is not None
        off.append(abs(told.value - became))
        plainly_off.append(abs((window.performance.f1 or 0.0) - became))
        held.append(told.low <= became <= told.high)
    assert len(off) > 20
    assert np.mean(off) < 0.25 * np.mean(plainly_off)
    assert np.mean(held) > 0.8


def test_before_their_horizon_silent_negatives_are_said_to_be_silent() -> None:
    said = _follow(14, silent=True)
    told = [window.nowcast for window in said if window.nowcast is not None and window.performance.tn == 0]
    assert told
    for nowcast in told:
        assert nowcast.silent == ("negative",)
        assert nowcast.coverage_negative == 0.0
        assert nowcast.coverage_positive is not None
