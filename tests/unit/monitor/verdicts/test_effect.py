"""Seven records of each customer that all say the same are worth one: every interval and test says what it would say
of one record each.
"""

from typing import Any

import msgspec
import numpy as np
import pytest

from contract.panes import UNIT, Expected, ScoreBin, Summary
from contract.windows import Estimate, Estimated
from monitor.nowcast.delays import DelayCurves
from monitor.nowcast.nowcast import NowcastPane, nowcast
from monitor.panes import HOUR
from monitor.timeline.estimate import estimate
from monitor.timeline.metrics import performance
from monitor.timeline.sums import Sums
from monitor.verdicts.estimate import recalibrated
from monitor.verdicts.relation import judge_relation
from monitor.verdicts.worsening import judge_worsening
from tests.support.scores import calibrated, draw_scores, held_out_bins, histogram_of, reference_of, times

TIMES, RECORDS, THRESHOLD = 7, 1_500, 0.3
NAMES = ("accuracy", "precision", "recall", "f1", "roc_auc", "brier")


def summary_of(scores: np.ndarray, labels: np.ndarray, copies: int) -> tuple[Summary, np.ndarray]:
    """Sums of so many copies of each record, and their histogram."""
    said = scores >= THRESHOLD
    tn, fp, fn, tp = (
        copies * int(which.sum()) for which in (~said & ~labels, said & ~labels, ~said & labels, said & labels)
    )
    histogram = copies * histogram_of(scores, labels)
    expected = [
        Expected(copies * len(part), copies * round(part.sum() * UNIT), copies * round((part**2).sum() * UNIT))
        for part in (scores[~said], scores[said])
    ]
    losses = -np.log(np.where(labels, scores, 1 - scores))
    summary = Summary(
        records=copies * len(scores),
        labelled=copies * len(scores),
        tn=tn,
        fp=fp,
        fn=fn,
        tp=tp,
        squared_error=copies * round(((scores - labels) ** 2).sum() * UNIT),
        log_loss=copies * round(losses.sum() * UNIT),
        expected_negative=expected[0],
        expected_positive=expected[1],
        scores={int(at): ScoreBin(*histogram[:, at].tolist()) for at in np.flatnonzero(histogram[0])},
    )
    return summary, histogram


@pytest.fixture(scope="module")
def drawn() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    scores = draw_scores(rng, RECORDS)
    return scores, rng.random(RECORDS) < times(1.15)(scores)


def alike(found: Estimate | tuple[float, float] | None, once: Estimate | tuple[float, float] | None) -> bool:
    assert found is not None
    assert once is not None
    return bool(np.allclose(_ends(found), _ends(once), rtol=2e-3, atol=2e-4))


def _ends(one: Estimate | tuple[float, float]) -> tuple[float, ...]:
    return (one.value, one.low, one.high) if isinstance(one, Estimate) else one


def test_intervals_of_realised_metrics(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    once = performance(Sums.of(summary_of(*drawn, 1)[0])).intervals
    sums = Sums.of(summary_of(*drawn, TIMES)[0])
    found = performance(sums, TIMES).intervals
    assert found.keys() == {*NAMES, "log_loss"}
    assert all(alike(found[name], once[name]) for name in found)
    assert not any(alike(performance(sums).intervals[name], once[name]) for name in found)


def test_estimates(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    (one, records), (many, multiplied) = summary_of(*drawn, 1), summary_of(*drawn, TIMES)
    calibration = reference_of(np.random.default_rng(4), 5_000)
    once, found = estimate(Sums.of(one)), estimate(Sums.of(many), TIMES)
    assert all(alike(getattr(found, name), getattr(once, name)) for name in NAMES)
    once = recalibrated(once, records[0], calibration)
    found = recalibrated(found, multiplied[0], calibration, effect=TIMES)
    assert all(alike(getattr(found, name), getattr(once, name)) for name in NAMES)
    narrow = recalibrated(found, multiplied[0], calibration)
    assert not any(alike(getattr(narrow, name), getattr(once, name)) for name in NAMES)


def test_relation_and_performance(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    rng = np.random.default_rng(5)
    calibration, stored = reference_of(rng, 5_000), held_out_bins(rng, 5_000, calibrated)
    (_, histogram), (_, multiplied) = summary_of(*drawn, 1), summary_of(*drawn, TIMES)
    given: dict[str, Any] = {"alpha": 0.01, "min_records": 200, "inputs_drifted": False}
    once = judge_relation(histogram, histogram, calibration, **given)
    found = judge_relation(multiplied, multiplied, calibration, **given, effect=TIMES)
    assert once is not None
    assert found is not None
    assert (found.labelled, found.observed) == (TIMES * once.labelled, TIMES * once.observed)
    assert np.allclose(np.array(_ends(found.expected)) / TIMES, _ends(once.expected))
    assert found.p_value == pytest.approx(once.p_value)
    assert found.evidence == pytest.approx(once.evidence)
    assert alike(found.level, once.level)
    again = judge_relation(multiplied, multiplied, calibration, **given, effect=TIMES, recurrence=2.0)
    assert again is not None
    assert again.evidence == pytest.approx(np.array(once.evidence) / 2)
    worse = judge_worsening(histogram, histogram, stored, alpha=0.01, min_records=200)
    same = judge_worsening(multiplied, multiplied, stored, alpha=0.01, min_records=200, effect=TIMES)
    assert worse is not None
    assert same is not None
    assert same.p_value == pytest.approx(worse.p_value)


def test_too_few_customers_are_not_judged_however_many_records_they_have() -> None:
    rng = np.random.default_rng(6)
    scores = draw_scores(rng, 150)
    _, histogram = summary_of(scores, rng.random(150) < scores, TIMES)
    calibration, stored = reference_of(rng, 5_000), held_out_bins(rng, 5_000)
    given: dict[str, Any] = {"alpha": 0.01, "min_records": 200, "effect": float(TIMES)}
    assert judge_relation(histogram, histogram, calibration, **given, inputs_drifted=False) is None
    assert judge_worsening(histogram, histogram, stored, **given) is None


def test_nowcasts(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = drawn
    delays = DelayCurves.of({24: 5_000, 72: 5_000}, {24: 1_000, 72: 4_000}, 10_000)

    def told(copies: int, effect: float) -> Estimated:
        come = np.random.default_rng(7).random(RECORDS) < np.where(labels, 0.2, 0.5)
        summary, _ = summary_of(scores[come], labels[come], copies)
        whole, _ = summary_of(scores, labels, copies)
        totals = msgspec.structs.replace(
            summary,
            records=whole.records,
            expected_negative=whole.expected_negative,
            expected_positive=whole.expected_positive,
        )
        records = copies * histogram_of(scores, labels)[0]
        _, negatives, positives = copies * histogram_of(scores[come], labels[come])
        pane = NowcastPane(-48 * HOUR, np.arange(len(records)), records, negatives, positives)
        found = nowcast([pane], totals, THRESHOLD, 24 * HOUR, 0, delays, effect)
        assert found is not None
        return found.performance

    once, found, narrow = told(1, 1.0), told(TIMES, TIMES), told(TIMES, 1.0)
    for name in NAMES:
        width, wide = (getattr(one, name).high - getattr(one, name).low for one in (once, found))
        # the delay curves are as sure as they were in either, and their part is multiplied, too
        assert width <= wide + 1e-6, name
        assert getattr(narrow, name).high - getattr(narrow, name).low < wide, name
        assert getattr(found, name).value == pytest.approx(getattr(once, name).value, abs=1e-3), name
