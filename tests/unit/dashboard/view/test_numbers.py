"""Every number of the page's charts is one that a window has; and none that cannot be right does harm."""

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.windows import Window
from dashboard.stream.received import Positions, Reach
from dashboard.view.metrics import estimated, nowcast, realised
from dashboard.view.model import Page
from dashboard.view.selected import METRICS, Metric, Selected
from tests.support.dashboard.told import NOW, ToldStream, incident, progress, serving, trained, verdict
from tests.support.messages import DAY, START
from tests.support.windows import drift, final, performance, window
from tests.support.windows import nowcast as told_nowcast

SHARES = st.floats(0.0, 1.0)
HUGE = [0, -1, 10**9, -(10**15), 2**53, 2**63 - 1, -(2**63), 10**400, -(10**400), 200_000 * 365 * DAY]
WILD = [0.0, -1.0, 0.5, 1e9, -1e17, 1e308, -1e308, 5e-324]


@st.composite
def windows(draw: st.DrawFn) -> list[Window]:
    """In any order, some revised."""
    made = []
    for day in draw(st.lists(st.integers(0, 12), min_size=1, max_size=20)):
        f1, age, score = draw(SHARES), draw(SHARES), draw(SHARES)
        changed: dict[str, Any] = {
            "records": draw(st.integers(1, 5_000)),
            "performance": performance(draw(st.none() | st.just(f1))),
            "drift": drift({"Age": age, "score": score}, draw(st.sampled_from([(), ("Age",), ("Age", "score")]))),
            "dead_letters": draw(st.dictionaries(st.sampled_from(["not-json", "wrong-type/Age"]), st.integers(0, 9))),
        }
        if draw(st.booleans()):
            changed["untrusted_since"] = START
        is_final = draw(st.booleans())
        made.append(final(day, **changed) if is_final else window(day, nowcast=told_nowcast(f1), **changed))
    return made


def newest(told: list[Window]) -> dict[int, Window]:
    return {one.start: one for one in told}


@given(windows(), st.sampled_from(METRICS))
@settings(deadline=None)
def test_every_number_of_the_charts_is_the_windows_own(told: list[Window], metric: Metric) -> None:
    page = ToldStream(*told).page(Selected(metric=metric))
    kept = newest(told)
    taken = {"final": realised, "provisional": realised, "nowcast": nowcast, "estimated": estimated}
    expected: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in taken}
    for start in sorted(kept):
        one = kept[start]
        for kind, measure in taken.items():
            found = measure(one, metric)
            if found is not None and kind in (one.status, "nowcast", "estimated"):
                expected[kind].append((start, one.end, *found, one.coverage, one.revision))
    for series in page.course.series:
        points = [(p.start, p.at, p.value, p.low, p.high, p.coverage, p.revision) for p in series.points]
        assert points == expected[series.kind]
    assert list(page.axis.starts) == sorted(kept)
    assert list(page.flow.records) == [kept[start].records for start in page.axis.starts]
    assert list(page.flow.coverage) == [kept[start].coverage for start in page.axis.starts]
    assert sum(map(sum, page.flow.letters.values())) == sum(sum(one.dead_letters.values()) for one in kept.values())
    for row in page.heat.rows:
        features = [kept[start].drift.features[row.column] for start in page.axis.starts]
        assert list(row.distances) == [one.distance for one in features]
        assert list(row.drifted) == [one.drifted for one in features]


def wild_builtins(value: Any, chance: Random) -> Any:
    """The same message with some of its numbers replaced."""
    if isinstance(value, dict):
        return {name: wild_builtins(one, chance) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [wild_builtins(one, chance) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float) or chance.random() < 0.8:
        return value
    return chance.choice(HUGE) if isinstance(value, int) else chance.choice(WILD)


def wild(chance: Random) -> list[Any]:
    """Messages of all kinds as somebody else could write them: right in form, wrong in number."""
    messages = [
        final(0, nowcast=told_nowcast(), customers=7, missing={"Age": 3}),
        window(1),
        verdict(),
        incident(),
        incident("lag"),
        progress(),
        progress(1),
        serving(2, 3),
        trained(),
    ]
    found = []
    for message in messages:
        try:
            found.append(msgspec.convert(wild_builtins(msgspec.to_builtins(message), chance), type(message)))
        except msgspec.ValidationError:
            found.append(message)
    return found


@pytest.mark.parametrize("seed", range(200))
def test_numbers_that_cannot_be_right_do_no_harm(seed: int) -> None:
    chance = Random(seed)
    messages, at, away = wild(chance), chance.choice(HUGE), chance.random() < 0.5
    told = ToldStream()
    told.tell(*messages, at=at)
    told.reject("not-json", event_time=None, at=at)
    reach = Reach(caught_up=True, away_since=at if away else None)
    positions = Positions(lag={"scorer": {"customers": {0: at}}}, members={"scorer": 0}, letters={0: at}, at=at)
    for start in [one.start for one in messages if isinstance(one, Window)]:
        page = told.page(Selected(window=start, feature="Age", metric="f1"), now=NOW, reach=reach, positions=positions)
        shown = list(texts(msgspec.to_builtins(page)))
        assert not [text for text in shown if "nan" in text.lower().split() or "inf" in text.lower().split()]
        assert msgspec.json.decode(msgspec.json.encode(page), type=Page) == page


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)
