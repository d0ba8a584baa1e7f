"""Where a dead letter goes back to, and why one stays."""

import pytest

from churnstream.redrive.judging import Destination, RedriveJudge
from churnstream.redrive.letters import OffsetSet, StoredLetter, marked_letters, stored_letter
from contract.kafka.dead_letters import MARK, Header
from contract.kafka.partitioner import belongs_to
from contract.rejection import Reason
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, PREDICTIONS
from dashboard.stream.received import Received
from tests.support.messages import DAY, START, customer, encode, key, label

SCHEMA = load_schema("bank_churn")
RECORD, GIVEN_LABEL = customer(1), label(1)


@pytest.fixture
def settings() -> Settings:
    return load_settings(topic_prefix="x.")


def letter(
    value: bytes | None = None,
    given_key: bytes | None = None,
    *,
    topic: str = "x.customers",
    partition: int = 1,
    reason: str = Reason.NOT_SCORABLE,
    **headers: str,
) -> StoredLetter:
    said: dict[str, str] = {
        "reason": reason,
        "field": "",
        "detail": "",
        "origin-topic": topic,
        "origin-partition": str(partition),
        "origin-offset": "7",
        "time": str(START + DAY),
    } | {name.replace("_", "-"): text for name, text in headers.items()}
    value, given_key = encode(RECORD) if value is None else value, given_key or key(RECORD)
    pairs = [(name, text.encode()) for name, text in said.items()]
    found = stored_letter(Received(DEAD_LETTERS, partition, 3, given_key, value, pairs, START))
    assert found is not None
    return found


def judged(settings: Settings, one: StoredLetter, most: int = 3) -> Destination | str:
    counts = {settings.topic(CUSTOMERS): 2, settings.topic(LABELS): 4}
    return RedriveJudge(settings, SCHEMA, counts, most).judge(one)


def test_a_letter_goes_to_the_partition_that_it_came_from(settings: Settings) -> None:
    assert judged(settings, letter()) == Destination("x.customers", 1)
    came = letter(encode(GIVEN_LABEL), topic="x.labels", partition=3, reason=Reason.LABEL_WITHOUT_RECORD)
    assert judged(settings, came) == Destination("x.labels", 3)


def test_a_label_in_the_wrong_partition_goes_to_that_of_its_key(settings: Settings) -> None:
    right = belongs_to(str(GIVEN_LABEL["customer_id"]), 4)
    came = letter(encode(GIVEN_LABEL), topic="x.labels", partition=(right + 1) % 4, reason=Reason.WRONG_PARTITION)
    assert judged(settings, came) == Destination("x.labels", right)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (letter(cut="value"), "cut"),
        (letter(topic=f"x.{PREDICTIONS}"), "a prediction"),
        (letter(topic="customers"), "another topic"),
        (letter(topic="somebody.customers"), "another topic"),
        (letter(redriven="3"), "sent again 3 times"),
        (letter(partition=2), "a partition"),
        (letter(b"{"), "refused again: not-json"),
        (letter(b""), "refused again: empty-value"),
        (letter(encode(customer(1, Age=500))), "refused again: out-of-range at Age"),
        (letter(encode(customer(1, **{"<b>": 1}))), "refused again: unknown-field"),
        (letter(given_key=b"other"), "refused again: key-mismatch"),
        (letter(encode(label(1, value=7)), topic="x.labels"), "refused again: invalid-label"),
    ],
)
def test_a_letter_stays_that_would_gain_nothing(settings: Settings, one: StoredLetter, said: str) -> None:
    why = judged(settings, one)
    assert isinstance(why, str)
    assert said in why
    assert "<b>" not in why


@pytest.mark.parametrize(
    ("headers", "goes"),
    [
        ({"time": str(START)}, False),
        ({"time": str(START + 5 * DAY)}, True),
        # who refused it read it five days later than it was sent
        ({"time": str(START + 5 * DAY), "sent": str(START)}, False),
        # it was sent again, and refused again
        ({"time": str(START + 9 * DAY), "sent": str(START + 8 * DAY), "first-sent": str(START)}, False),
    ],
)
def test_an_event_time_ahead_of_when_it_was_sent_does_not_become_plausible_by_waiting(
    settings: Settings, headers: dict[str, str], goes: bool
) -> None:
    ahead = encode(customer(1, event_time=START + 3 * DAY))
    assert isinstance(judged(settings, letter(ahead, **headers)), Destination) == goes


def test_more_tries_are_taken_where_they_are_asked_for(settings: Settings) -> None:
    assert isinstance(judged(settings, letter(redriven="3"), most=4), Destination)


def test_a_letter_knows_where_it_stood_at_first() -> None:
    assert letter().first == (1, 7)
    assert letter(redriven="1", first_partition="0", first_offset="5").first == (0, 5)
    assert letter(redriven="1", first_partition="0", first_offset="x").first == (1, 7)


def mark(value: bytes, *, given_key: bytes | None = None, headers: tuple[Header, ...] = ((MARK, "1"),)) -> Received:
    pairs = [(name, str(text).encode()) for name, text in headers]
    return Received(DEAD_LETTERS, 0, 100, given_key, value, pairs)


def test_a_mark_names_letters_before_it_and_nothing_else_does() -> None:
    assert marked_letters(mark(b'{"offsets": [3, 99, 100, 101, -1], "later": true}')) == [3, 99]
    nothing = [
        mark(b'{"offsets": [3]}', given_key=b"c"),
        mark(b'{"offsets": [3]}', headers=()),
        mark(b'{"offsets": [3]}', headers=((MARK, "1"), ("reason", "not-json"))),
        mark(b"\xff"),
        mark(b'{"offsets": "3"}'),
        mark(b"[" * 10_000),
    ]
    assert [list(marked_letters(one)) for one in nothing] == [[]] * len(nothing)


def test_offsets_are_held_as_a_set_holds_them() -> None:
    some, first = {1_000, 1_001, 1_008, 1_500, 90_000}, 1_000
    found = OffsetSet(first)
    for offset in (*some, 3):
        found.add(offset)
    assert {offset for offset in range(100_000) if offset in found} == some
    assert -1 not in found


def test_a_mark_is_no_letter() -> None:
    assert stored_letter(mark(b'{"offsets": [3]}')) is None
