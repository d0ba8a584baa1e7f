"""Labels that stay away or come late, and records that are too few or too many, beside the windows before."""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from contract.alert_rules import DEFAULT_RULES, StreamRules
from contract.alerts import Alert, AlertKind
from contract.windows import Estimated, Performance, Window
from monitor.verdicts.alerts import due_alerts
from monitor.verdicts.flow_signs import FLOW_KINDS
from monitor.verdicts.incidents import Detectors, History
from tests.support.messages import DAY, START
from tests.support.windows import MODEL, window

WEEKEND = (5, 6)
HOUR = DAY // 24
Told = list[tuple[str, AlertKind]]


def flow(
    day: int,
    counts: Sequence[int],
    *,
    coverage: float = 0.95,
    of_churners: float | None = None,
    delay: float = 48.0,
    inferred: bool = False,
    **changed: Any,
) -> Window:
    """A final window that ends with ``counts``, the records of its days; a fifth of the customers churn."""
    records = sum(counts)
    churners = records // 5
    positive = round(churners * (coverage if of_churners is None else of_churners))
    negative = round((records - churners) * coverage)
    silent = records - positive if inferred else 0
    negative = silent if inferred else negative
    made: dict[str, Any] = {
        "start": START + (day + 1 - len(counts)) * DAY,
        "end": START + (day + 1) * DAY,
        "records": records,
        "labelled": positive + negative,
        "inferred": silent,
        "performance": Performance(labelled=positive + negative, tn=negative, fp=0, fn=0, tp=positive),
        "estimated": Estimated(records=records, tn=float(records - churners), fp=0.0, fn=0.0, tp=float(churners)),
        "delay_p50_hours": delay,
        "slide": DAY,
        "slide_records": counts[-1],
        "status": "final",
        "revision": 1,
    }
    return window(day, **made | changed)


def stream(counts: Sequence[int], size: int = 1, **changed: Any) -> list[Window]:
    """The windows of ``size`` days, one for each day from the first record on."""
    padded = [*[0] * (size - 1), *counts]
    windows = [flow(day, padded[day : day + size], **changed) for day in range(len(counts))]
    return [one for one in windows if one.records]


def alerts_of(windows: Sequence[Window], rules: StreamRules = DEFAULT_RULES.stream) -> list[Alert]:
    history = History(Detectors(300.0), rules=rules)
    published: dict[str, Alert] = {}
    said = []
    for one in windows:
        history.put(one)
        due = due_alerts(MODEL, history, published.values())
        published |= {alert.key: alert for alert in due}
        said += due
    return said


def told(windows: Sequence[Window]) -> Told:
    return [(alert.state, alert.kind) for alert in alerts_of(windows) if alert.kind in FLOW_KINDS]


def weekly(days: int, mean: float, seed: int = 0) -> list[int]:
    random = np.random.default_rng(seed)
    return [int(random.poisson(mean * (0.2 if day % 7 in WEEKEND else 1.0))) for day in range(days)]


@pytest.mark.parametrize("size", [1, 3, 7, 14])
@pytest.mark.parametrize("mean", [20.0, 1_000.0])
def test_a_steady_week_raises_nothing_in_a_year(size: int, mean: float) -> None:
    """Poisson volume, a fifth of it at weekends; the windows at both ends are partial."""
    for seed in range(3):
        assert told(stream(weekly(365, mean, seed), size)) == []


def test_hours_that_follow_day_and_week_raise_nothing() -> None:
    random, history, hours = np.random.default_rng(0), History(300.0), 8 * 7 * 24
    for hour in range(hours):
        rate = 300 * (0.2 if hour // 24 % 7 in WEEKEND else 1.0) * (1.0 if 8 <= hour % 24 < 20 else 0.15)
        count = int(random.poisson(rate))
        start = START + hour * HOUR
        history.put(flow(0, [count], start=start, end=start + HOUR, slide=HOUR))
    assert history.incidents() == []


@pytest.mark.parametrize("size", [1, 7])
@pytest.mark.parametrize(("factor", "said"), [(0.2, "few"), (5.0, "many")])
def test_another_volume_is_told_once_and_ends_when_it_is_usual(size: int, factor: float, said: str) -> None:
    counts = weekly(300, 1_000)
    changed = [int(count * factor) if day >= 100 else count for day, count in enumerate(counts)]
    found = [alert for alert in alerts_of(stream(changed, size)) if alert.kind == "volume"]
    assert [alert.state for alert in found] == ["opened", "closed"]
    assert f"too {said} by a factor of" in found[0].message
    assert START + 100 * DAY < found[0].end <= START + (100 + size + 1) * DAY
    assert "or it has become usual" in found[1].message


def test_a_day_without_a_record_is_for_silence_to_tell() -> None:
    """As is a model that is replaced in the middle of a day, and comes back in the middle of another."""
    counts = weekly(120, 1_000)
    counts[80], counts[81:90], counts[90] = 40, [0] * 9, 40
    for size in (1, 7):
        assert told(stream(counts, size)) == []


def test_the_end_of_a_stream_is_no_change_of_volume() -> None:
    for size in (1, 7):
        ends = [*weekly(100, 1_000), *[0] * (size - 1)]
        assert told(stream(ends, size)) == []


def test_labels_that_never_come_are_told_once() -> None:
    found = [alert for alert in alerts_of(stream([500] * 100, 7, coverage=0.0)) if alert.kind in FLOW_KINDS]
    assert [(alert.state, alert.kind, alert.severity) for alert in found] == [("opened", "coverage", "critical")]
    assert "no label has come for any of 500 predictions" in found[0].message


def test_silence_that_counts_as_an_answer_hides_no_missing_labels() -> None:
    windows = [*stream([500] * 60, inferred=True), *(flow(day, [500], inferred=True, coverage=0.0) for day in (60, 61))]
    found = [alert for alert in alerts_of(windows) if alert.kind == "coverage"]
    assert [alert.state for alert in found] == ["opened"]
    assert "500 count as 0 because their horizon has passed" in found[0].message


def test_fewer_labels_than_before_are_told() -> None:
    windows = [flow(day, [400], coverage=0.7 if 60 <= day < 70 else 0.95) for day in range(100)]
    found = [alert for alert in alerts_of(windows) if alert.kind in FLOW_KINDS]
    assert [(alert.state, alert.kind) for alert in found] == [("opened", "coverage"), ("closed", "coverage")]
    assert "labels came for 70% of 400 predictions, but for about 95% in earlier windows" in found[0].message


def test_the_class_whose_labels_are_missing_is_named() -> None:
    windows = [flow(day, [400], of_churners=0.2 if day >= 60 else 0.95) for day in range(62)]
    (opened,) = [alert for alert in alerts_of(windows) if alert.kind in FLOW_KINDS]
    assert "above all, labels 1 are missing" in opened.message


def test_labels_that_say_otherwise_are_not_missing() -> None:
    """A relation that flips has fewer churners than scores say, and as many labels as before."""
    windows = [flow(day, [400]) for day in range(60)]
    flipped = Performance(labelled=380, tn=360, fp=0, fn=0, tp=20)
    windows += [flow(day, [400], performance=flipped) for day in range(60, 70)]
    assert told(windows) == []


def test_labels_that_come_later_are_told_of_final_windows_alone() -> None:
    delays = [110.0 if day >= 60 else 48.0 for day in range(64)]
    windows = [flow(day, [400], delay=delay) for day, delay in enumerate(delays)]
    found = [alert for alert in alerts_of(windows) if alert.kind in FLOW_KINDS]
    assert [(alert.state, alert.kind) for alert in found] == [("opened", "delay")]
    assert "took longer than 4.6 days, but about 2.0 days in earlier windows" in found[0].message
    provisional = [flow(day, [400], status="provisional", delay=delay) for day, delay in enumerate(delays)]
    assert told(provisional) == []


def test_delays_that_follow_the_week_raise_nothing() -> None:
    assert told([flow(day, [400], delay=24.0 * (7 - day % 7)) for day in range(200)]) == []


def test_the_rules_say_what_counts() -> None:
    windows = [flow(day, [400], coverage=0.7 if day >= 60 else 0.95) for day in range(64)]
    assert alerts_of(windows, StreamRules(coverage_drop=0.5)) == []


def windows_with_everything() -> list[Window]:
    counts = weekly(150, 600)
    return [
        flow(
            day,
            [count // 5 if 70 <= day < 80 else count],
            coverage=0.5 if 90 <= day < 95 else 0.95,
            delay=200.0 if 110 <= day < 113 else 48.0,
        )
        for day, count in enumerate(counts)
    ]


def test_the_same_windows_in_any_order_give_the_same_incidents() -> None:
    windows = windows_with_everything()
    in_order = History(Detectors(300.0))
    for one in windows:
        in_order.put(one)
    assert {incident.kind for incident in in_order.incidents()} == {"volume", "coverage", "delay"}
    for seed in range(3):
        shuffled = Random(seed).sample(windows, len(windows))
        mixed = History(Detectors(300.0))
        for one in shuffled:
            mixed.put(one)
            if Random(one.end).random() < 0.3:
                mixed.incidents()
        assert mixed.incidents() == in_order.incidents()


def test_late_labels_take_it_back() -> None:
    windows = [flow(day, [400], coverage=0.7 if day >= 60 else 0.95) for day in range(61)]
    said = told([*windows, flow(60, [400], revision=2)])
    assert said == [("opened", "coverage"), ("retracted", "coverage")]


@pytest.mark.parametrize("known_from", [40, 66, 71, 75, 86, 92, 100])
def test_a_restart_denies_nothing_for_want_of_windows_to_compare_with(known_from: int) -> None:
    """Of what went before the topic's first window nothing is known; what was told of it stands, and ends."""
    windows = windows_with_everything()
    published: dict[str, Alert] = {}
    history, said = History(Detectors(300.0)), []
    for one in windows[:100]:
        history.put(one)
        for alert in due_alerts(MODEL, history, published.values()):
            published[alert.key] = alert
    history = History(Detectors(300.0), [alert for alert in published.values() if alert.standing])
    for one in windows[known_from:100]:
        history.put(one)
    for one in [windows[99], *windows[100:]]:
        history.put(one)
        for alert in due_alerts(MODEL, history, published.values()):
            published[alert.key] = alert
            said.append((alert.state, alert.kind))
    assert "retracted" not in {state for state, _ in said}
    assert not [alert for alert in published.values() if alert.standing]


def test_windows_that_are_let_go_are_still_compared_with() -> None:
    windows = windows_with_everything()
    whole, kept = History(Detectors(300.0)), History(Detectors(300.0))
    for one in windows:
        whole.put(one)
        kept.put(one)
        kept.forget(one.end - 3 * DAY)
        assert [each for each in whole.incidents() if each.end > one.end - 3 * DAY] == [
            each for each in kept.incidents() if each.end > one.end - 3 * DAY
        ]
