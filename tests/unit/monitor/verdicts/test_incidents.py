"""One change is one incident, from opening to end, however windows come and whatever restarts in between."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.alerts import Alert
from contract.windows import Estimate, Relation, Window, Worsening
from monitor.verdicts.alerts import due_alerts
from monitor.verdicts.evidence import ALTERNATIVES
from monitor.verdicts.incidents import Detectors, History
from tests.support.messages import DAY, START
from tests.support.windows import MODEL, drift, final, window

STABLE = drift({"Age": 0.02, "score": 0.01})
AGE = drift({"Age": 0.31, "score": 0.01}, ("Age",))
BOTH = drift({"Age": 0.25, "score": 0.4}, ("Age", "score"))


def relation(changed: bool, evidence: float = 0.0) -> Relation:
    return Relation(
        labelled=1_000,
        observed=320 if changed else 205,
        expected=Estimate(205, 185, 225),
        level=Estimate(0.9, 0.7, 1.1) if changed else Estimate(0.0, -0.2, 0.2),
        slope=Estimate(-0.4, -0.5, -0.3) if changed else Estimate(0.0, -0.1, 0.1),
        p_value=1e-20 if changed else 0.6,
        changed=changed,
        evidence=(evidence,) * ALTERNATIVES,
    )


def worsening(worse: bool) -> Worsening:
    return Worsening(reference=0.1, excess=Estimate(0.05, 0.03, 0.07), p_value=1e-9 if worse else 0.8, worse=worse)


class Alarms:
    """A history, and the alerts as the topic has them."""

    def __init__(self) -> None:
        self.history = History(Detectors(300.0))
        self.published: dict[str, Alert] = {}
        self.said: list[Alert] = []

    def take(self, *windows: Window) -> list[tuple[str, str]]:
        """State and kind of what is said after each window."""
        said = []
        for one in windows:
            self.history.put(one)
            for alert in due_alerts(MODEL, self.history, self.published.values()):
                self.published[alert.key] = alert
                self.said.append(alert)
                said.append((alert.state, alert.kind))
            assert due_alerts(MODEL, self.history, self.published.values()) == []
        return said

    def restart(self, windows: Sequence[Window]) -> None:
        """From what the topics have."""
        self.history = History(Detectors(300.0), [one for one in self.published.values() if one.standing])
        for one in windows:
            self.history.put(one)


def test_quiet_windows_alert_nobody() -> None:
    assert Alarms().take(*(final(day, drift=STABLE, relation=relation(False)) for day in range(30))) == []


def test_one_change_is_one_incident_and_ends_after_two_clean_windows() -> None:
    alarms = Alarms()
    drifted = range(3, 15)
    said = [alarms.take(final(day, drift=AGE if day in drifted else STABLE)) for day in range(40)]
    told = [(day, *one) for day, each in enumerate(said) for one in each]
    # the first clean window is that of day 15; two windows of seven days, without overlap, end with that of day 22
    assert told == [(3, "opened", "drift"), (22, "closed", "drift")]
    opened, closed = alarms.said
    assert opened.key == closed.key
    assert (closed.start, closed.end) == (START + 3 * DAY, START + 21 * DAY)


def test_another_change_is_another_incident() -> None:
    alarms = Alarms()
    alarms.take(*(final(day, drift=AGE if day in (3, 40) else STABLE) for day in range(80)))
    assert [one.state for one in alarms.said] == ["opened", "closed", "opened", "closed"]
    assert len({one.key for one in alarms.said}) == 2


def test_windows_that_do_not_overlap_need_two_clean_ones() -> None:
    alarms = Alarms()
    days = range(0, 70, 7)
    assert alarms.take(*(final(day, drift=AGE if day < 14 else STABLE) for day in days)) == [
        ("opened", "drift"),
        ("closed", "drift"),
    ]
    assert alarms.said[-1].at == START + 28 * DAY


def test_an_incident_is_updated_when_other_columns_drift_and_at_most_once_a_day() -> None:
    alarms = Alarms()
    hour = DAY // 24
    windows = [
        final(1, start=START + n * hour, end=START + 7 * DAY + n * hour, drift=AGE if n % 2 else BOTH)
        for n in range(1, 49)
    ]
    said = alarms.take(*windows)
    assert said[0] == ("opened", "drift")
    assert [state for state, _ in said[1:]] == ["updated"]
    assert alarms.said[-1].severity == "critical"


def test_columns_that_come_and_go_are_no_news() -> None:
    alarms = Alarms()
    said = alarms.take(*(final(day, drift=AGE if day % 2 else BOTH) for day in range(30)))
    assert said == [("opened", "drift")]
    assert alarms.history.incidents()[0].features == ("Age", "score")


def test_late_labels_take_back_what_was_believed() -> None:
    alarms = Alarms()
    assert alarms.take(final(0, relation=relation(True))) == [("opened", "relation")]
    assert alarms.take(final(0, relation=relation(False), revision=1)) == [("retracted", "relation")]
    assert alarms.take(final(0, relation=relation(True), revision=2)) == [("opened", "relation")]
    assert len(alarms.published) == 1


def test_a_beginning_that_moves_keeps_its_key() -> None:
    alarms = Alarms()
    alarms.take(*(final(day, drift=AGE) for day in range(5, 8)))
    alarms.take(final(3, drift=AGE), final(4, drift=AGE))
    [alert] = alarms.published.values()
    assert (alert.state, alert.start) == ("updated", START + 3 * DAY)
    alarms.take(*(final(day, drift=STABLE) for day in range(8, 24)))
    [alert] = alarms.published.values()
    assert (alert.state, alert.start) == ("closed", START + 3 * DAY)


def test_evidence_of_several_slides_opens_an_incident_that_no_window_shows_alone() -> None:
    alarms = Alarms()
    said = [alarms.take(final(day, relation=relation(False, evidence=1.0))) for day in range(10)]
    assert [day for day, each in enumerate(said) if each] == [5]
    assert "several slides" in alarms.said[0].message


def test_each_kind_has_incidents_of_its_own() -> None:
    alarms = Alarms()
    bad = final(0, drift=AGE, relation=relation(True), worsening=worsening(True))
    assert sorted(alarms.take(bad)) == [("opened", "drift"), ("opened", "performance"), ("opened", "relation")]


def test_windows_that_were_not_judged_say_nothing() -> None:
    alarms = Alarms()
    alarms.take(final(0, drift=AGE))
    unjudged = drift({"Age": 0.31}, ())
    unjudged = type(unjudged)(judged=False, drifted=False, share=0.0)
    assert alarms.take(*(window(day, drift=unjudged) for day in range(1, 40))) == []


def test_alerts_of_the_release_before_become_one_incident() -> None:
    alarms = Alarms()
    for day in range(3):
        key = f"drift/{MODEL.key}/{START + day * DAY}"
        alarms.published[key] = Alert(
            key=key,
            state="raised",
            kind="drift",
            model=MODEL,
            start=START + day * DAY,
            end=START + (day + 7) * DAY,
            features=["Age"],
            message="drift in Age",
        )
    alarms.restart([final(day, drift=AGE) for day in range(3)])
    due = due_alerts(MODEL, alarms.history, alarms.published.values())
    assert [one.state for one in due] == ["retracted", "retracted"]


def test_an_incident_from_before_the_windows_that_are_known_goes_on_and_ends() -> None:
    alarms = Alarms()
    alarms.take(*(final(day, drift=AGE) for day in range(10)))
    alarms.restart([final(day, drift=AGE) for day in range(6, 10)])
    assert alarms.take(*(final(day, drift=STABLE) for day in range(10, 30))) == [("closed", "drift")]
    assert len(alarms.published) == 1


def test_the_sentence_says_what_since_when_how_sure_and_what_to_do() -> None:
    alarms = Alarms()
    alarms.take(final(0, drift=BOTH, relation=relation(True), worsening=worsening(True)))
    by_kind = {one.kind: one.message for one in alarms.said}
    since = "since 2025-01-01T00:00:00Z, last seen in the window that ends 2025-01-08T00:00:00Z"
    assert by_kind["drift"] == (
        f"churn v3: customers differ from those of training {since}: drift in score (distance 0.400), Age (distance "
        "0.250); by chance alone p = 1e-08; look at the window's report; if the change will last, train on "
        "newer customers"
    )
    assert by_kind["relation"] == (
        f"churn v3: labels no longer go with scores as in training {since}: 320 of 1,000 labelled customers churned, "
        "but 205 (185 to 225) were expected from their scores, and the scores separate them worse than in training; "
        "by chance alone p < 1e-12; do not trust estimates without labels from then on; train on customers labelled "
        "since"
    )
    assert "Brier score 0.1500 against 0.1000 on held-out rows" in by_kind["performance"]


def test_what_nothing_can_change_is_forgotten_and_changes_nothing() -> None:
    all_kept, bounded = Alarms(), Alarms()
    windows = [final(day, drift=AGE if day % 50 in (20, 21) else STABLE) for day in range(300)]
    for one in windows:
        assert all_kept.take(one) == bounded.take(one)
        bounded.history.forget(one.start - 20 * DAY)
    begins = bounded.history.begins
    assert begins is not None
    assert begins >= windows[-1].start - 27 * DAY
    assert len(bounded.history.incidents()) <= 1
    # too late to change anything
    assert bounded.take(final(2, drift=AGE, revision=1)) == []
    bounded.history.forget(windows[-1].end + 100 * DAY)
    assert bounded.history.begins == windows[-1].start


def windows_of(wrong: Sequence[bool], changed: Sequence[bool]) -> list[Window]:
    return [
        final(day, drift=AGE if bad else STABLE, relation=relation(moved))
        for day, (bad, moved) in enumerate(zip(wrong, changed, strict=True))
    ]


@given(seed=st.integers(0, 2**32), days=st.integers(1, 25))
@settings(max_examples=40, deadline=None)
def test_incidents_follow_from_the_windows_whatever_the_order(seed: int, days: int) -> None:
    random = Random(seed)

    def runs() -> list[bool]:
        return [flag for _ in range(days) for flag in [random.random() < 0.5] * random.randint(1, 8)][:days]

    # of two days, so that incidents come to their end
    windows = [msgspec.structs.replace(one, end=one.start + 2 * DAY) for one in windows_of(runs(), runs())]
    straight, shuffled = Alarms(), Alarms()
    straight.take(*windows)
    # some come first with another content, and are revised
    wrong = {"drift": AGE, "relation": relation(True)}
    early = [msgspec.structs.replace(one, **wrong) for one in windows if random.random() < 0.3]
    seen: dict[int, Window] = {}
    for one in [*random.sample(early, len(early)), *random.sample(windows, len(windows))]:
        shuffled.take(one)
        seen[one.start] = one
        if random.random() < 0.2:
            shuffled.restart(list(seen.values()))
            assert due_alerts(MODEL, shuffled.history, shuffled.published.values()) == []
    assert shuffled.history.incidents() == straight.history.incidents()

    def over(alarms: Alarms) -> list[tuple[str, int, int]]:
        closed = [one for one in alarms.published.values() if one.state == "closed"]
        return sorted((one.kind, one.start, one.end) for one in closed)

    assert over(shuffled) == over(straight)


@pytest.mark.parametrize("kind", ["drift", "relation"])
def test_every_published_incident_is_one_that_the_windows_show(kind: str) -> None:
    alarms = Alarms()
    alarms.take(*windows_of([True] * 5 + [False] * 40, [False] * 10 + [True] * 3 + [False] * 32))
    shown = {(one.kind, one.start) for one in alarms.history.incidents()}
    assert {(one.kind, one.start) for one in alarms.published.values()} == shown
    assert kind in {one for one, _ in shown}


def test_a_change_at_the_edge_of_what_is_found_is_one_incident() -> None:
    """Every second window alone is sure enough to open one; those between are neither wrong nor clean."""
    alarms = Alarms()
    doubtful = msgspec.structs.replace(relation(False), p_value=0.05)
    edge = [drift({"Age": 0.06}, ("Age",)), drift({"Age": 0.04})]
    age = msgspec.structs.replace(edge[1].features["Age"], p_adjusted=0.05)
    edge[1] = msgspec.structs.replace(edge[1], features={"Age": age})
    windows = [
        final(7 * week, drift=edge[week % 4 > 0], relation=relation(True) if week % 4 == 0 else doubtful)
        for week in range(15)
    ]
    clean = [final(7 * week, drift=STABLE, relation=relation(False)) for week in range(15, 20)]
    assert sorted(alarms.take(*windows)) == [("opened", "drift"), ("opened", "relation")]
    assert sorted(alarms.take(*clean)) == [("closed", "drift"), ("closed", "relation")]


def test_a_column_that_moves_by_too_little_to_count_does_not_keep_an_incident_open() -> None:
    alarms = Alarms()
    little = drift({"Age": 0.01})
    sure = msgspec.structs.replace(little.features["Age"], p_adjusted=1e-9)
    little = msgspec.structs.replace(little, features={"Age": sure})
    said = alarms.take(*(final(7 * week, drift=AGE if week < 2 else little) for week in range(6)))
    assert said == [("opened", "drift"), ("closed", "drift")]
