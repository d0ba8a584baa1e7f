"""The acts of a simulation: what is told of them first, and what their windows came to."""

import io

import msgspec
import pytest
from rich.console import Console

from churnstream.demo.acts import acts_table, announced, windows_of
from churnstream.demo.plan import Act
from churnstream.demo.scenario import ACTS, DRIFTS, LABEL_DELAY, PERIOD
from contract.windows import Estimate, Estimated
from producer.scenario_options import ScenarioOptions
from tests.support.tables.bank_inputs import SCHEMA
from tests.support.windows import DAY, START, drift, final, performance, window

FIRST = Act("steady", START, START + 10 * DAY, "nothing happens", "nothing is seen")
SECOND = Act("changed", START + 10 * DAY, START + 20 * DAY, "customers change", "drift")


@pytest.mark.parametrize(("width", "lines"), [(100, 4), (24, 9)])
def test_what_will_happen_is_told_with_its_day_and_in_whole_words(width: int, lines: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(announced([FIRST, SECOND]))
    told = out.getvalue().splitlines()
    assert len(told) == lines
    assert all(len(line) <= width for line in told)
    assert [line for line in told if line.startswith("from ")] == [told[0], told[(lines + 1) // 2]]
    words = ["steady:", "nothing", "happens", "nothing", "is", "seen", "changed:", "customers", "change", "drift"]
    assert [word for word in out.getvalue().split() if word in words] == words


def test_a_window_belongs_to_an_act_whole_and_when_it_is_final() -> None:
    windows = [final(-1), final(0), final(3), final(4), final(10), final(13), final(14), window(11)]
    assert windows_of(FIRST, windows) == [final(0), final(3)]
    assert windows_of(SECOND, windows) == [final(10), final(13)]


def test_an_act_is_measured_by_its_windows_and_by_what_was_estimated_before_their_labels() -> None:
    withdrawn = Estimated(records=2_000, tn=0, fp=0, fn=0, tp=0)
    windows = [
        final(0, performance=performance(f1=0.7)),
        final(1, performance=msgspec.structs.replace(performance(f1=0.6), accuracy=0.75, brier=0.2)),
        final(10, estimated=withdrawn, drift=drift({"Age": 0.2}, drifted=("Age",))),
    ]
    before = window(10)
    assert before.estimated.f1 == Estimate(0.7, 0.66, 0.74)
    out = io.StringIO()
    Console(file=out, width=100).print(acts_table([FIRST, SECOND], windows, {before.key: before}))
    _, first, second = out.getvalue().splitlines()
    assert first.split()[2:] == ["steady", "0.700", "0.650", "0.800", "0.150", "none"]
    # the estimate that was withdrawn when labels came is still the one that was seen
    assert second.split()[3] == "0.700"
    assert second.split()[-1] == "Age"


def test_an_act_without_windows_says_so() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(acts_table([FIRST], [], {}))
    assert out.getvalue().splitlines()[1].split()[2:] == ["steady", "–", "–", "–", "–", "none"]


def test_the_acts_of_the_demo_are_those_of_its_scenario() -> None:
    scenario = ScenarioOptions(period=PERIOD, label_delay=LABEL_DELAY, drifts=DRIFTS).build(SCHEMA)
    assert ACTS[0].start == scenario.start
    assert ACTS[-1].end == scenario.start + scenario.period
    assert [act.end for act in ACTS[:-1]] == [act.start for act in ACTS[1:]]
    *others, relation = scenario.drifts
    assert {(one.start, one.end) for one in others} == {(ACTS[1].start, ACTS[1].end)}
    assert relation.kind == "flip"
    assert relation.start == ACTS[2].start
