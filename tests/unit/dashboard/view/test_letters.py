"""Dead letters by reason, with nothing of what stands in them."""

import msgspec

from contract.rejection import Reason
from dashboard.view.letters import MEANINGS
from tests.support.dashboard.told import NOW, ToldStream
from tests.support.messages import START


def test_every_reason_has_a_meaning_and_a_remedy() -> None:
    assert set(MEANINGS) == set(Reason)
    assert all(meaning.endswith(".") and remedy for meaning, remedy in MEANINGS.values())


def test_by_reason_and_field_the_most_frequent_first() -> None:
    told = ToldStream()
    told.reject("not-json")
    for place in range(5):
        told.reject("out-of-range", "features.Age", at=NOW + place * 60_000)
    told.reject("out-of-range", "features.Tenure")
    letters = told.page().letters
    assert [(one.reason, one.field, one.count) for one in letters] == [
        ("out-of-range", "Age", 5),
        ("not-json", "", 1),
        ("out-of-range", "Tenure", 1),
    ]
    assert letters[0].last == "5 Feb 2026 00:04 UTC"
    assert [one.origin for one in letters[0].examples] == ["customers-2 @ 5", "customers-2 @ 4", "customers-2 @ 3"]
    assert letters[0].examples[0].detail == "dated 1 Jan 2025 00:00 UTC"


def test_a_field_is_called_as_in_the_schema_in_whatever_script() -> None:
    told = ToldStream()
    told.reject("out-of-range", "features.Größe")
    assert [one.field for one in told.page().letters] == ["Größe"]


def test_no_value_is_shown() -> None:
    told = ToldStream()
    told.reject("unknown-field", "<img src=x onerror=alert(1)>", event_time=START)
    told.reject("unknown-field", "private@example.org")
    told.reject("a-later-reason", "Age")
    page = told.page()
    shown = msgspec.json.encode(page)
    assert b"private" not in shown
    assert b"<img" not in shown
    assert {one.reason for one in page.letters} == {"unknown-field", "a-later-reason"}
