"""What a search proposes, and how the time and the trials are shared."""

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from contract.schema import load_schema
from tests.support.tables.toy import toy_table
from training.defaults import SearchName
from training.kinds.kinds import KINDS
from training.kinds.sampling import Sampling
from training.kinds.spaces import Between, OneOf, Parameters
from training.selection.listening import Listeners
from training.selection.measure import Candidate, Searched
from training.selection.proposals import LISTED, points, proposals
from training.selection.search import Plan, Searcher
from training.table.prepare import read_table

SCHEMA = load_schema("bank_churn")
QUICK = ("tree", "naive_bayes")


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, Sampling]] = []
        self.trials: list[Candidate] = []
        self.counts: dict[str, int] = {}
        self.shares: list[float] = []

    def started(self, kind: str, sampling: Sampling) -> None:
        self.begun.append((kind, sampling))

    def tried(self, trial: Candidate) -> None:
        self.trials.append(trial)

    def finished(self, candidate: Candidate, trials: int) -> None:
        self.counts[candidate.name] = trials

    def progress(self, done: float, doing: str) -> None:
        assert doing
        self.shares.append(done)


def drawn(kind: str, search: SearchName, seed: int, count: int) -> list[Parameters]:
    made = proposals(KINDS[kind], search, seed)
    found = []
    for number in range(count):
        parameters = made.ask()
        assert parameters is not None
        made.tell(float(np.sin(number)))
        found.append(parameters)
    return found


def test_the_grid_of_xgboost_is_the_reports() -> None:
    made = proposals(KINDS["xgboost"], "grid", 0)
    tried = []
    while (parameters := made.ask()) is not None:
        tried.append((parameters["max_depth"], parameters["learning_rate"], parameters["n_estimators"]))
    assert sorted(tried) == sorted(itertools.product((3, 4, 5), (0.1, 0.01, 0.001), (100, 200, 300)))
    assert points("grid", KINDS["xgboost"]) == 27


@pytest.mark.parametrize("kind", KINDS)
def test_the_exhaustive_grid_is_no_smaller_than_the_small_one(kind: str) -> None:
    small, large = points("grid", KINDS[kind]), points("exhaustive", KINDS[kind])
    assert small is not None
    assert large is not None
    assert large >= small >= 1


@pytest.mark.parametrize("kind", [name for name in KINDS if KINDS[name].space])
@pytest.mark.parametrize("search", ["random", "bayes"])
def test_drawn_parameters_begin_with_the_defaults_stay_in_the_space_and_follow_from_the_seed(
    kind: str, search: SearchName
) -> None:
    first = drawn(kind, search, 7, 12)
    assert first[0] == KINDS[kind].defaults
    assert drawn(kind, search, 7, 12) == first != drawn(kind, search, 8, 12)
    for parameters in first:
        for name, part in KINDS[kind].space.items():
            if isinstance(part, Between):
                assert part.low <= parameters[name] <= part.high
            else:
                assert isinstance(part, OneOf)
                assert parameters[name] in part.values


def test_the_bayesian_search_goes_where_it_was_good() -> None:
    made = proposals(KINDS["logistic"], "bayes", 0)
    distances = []
    for _ in range(40):
        parameters = made.ask()
        assert parameters is not None
        distances.append(abs(np.log10(parameters["C"]) + 1))
        made.tell(-distances[-1])
    assert np.mean(distances[-10:]) < np.mean(distances[:10]) / 2


def search(plan: Plan, heard: Heard | None = None, **more: object) -> list[Candidate]:
    rows = read_table(toy_table(400), SCHEMA)
    listener = heard or Listeners(())
    return Searcher(rows.X, rows.y, rows.customers, SCHEMA, plan, listener, **more).run()  # type: ignore[arg-type]


@pytest.mark.parametrize("how", get_args(SearchName))
def test_each_pair_has_its_trials_and_the_composite_kinds_come_last(how: SearchName) -> None:
    heard = Heard()
    found = search(Plan(how, ("voting", *QUICK), ("plain", "weights"), trials=3), heard)
    pairs = [(kind, sampling) for kind in (*QUICK, "voting") for sampling in ("plain", "weights")]
    assert heard.begun == [(each.kind, each.sampling) for each in found] == pairs
    assert Counter(trial.name for trial in heard.trials) == {
        f"{kind} {sampling}": 1 if kind == "voting" else 3 for kind, sampling in pairs
    }
    assert [set(each.members) for each in found if each.kind == "voting"] == [set(QUICK)] * 2
    assert all(np.isfinite(list(each.metrics.values())).all() for each in [*found, *heard.trials])
    assert heard.shares[-1] <= 1


def test_without_trials_the_defaults_stand_for_each_kind() -> None:
    heard = Heard()
    found = search(Plan(kinds=QUICK, trials=0), heard)
    assert len(found) == 6
    assert not heard.trials
    assert all(each.parameters == KINDS[each.kind].defaults for each in found)


def test_the_same_seed_gives_the_same_candidates_and_the_same_metrics() -> None:
    plan = Plan("bayes", QUICK, ("plain", "smote"), trials=2, seed=3)
    first, second = search(plan), search(plan)
    timed = ("duration_seconds", "score_1000_ms")
    for one, other in zip(first, second, strict=True):
        assert one.parameters == other.parameters
        assert {k: v for k, v in one.metrics.items() if k not in timed} == {
            k: v for k, v in other.metrics.items() if k not in timed
        }


class StepClock:
    """One second later each time that it is read, from any moment on."""

    def __init__(self, start: float = 1_000.0) -> None:
        self.now = start

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_a_budget_is_shared_fairly_and_kept() -> None:
    heard, clock = Heard(), StepClock()
    search(Plan(kinds=QUICK, samplings=("plain", "smote"), budget=100.0), heard, clock=clock)
    counts = Counter(trial.name for trial in heard.trials)
    assert len(counts) == 4
    assert max(counts.values()) - min(counts.values()) <= 1
    assert min(counts.values()) >= 2
    assert clock.now < 1_100.0


def test_time_is_kept_for_the_kinds_made_of_others_and_spent_on_the_simple_ones() -> None:
    heard, clock = Heard(), StepClock()
    found = search(Plan(kinds=(*QUICK, "stacking"), samplings=("plain",), budget=100.0), heard, clock=clock)
    assert [each.kind for each in found] == [*QUICK, "stacking"]
    counts = Counter(trial.name for trial in heard.trials)
    assert counts["tree plain"] >= 3
    assert counts["naive_bayes plain"] >= 3
    assert clock.now < 1_100.0


def test_a_budget_that_is_too_small_still_measures_each_kind_once() -> None:
    heard = Heard()
    found = search(Plan(kinds=(*QUICK, "voting"), samplings=("plain",), budget=1.0), heard, clock=StepClock())
    assert [each.kind for each in found] == [*QUICK, "voting"]
    assert not heard.trials


def test_a_stacking_needs_two_kinds_to_be_made_of() -> None:
    assert [each.kind for each in search(Plan(kinds=("tree", "stacking"), samplings=("plain",), trials=0))] == ["tree"]


def listed(kind: str, how: SearchName, seed: int) -> list[Parameters]:
    made = proposals(KINDS[kind], how, seed)
    return list(iter(made.ask, None))


@pytest.mark.parametrize("how", LISTED)
def test_the_points_of_a_grid_come_once_each_in_an_order_drawn_by_the_seed(how: SearchName) -> None:
    first, again, other = (listed("xgboost", how, seed) for seed in (5, 5, 6))
    assert first == again != other
    assert len(first) == points(how, KINDS["xgboost"])
    assert sorted(map(repr, first)) == sorted(map(repr, other))
    assert len({repr(each) for each in first}) == len(first)


def test_what_a_cut_grid_leaves_out_is_no_corner_of_it() -> None:
    """In the product's order, 20 of 96 were all of depth 3 and 4, of 3 to 14."""
    for seed in range(20):
        depths = {each["max_depth"] for each in listed("tree", "exhaustive", seed)[:20]}
        assert len(depths) >= 5


class Bound(Searcher):
    """Measures nothing twice: each point is as good as its place, so a whole grid costs one fit."""

    def _measure(self, kind: Any, sampling: Any, parameters: Any, members: Any, splits: Any) -> Candidate:
        if not hasattr(self, "_known"):
            self._known = super()._measure(kind, sampling, kind.defaults, (), splits)
        names = tuple(member.kind for member in members)
        return replace(self._known, kind=kind.name, sampling=sampling, parameters=dict(parameters), members=names)


def bound(plan: Plan, heard: Heard | None = None, **more: Any) -> list[Candidate]:
    rows = read_table(toy_table(250), SCHEMA)
    return Bound(rows.X, rows.y, rows.customers, SCHEMA, plan, heard or Listeners(()), **more).run()


@pytest.mark.parametrize("how", LISTED)
def test_a_grid_is_tried_whole_where_nothing_limits_it(how: SearchName) -> None:
    found = bound(Plan(how, ("tree", "xgboost", "stacking"), ("plain",)))
    for each in found:
        whole = points(how, KINDS[each.kind])
        assert each.searched == Searched(whole or 0, whole)
        assert not each.searched.limited
    assert [points("exhaustive", KINDS[kind]) for kind in ("tree", "xgboost", "stacking")] == [96, 360, 4]


def test_a_grid_that_trials_or_time_cut_says_so() -> None:
    (tree,) = bound(Plan("exhaustive", ("tree",), ("plain",), trials=20))
    assert tree.searched is not None
    assert tree.searched.limited
    assert (str(tree.searched), tree.params["searched"]) == ("20 of 96", "20 of 96")
    (slow,) = bound(Plan("exhaustive", ("tree",), ("plain",), budget=100.0), clock=StepClock())
    assert slow.searched is not None
    assert slow.searched.limited
    assert 5 <= slow.searched.trials < 96


def test_a_search_without_an_end_says_its_trials_alone_and_defaults_say_nothing() -> None:
    (tree,) = bound(Plan("random", ("tree",), ("plain",)))
    assert str(tree.searched) == "20"
    (default,) = bound(Plan("exhaustive", ("tree",), ("plain",), trials=0))
    assert default.searched is None
    assert "searched" not in default.params


def test_the_share_that_is_done_is_of_all_that_is_to_come() -> None:
    """Also before the kinds that are made of others have begun."""
    heard, clock = Heard(), StepClock()
    bound(Plan("grid", (*QUICK, "stacking"), ("plain", "weights")), heard, clock=clock)
    spent = clock.now - 1_000.0
    assert heard.shares == sorted(heard.shares)
    assert heard.shares[0] == 0.0
    middle = heard.shares[len(heard.shares) // 2]
    assert 0.3 < middle < 0.7
    assert heard.shares[-1] > 0.9
    assert spent > 50
