"""What a terminal and a program are told of dead letters shows nothing of what stands in them."""

import io
import json

import pytest
from rich.console import Console, RenderableType

from churnstream.redrive.chosen import ChosenLetters, choose_letters
from churnstream.redrive.listing import LetterGroup, LetterPlace, LettersFound, kind_found
from churnstream.redrive.sending import RedriveTally
from churnstream.redrive.told import as_json, letters_view, tally_view
from contract.errors import UserError
from contract.settings import load_settings
from dashboard.stream.letters import SeenLetter
from tests.support.messages import START, customer, encode

PLACE = LetterPlace(
    partition=1,
    offset=20,
    origin_partition=1,
    origin_offset=7,
    at=START,
    event_time=START,
    detail="the field is missing",
    found="nothing",
    redriven=1,
)
GROUP = LetterGroup(
    reason="missing-field",
    field="Age",
    topic="customers",
    count=1_200,
    goes=1_000,
    stays={"would be refused again: not-json": 200},
    failed_again=1,
    first_at=START,
    last_at=START,
    meaning="A field is missing.",
    remedy="Send it.",
    examples=[PLACE],
)


def drawn(view: RenderableType) -> str:
    console = Console(width=160, record=True, file=io.StringIO(), markup=False)
    console.print(view)
    return console.export_text()


def test_a_terminal_is_told_counts_places_and_what_would_be_taken() -> None:
    text = drawn(letters_view(LettersFound(count=1_200, redriven=5, groups=[GROUP])))
    for said in (
        "1,200 dead letters (5 more have been sent again)",
        "1,200 missing-field at Age, from customers",
        "1,000 would be accepted by the schema now",
        "200 stay: would be refused again: not-json",
        "1 @ 20",
        "customers-1 @ 7",
        "the field is missing",
    ):
        assert said in text


def test_without_letters_it_says_so() -> None:
    assert "no dead letters are left" in drawn(letters_view(LettersFound(count=0, redriven=0, groups=[])))


def test_a_program_is_told_the_same() -> None:
    found = json.loads(as_json(LettersFound(count=1_200, redriven=5, groups=[GROUP])))
    assert (found["count"], found["redriven"]) == (1_200, 5)
    assert found["groups"][0]["examples"][0]["origin_offset"] == 7


def test_a_run_says_what_it_sent_and_what_stays() -> None:
    tally = RedriveTally(already=1, beyond=True, stopped=True)
    tally.goes["not-scorable", "", "customers"] = 2
    tally.stays["cut"] = 1
    text = drawn(tally_view(tally, done=True))
    for said in (
        "2 dead letters sent again",
        "1 stays: cut",
        "1 more has already been sent again",
        "--limit",
        "stopped",
    ):
        assert said in text
    assert "2 dead letters would be sent again" in drawn(tally_view(tally, done=False))


@pytest.mark.parametrize(
    ("value", "field", "kind"),
    [
        (encode(customer(1, Age="Hargrave")), "features.Age", "text of 8 characters"),
        (encode(customer(1, Age=None)), "features.Age", "null"),
        (encode(customer(1, Age=True)), "features.Age", "true or false"),
        (encode(customer(1, Age=[1])), "features.Age", "list"),
        (encode(customer(1, Age={})), "features.Age", "object"),
        (encode(customer(1, Age=1e9)), "features.Age", "number"),
        (encode(customer(1)), "features.None", "nothing"),
        (b"[]", "features.Age", "nothing"),
        (b"{", "features.Age", ""),
        (b"\xff", "features.Age", ""),
        (b"[" * 10_000, "features.Age", ""),
        (None, "features.Age", ""),
        (b"{}", "", ""),
    ],
)
def test_of_a_field_the_kind_of_its_value_is_told(value: bytes | None, field: str, kind: str) -> None:
    assert kind_found(value, field) == kind


def seen(reason: str = "not-json", field: str = "", topic: str = "x.customers", at: int | None = START) -> SeenLetter:
    return SeenLetter(
        partition=0,
        offset=0,
        reason=reason,
        field=field,
        detail="",
        origin_topic=topic,
        origin_partition=0,
        origin_offset=0,
        event_time=None,
        at=at,
    )


def test_letters_are_chosen_by_reason_field_topic_and_time() -> None:
    settings = load_settings(topic_prefix="x.")
    chosen = choose_letters(
        settings, ["not-json", "missing-field"], ["features.Age"], ["customers"], "2025-01-01", "2025-01-02"
    )
    assert chosen.holds(seen(field="features.Age"))
    assert chosen.holds(seen("missing-field", "Age"))
    others = [
        seen("null-key", "features.Age"),
        seen(field="features.Tenure"),
        seen(field="features.Age", topic="customers"),
        seen(field="features.Age", at=START - 1),
        seen(field="features.Age", at=None),
    ]
    assert not any(chosen.holds(one) for one in others)
    assert ChosenLetters().holds(seen(at=None))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"reasons": ["not-jsn"]}, "--reason got 'not-jsn'; take one of"),
        ({"topics": ["windows"]}, "--topic got 'windows'"),
        ({"since": "yesterday"}, "since got 'yesterday'"),
    ],
)
def test_a_mistake_in_a_flag_is_named(flags: dict[str, list[str]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose_letters(load_settings(), **flags)  # type: ignore[arg-type]
