"""What a challenger's answers on the stream say, and what they do to a verdict."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from contract.history.known import NEVER_KNOWN
from contract.messages import ModelRef
from contract.settings import Settings
from training.outcomes.rows import NO_LABEL, ScoredRecords
from training.registered.live import LiveEvidence, evidence, with_live
from training.registered.verdict import Names, Verdict
from training.registered.versions import Version

SETTINGS = Settings()
CHALLENGER, CHAMPION = Version(SETTINGS, 4, "", {}), Version(SETTINGS, 3, "", {})
NAMES = Names("churn v4", "churn v3", "@champion")
REFUSED = Verdict(False, "churn v4 does not take @champion from churn v3")
COUNT = 400


def stream(new: float = 0.9, old: float = 0.4, count: int = COUNT) -> ScoredRecords:
    """Every second customer churns; each model gives the label a probability of that much."""
    labels = np.arange(count, dtype=np.int8) % 2
    return ScoredRecords(
        X=pd.DataFrame(index=range(count)),
        times=np.arange(count, dtype=np.int64),
        customers=np.array([f"c{number}" for number in range(count)], dtype=object),
        labels=labels,
        label_times=np.arange(count, dtype=np.int64) + 10,
        inferred=np.zeros(count, dtype=bool),
        mature=np.ones(count, dtype=bool),
        scores={
            ModelRef("churn", 3): np.where(labels == 1, old, 1 - old),
            ModelRef("churn", 4, "challenger"): np.where(labels == 1, new, 1 - new),
        },
    )


def found(rows: ScoredRecords, confidence: float = 0.95) -> LiveEvidence:
    return evidence(rows, (CHALLENGER, CHAMPION), 1, confidence)


def test_the_better_one_on_the_same_records_takes_the_alias_and_says_on_how_many_customers() -> None:
    live = found(stream())
    assert live.gain.mean == pytest.approx(0.6**2 - 0.1**2)
    verdict = with_live(REFUSED, live, NAMES, force=False)
    assert verdict.promoted
    assert (
        "churn v4 takes @champion from churn v3: on 400 customers of the stream its Brier score is 0.35000 lower"
        in (verdict.reason)
    )


def test_one_that_is_worse_on_the_stream_does_not_take_it_whatever_held_out_rows_say() -> None:
    live = found(stream(new=0.4, old=0.9))
    better = Verdict(True, "churn v4 takes @champion from churn v3")
    assert not with_live(better, live, NAMES, force=False).promoted
    forced = with_live(better, live, NAMES, force=True)
    assert (forced.promoted, forced.forced) == (True, True)
    assert "though it is worse" in forced.reason


def test_where_the_stream_does_not_decide_the_held_out_rows_do() -> None:
    live = found(stream(count=6))
    for before in (REFUSED, Verdict(True, "churn v4 takes @champion from churn v3")):
        after = with_live(before, live, NAMES, force=False)
        assert after.promoted == before.promoted
        assert f"{before.reason}; the stream does not decide yet: on 6 customers" in after.reason


def test_a_customer_counts_once_with_the_first_record() -> None:
    rows = stream()
    daily = replace(rows, customers=np.array([f"c{number % 5}" for number in range(COUNT)], dtype=object))
    assert found(daily).gain.count == 5
    assert not found(daily).gain.above
    assert found(daily).labelled == COUNT


def test_only_records_count_that_both_have_scored_and_whose_labels_time_is_up() -> None:
    rows = stream()
    rows.mature[300:] = False
    rows.scores[ModelRef("churn", 4, "challenger")][:100] = np.nan
    live = found(rows)
    assert (live.records, live.labelled, live.gain.count) == (200, 200, 200)


def test_nothing_is_said_where_too_many_labels_are_missing() -> None:
    """Labels of churners alone would favour whoever gives everyone a high probability."""
    rows = stream(new=0.99, old=0.9)
    rows.labels[rows.labels == 0] = NO_LABEL
    rows.label_times[rows.labels == NO_LABEL] = NEVER_KNOWN
    live = found(rows)
    after = with_live(REFUSED, live, NAMES, force=False)
    assert not after.promoted
    assert "only 200 of the 400 records that both have scored and whose label's time is up have a label" in after.reason


def test_nothing_is_said_without_records_or_with_one_label_alone() -> None:
    rows = stream()
    unknown = evidence(rows, (replace(CHALLENGER, number=9), CHAMPION), 1, 0.95)
    assert "there is no record that both have scored" in with_live(REFUSED, unknown, NAMES, force=False).reason
    rows.labels[:] = 0
    assert "all 400 labels so far are the same" in with_live(REFUSED, found(rows), NAMES, force=False).reason


def test_a_later_challenger_of_the_same_champion_needs_more_and_it_is_said() -> None:
    later = evidence(stream(), (CHALLENGER, CHAMPION), 3, 0.99)
    assert "99 % confidence sequence" in later.found
    assert "as needed for challenger 3 of this champion" in later.found
    assert later.gain.low < found(stream()).gain.low
