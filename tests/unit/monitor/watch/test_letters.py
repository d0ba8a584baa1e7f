"""Dead letters get names that are bounded and safe, and count where their record's time lies."""

import json

import pytest

from contract.kafka.dead_letters import readable_event_time
from monitor.watch.letters import MOST_FOREIGN, MOST_NAMES, MOST_SLIDES, Letter, LetterCounts, LetterNames, bounded
from tests.support.messages import DAY, START, customer, encode


def letter(event_time: int | None, name: str = "out-of-range/Age", origin: str = "p.customers") -> Letter:
    return Letter(0, 0, name, origin, 0, 0, event_time)


def counts() -> LetterCounts:
    return LetterCounts(DAY, "p.labels")


def test_reasons_and_fields_of_the_schema_are_named() -> None:
    names = LetterNames(["Age", "Balance"])
    assert names.of("out-of-range", "features.Age") == "out-of-range/Age"
    assert names.of("missing-field", "record_id") == "missing-field/record_id"
    assert names.of("not-json", "") == "not-json"


def test_what_others_write_into_headers_makes_few_names_and_no_markup() -> None:
    names = LetterNames(["Age"])
    assert names.of("<b>made up</b>", "Age") == "other"
    assert names.of("unknown-field", "features.<script>") == "unknown-field/other"
    assert names.of("unknown-field", "features.Agee") == "unknown-field/Agee"
    found = {names.of("unknown-field", f"column {i}") for i in range(10_000)}
    assert len(found) == MOST_FOREIGN
    assert "unknown-field/other" in found


def test_they_count_in_the_window_of_their_event_time() -> None:
    found = counts()
    found.add([letter(START), letter(START + DAY - 1), letter(START + DAY, "not-scorable"), letter(None)])
    found.add([letter(START, origin="p.labels")])
    assert found.within(START, START + DAY) == {"out-of-range/Age": 2}
    assert found.within(START, START + 7 * DAY) == {"not-scorable": 1, "out-of-range/Age": 2}
    assert found.within(START + 2 * DAY, START + 3 * DAY) == {}


def test_names_and_slides_are_bounded() -> None:
    found = counts()
    found.add(letter(START, f"unknown-field/{i}") for i in range(3 * MOST_NAMES))
    kept = found.within(START, START + DAY)
    assert sum(kept.values()) == 3 * MOST_NAMES
    assert len(kept) <= MOST_NAMES + 1
    found.add(letter(START + (i + 1) * DAY) for i in range(MOST_SLIDES))
    assert found.within(START, START + DAY) == {}
    assert len(bounded({f"{i:04}": 1 for i in range(500)})) == MOST_NAMES + 1


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (encode(customer(0, Age=-5)), START),
        (encode(customer(0, Age="old")), START),
        (json.dumps({"event_time": float(START)}).encode(), START),
        (json.dumps({"event_time": "2025-01-01"}).encode(), None),
        (json.dumps({"event_time": 12}).encode(), None),
        (json.dumps({"event_time": 10**30}).encode(), None),
        (json.dumps({"event_time": True}).encode(), None),
        (b'{"event_time": 1e999}', None),
        (b'{"event_time": 17', None),
        (b"[" * 100_000, None),
        (b"\xff", None),
        (b"", None),
        (None, None),
    ],
)
def test_the_event_time_of_what_is_refused_is_read_where_it_can_be(value: bytes | None, time: int | None) -> None:
    assert readable_event_time(value) == time
