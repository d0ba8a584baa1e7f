"""One change is one incident, from opening to end, judged as the product judges: customers of the bank, day by day."""

import importlib
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.alerts import Alert
from contract.windows import Drift, Window
from monitor.budget import levels
from monitor.inputs.rule import LONGEST_SPAN, InputReference, InputRule, judge
from monitor.verdicts.board import AlertBoard
from monitor.verdicts.calibration import Calibration, Labelled
from monitor.verdicts.incidents import Detectors
from monitor.verdicts.relation import judge_relation
from tests.support.messages import DAY
from tests.support.paths import ROOT
from tests.support.scores import Truth, calibrated, flipped, held_out_bins, times, window_of
from tests.support.windows import final

LEVELS = levels(0.5, DAY)
BEFORE, WRONG, AFTER = 20, 60, 30
MOST_SAID = 10
"""Opened, closed, and once more for each column that joins."""
A_DAY = 143
"""Customers: 1,000 in a window of seven days."""


def told(windows: list[Window]) -> list[Alert]:
    board = AlertBoard(Detectors(LEVELS.detector))
    return [alert for one in windows for alert in board.after(one)]


def assert_one_incident(said: list[Alert], kind: str) -> None:
    """Of those that touch the change; beside it there may be what chance makes of a month."""
    first, last = final(BEFORE - 6).start, final(BEFORE + WRONG - 1).end
    keys = {alert.key for alert in said if alert.start < last and alert.end > first}
    alerts = [alert for alert in said if alert.key in keys]
    states = [alert.state for alert in alerts]
    assert {alert.kind for alert in alerts} == {kind}
    assert len(keys) == Counter(states)["opened"] == Counter(states)["closed"] == 1
    assert (states[0], states[-1]) == ("opened", "closed")
    assert len(states) <= MOST_SAID
    # its end: what windows show of the change is over with the last that holds a day of it
    assert alerts[-1].end <= last + 7 * DAY
    # what is new about it is said once a day at most
    assert all(
        later.at is not None and earlier.at is not None and later.at - earlier.at >= DAY
        for earlier, later in pairwise(alerts)
    )


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("input_streams")


@pytest.mark.parametrize("name", ["Age + 5", "Balance x 1.3", "Germany x 1.5", "3 % of Age = 110"])
def test_customers_that_change_for_sixty_days_are_one_incident(streams: Any, name: str) -> None:
    stream = streams.SyntheticStream(930, pool=30_000)
    reference = InputReference.of(stream.reference, stream.schema)
    generator = np.random.default_rng(931)
    rule = InputRule(LEVELS.inputs)
    days = [
        streams.changed(stream, name, A_DAY, generator).rows
        if BEFORE <= day < BEFORE + WRONG
        else stream.draw(A_DAY, generator).rows
        for day in range(BEFORE + WRONG + AFTER)
    ]
    verdicts: list[Drift] = []
    for day in range(len(days) - 6):
        earlier = [verdicts[at] for at in range(day - 7, -1, -7)][: LONGEST_SPAN - 1]
        verdicts.append(judge(pd.concat(days[day : day + 7]), reference, earlier, rule=rule))

    assert_one_incident(told([final(day, drift=one) for day, one in enumerate(verdicts)]), "drift")


@pytest.mark.parametrize("truth", [flipped(0.3), flipped(0.15), times(1.3), times(1 / 1.3)])
def test_labels_that_change_for_sixty_days_are_one_incident(truth: Truth) -> None:
    generator = np.random.default_rng(932)
    calibration = Calibration.fitted(Labelled.of_bins(held_out_bins(generator, 10_000)))
    days = [
        window_of(generator, A_DAY, truth if BEFORE <= day < BEFORE + WRONG else calibrated)
        for day in range(BEFORE + WRONG + AFTER)
    ]
    found = [
        judge_relation(
            np.sum(days[day : day + 7], axis=0),
            days[day + 6],
            calibration,
            alpha=LEVELS.relation,
            min_records=200,
            inputs_drifted=False,
        )
        for day in range(len(days) - 6)
    ]

    assert_one_incident(told([final(day, relation=one) for day, one in enumerate(found)]), "relation")
