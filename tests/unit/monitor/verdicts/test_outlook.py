"""What is expected of labels to come: sure enough before it counts, and no evidence once it is withdrawn."""

from typing import Any

import msgspec
import numpy as np
import pytest

from contract.models.calibration import CalibrationBins
from contract.windows import Estimate, Estimated, Outlook, Window
from monitor.budget import levels
from monitor.verdicts.outlook import judge_outlook, without_estimate
from tests.support.messages import DAY, START
from tests.support.scores import held_out_bins
from tests.support.windows import nowcast, window

ALPHA = levels(0.5, DAY).outlook


@pytest.fixture(scope="module")
def held_out() -> CalibrationBins:
    return held_out_bins(np.random.default_rng(1), 10_000)


def expecting(brier: float, **changed: Any) -> Window:
    """A window of which the estimate expects this Brier score, with a standard error of 0.004."""
    found = msgspec.structs.replace(window().estimated, brier=Estimate(brier, brier - 0.008, brier + 0.008))
    return window(**{"estimated": found} | changed)


def judged(one: Window, held_out: CalibrationBins) -> Outlook:
    found = judge_outlook(one, held_out, alpha=ALPHA, min_records=200)
    assert found is not None
    return found


def test_it_is_worse_beyond_margin_and_noise_alone(held_out: CalibrationBins) -> None:
    then = judged(expecting(0.1), held_out).reference
    assert not judged(expecting(then), held_out).worse
    # all of the margin, and then noise
    assert not judged(expecting(then * 1.1), held_out).worse
    assert not judged(expecting(then * 1.1 + 0.008), held_out).worse
    far = judged(expecting(then * 1.1 + 0.024), held_out)
    assert (far.worse, far.basis) == (True, "estimate")
    assert far.excess.low < far.excess.value < far.excess.high


def test_the_nowcast_which_is_looked_at_again_and_again_must_be_surer(held_out: CalibrationBins) -> None:
    then = judged(expecting(0.1), held_out).reference
    bad = Estimate(then * 1.1 + 0.018, then * 1.1 + 0.010, then * 1.1 + 0.026)
    by_estimate = msgspec.structs.replace(window().estimated, brier=bad)
    told = msgspec.structs.replace(nowcast(), performance=by_estimate)
    assert judged(window(estimated=by_estimate), held_out).worse
    found = judged(expecting(then, nowcast=told), held_out)
    assert (found.basis, found.worse) == ("nowcast", False)
    # the one that is the surer is told
    assert judged(window(estimated=by_estimate, nowcast=told), held_out).basis == "estimate"


def test_nothing_is_said_of_few_records_or_without_an_expectation(held_out: CalibrationBins) -> None:
    assert judge_outlook(expecting(0.5, records=199), held_out, alpha=ALPHA, min_records=200) is None
    assert judge_outlook(window(), held_out, alpha=ALPHA, min_records=200) is None


def test_an_estimate_that_is_withdrawn_has_no_metrics_and_is_no_evidence(held_out: CalibrationBins) -> None:
    bad = msgspec.structs.replace(expecting(0.3), outlook=judged(expecting(0.3), held_out))
    found = without_estimate(bad, START)
    assert found.estimated == Estimated(records=2_000, tn=0.0, fp=0.0, fn=0.0, tp=0.0)
    assert (found.outlook, found.untrusted_since) == (None, START)
    by_labels = msgspec.structs.replace(judged(expecting(0.3), held_out), basis="nowcast")
    assert without_estimate(msgspec.structs.replace(bad, outlook=by_labels), START).outlook == by_labels
