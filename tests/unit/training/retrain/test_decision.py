"""Whether it is time to train anew."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from contract.alerts import Alert, ModelVerdict
from contract.durations import DAY
from contract.errors import UserError
from contract.messages import ModelRef, encode
from tests.support.messages import START
from training.retrain.decision import Decision, Situation, decide
from training.retrain.evidence import ModelEvidence
from training.retrain.options import Occasion, duration_of, moment_of, read_occasions

MODEL = ModelRef("churn", 3)


def incident(kind: Any, day: int, **changed: Any) -> Alert:
    start = START + day * DAY
    said = Alert(
        key=f"{kind}/{day}",
        state="opened",
        kind=kind,
        model=MODEL,
        start=start,
        end=start + DAY,
        features=[],
        message="",
        title=f"{kind} is wrong",
    )
    return msgspec.structs.replace(said, **changed)


def verdict(state: Any, day: int | None = None) -> ModelVerdict:
    since = None if day is None else START + day * DAY
    return ModelVerdict(model=MODEL, state=state, since=since, until=None, title=f"{state} SINCE", message="why")


def situation(days: Sequence[float] = (), records: int = 100, **changed: Any) -> Situation:
    """``records`` that can be learned from at each of some days."""
    times = np.repeat(np.array([START + int(day * DAY) for day in days], dtype=np.int64), records)
    return Situation(times=times, champion="churn v3", **changed)


def asked(when: str, of: Situation, **told: Any) -> Decision:
    return decide(read_occasions(when), of, **told)


def test_a_healthy_model_is_left_alone_and_it_is_said_why() -> None:
    found = asked("performance,drift", situation(range(30), verdict=verdict("healthy")))
    assert not found.trains
    assert [reason.split(" has no ")[1] for reason in found.reasons] == [
        "open incident of drift (drift), and its verdict is: healthy SINCE",
        "open incident of performance (performance, relation, segment), and its verdict is: healthy SINCE",
    ]


@pytest.mark.parametrize(
    ("when", "evidence", "trains"),
    [
        ("drift", {"incidents": (incident("drift", 5),)}, True),
        ("drift", {"incidents": (incident("performance", 5),)}, False),
        ("drift", {"verdict": verdict("customers_changed", 5)}, True),
        ("drift", {"verdict": verdict("relation_changed", 5)}, False),
        ("performance", {"incidents": (incident("performance", 5),)}, True),
        ("performance", {"incidents": (incident("segment", 5),)}, True),
        ("performance", {"incidents": (incident("drift", 5),)}, False),
        ("performance", {"incidents": (incident("volume", 5),)}, False),
        ("performance", {"verdict": verdict("worse", 5)}, True),
        ("performance", {"verdict": verdict("probably_worse")}, True),
        ("performance", {"verdict": verdict("silent", 5)}, False),
        ("performance", {}, False),
        ("always", {}, True),
    ],
)
def test_each_occasion_is_about_its_own(when: str, evidence: dict[str, Any], trains: bool) -> None:
    assert asked(when, situation(range(30), **evidence)).trains is trains


def test_only_a_changed_relation_makes_earlier_rows_useless() -> None:
    relation, drift = incident("relation", 12), incident("drift", 5)
    assert asked("performance", situation(range(30), incidents=(relation,))).since == START + 12 * DAY
    assert asked("drift", situation(range(30), incidents=(drift,))).since is None
    assert asked("drift,performance", situation(range(30), incidents=(drift, relation))).since == START + 12 * DAY
    changed = verdict("relation_changed", 20)
    assert asked("performance", situation(range(30), verdict=changed)).since == START + 20 * DAY


def test_a_change_of_which_hardly_any_label_is_in_is_waited_for() -> None:
    relation = incident("relation", 12)
    found = asked("performance", situation(range(13), incidents=(relation,)))
    assert not found.trains
    assert found.reasons[-1] == (
        "but only 100 records since 2025-01-13, when it began, have a label whose time is up, and 200 are needed"
    )
    assert asked("performance", situation(range(14), incidents=(relation,))).trains


def test_what_is_known_from_before_a_changed_relation_does_not_make_up_for_what_came_since() -> None:
    both = incident("drift", 2), incident("relation", 28)
    found = asked("drift,performance", situation(range(29), incidents=both))
    assert not found.trains
    assert found.reasons[-1].startswith("but only 100 records since 2025-01-29")


def test_an_incident_that_goes_on_gives_a_version_each_time_its_records_have_doubled() -> None:
    """Asked every day for a year, with a version made whenever it says so."""
    relation = incident("relation", 0)
    learned: int | None = None
    made = []
    for day in range(1, 365):
        known = situation(range(day), incidents=(relation,), learned_until=learned, last="churn v4")
        if asked("performance", known).trains:
            made.append(day)
            learned = int(known.times[-1])
    assert made == [2, 4, 8, 16, 32, 64, 128, 256]


def test_nothing_new_is_nothing_to_learn_from_whatever_is_asked() -> None:
    known = situation(range(30), learned_until=START + 28 * DAY, last="churn v4")
    found = asked("always", known)
    assert not found.trains
    assert "only 100 records have a label whose time is up since 2025-01-29" in found.reasons[-1]
    assert asked("always", known, least=100).trains
    assert not asked("always", situation()).trains


@pytest.mark.parametrize(("until", "trains"), [(None, True), (3, False), (1, True)])
def test_a_schedule_goes_by_the_time_of_the_records(until: int | None, trains: bool) -> None:
    learned = None if until is None else START + until * DAY
    known = situation(range(32), learned_until=learned, last="churn v4")
    found = asked("schedule", known, every=30 * DAY)
    assert found.trains is trains
    assert "30d" in found.reasons[0]


@pytest.mark.parametrize(("text", "read"), [("drift", ("drift",)), (" always, drift,drift", ("drift", "always"))])
def test_occasions_are_read_with_commas(text: str, read: tuple[Occasion, ...]) -> None:
    assert read_occasions(text) == read


@pytest.mark.parametrize("text", ["", ",", "sometimes", "drift;always"])
def test_what_is_no_occasion_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"--when got .*give some of drift, performance, schedule, always"):
        read_occasions(text)


def test_times_and_durations_are_read_or_refused_under_the_name_of_their_flag() -> None:
    assert duration_of("--every", "1d12h") == 36 * DAY // 24
    assert moment_of("--since", "2025-01-01") == START
    for refused in ("soon", "0s"):
        with pytest.raises(UserError, match=r"^--every"):
            duration_of("--every", refused)
    with pytest.raises(UserError, match=r"^--since"):
        moment_of("--since", "soon")


def test_evidence_is_the_newest_of_what_is_said_of_the_champion_alone() -> None:
    found = ModelEvidence(MODEL)
    first, second = incident("drift", 9), incident("relation", 4)
    other = incident("performance", 1, model=ModelRef("churn", 3, "challenger"), key="other")
    for alert in (first, second, other, incident("drift", 9, state="updated", title="more of it")):
        found.take(alert.key.encode(), encode(alert))
    said = verdict("worse", 3)
    found.take(said.key.encode(), encode(said))
    found.take(b"drift/7", b"no alert")

    assert [alert.title for alert in found.incidents] == ["relation is wrong", "more of it"]
    assert found.verdict == said
    found.take(first.key.encode(), encode(incident("drift", 9, state="closed")))
    found.take(second.key.encode(), None)
    assert found.incidents == ()
