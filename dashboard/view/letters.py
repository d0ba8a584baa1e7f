"""Dead letters by reason: what it means, what to do, and where examples came from. Nothing of what stands in them."""

from collections.abc import Sequence

from contract.rejection import Reason
from dashboard.stream.letters import SeenLetter
from dashboard.stream.state import StreamState
from dashboard.view.model import LetterExample, LetterReason
from dashboard.view.words import moment, named

_MOST_REASONS = 50
_MOST_EXAMPLES = 3
_PRODUCER = "Correct it where the records are sent"
MEANINGS: dict[Reason, tuple[str, str]] = {
    Reason.EMPTY_VALUE: (
        "The message has no value at all.",
        f"{_PRODUCER}. A message without a value deletes nothing here.",
    ),
    Reason.TOO_LARGE: ("The message is too large.", "Send records of less than 1 MB."),
    Reason.NOT_UTF8: ("The message is not text in UTF-8.", f"{_PRODUCER}: write JSON in UTF-8."),
    Reason.NOT_JSON: ("The message is not JSON.", f"{_PRODUCER}: send one JSON object per message."),
    Reason.WRONG_SHAPE: (
        "The message is JSON, but not an object of the expected form.",
        f"{_PRODUCER}, following the schema.",
    ),
    Reason.MISSING_FIELD: (
        "A required field is missing.",
        f"{_PRODUCER}, or mark it as optional in the schema.",
    ),
    Reason.UNKNOWN_FIELD: (
        "A field is not in the schema.",
        f"{_PRODUCER}, or add the field to the schema. Private fields must not be sent.",
    ),
    Reason.WRONG_TYPE: (
        "A field has a different type than in the schema, such as text instead of a number.",
        f"{_PRODUCER}.",
    ),
    Reason.NOT_FINITE: (
        "A number is NaN, infinite, or too large for a computer to hold.",
        f"{_PRODUCER}: send null if a value is not known.",
    ),
    Reason.OUT_OF_RANGE: (
        "A number is outside the range that the schema allows.",
        "Check whether the unit or meaning has changed at the source. If the value is right, widen the schema's range.",
    ),
    Reason.UNKNOWN_CATEGORY: (
        "A category is not in the schema.",
        "Check whether it is new or only spelled differently. Add it to the schema and train with it, or correct it.",
    ),
    Reason.TOO_LONG: ("A text is longer than the schema allows.", f"{_PRODUCER}."),
    Reason.IMPLAUSIBLE_EVENT_TIME: (
        "The time of the event is before 2000, after 2200, or more than a day after the message was sent.",
        "Send milliseconds since 1970 in UTC, and set the sender's clock.",
    ),
    Reason.NULL_KEY: ("The message has no key.", f"{_PRODUCER}: the key must be the customer's id."),
    Reason.KEY_MISMATCH: (
        "The key is not the id of the customer in the message.",
        f"{_PRODUCER}: the key must be the customer's id, otherwise labels are not found.",
    ),
    Reason.NOT_SCORABLE: (
        "The record is valid, but the model could not score it.",
        "Look at the scorer's log. The model may need another version of the schema.",
    ),
    Reason.INVALID_LABEL: ("The label is neither 0 nor 1.", "Correct it where the labels are sent."),
    Reason.RECORD_TOO_LATE: (
        "The record came after all the windows that it could belong to were closed.",
        "Find out why records come so late. `label_lateness` in the settings says how long the join waits.",
    ),
    Reason.LABEL_TOO_LATE: (
        "The label came later than labels are waited for.",
        "If labels can take longer, raise `label_lateness` in the settings.",
    ),
    Reason.LABEL_BEFORE_RECORD: (
        "The label is dated before its record.",
        "Correct the dates, or set `label_tolerance` if labels have no time of day.",
    ),
    Reason.LABEL_WITHOUT_RECORD: (
        "No record was found for this label.",
        "Check that the label has its record's id and the customer's key, and that the record was scored.",
    ),
    Reason.WRONG_PARTITION: (
        "The message is in a different partition than its key belongs in, so record and label cannot meet.",
        "Have the sender use Kafka's default partitioner (murmur2), or see docs/guarantees.md.",
    ),
}
_UNKNOWN = ("This release does not know the reason.", "Look at the detail in the message's headers.")


def letters_of(known: StreamState) -> tuple[LetterReason, ...]:
    """By reason and field, the most frequent first, of the letters that are looked at (the newest)."""
    groups: dict[tuple[str, str], list[SeenLetter]] = {}
    for letter in known.letters:
        groups.setdefault((letter.reason, letter.field.removeprefix("features.")), []).append(letter)
    ordered = sorted(groups.items(), key=lambda one: (-len(one[1]), one[0]))
    return tuple(_reason(reason, field, letters) for (reason, field), letters in ordered[:_MOST_REASONS])


def meaning_of(reason: str) -> tuple[str, str]:
    """What a dead letter's reason means, and what to do, in plain words."""
    return MEANINGS[Reason(reason)] if reason in _REASONS else _UNKNOWN


def _reason(reason: str, field: str, letters: Sequence[SeenLetter]) -> LetterReason:
    meaning, remedy = meaning_of(reason)
    return LetterReason(
        reason=named(reason, 40),
        field=field,
        count=len(letters),
        last=moment(letters[-1].at),
        meaning=meaning,
        remedy=remedy,
        examples=tuple(_example(one, field) for one in reversed(letters[-_MOST_EXAMPLES:])),
    )


def _example(letter: SeenLetter, field: str) -> LetterExample:
    dated = "" if letter.event_time is None else f"dated {moment(letter.event_time)}"
    return LetterExample(
        origin=f"{named(letter.origin_topic, 100)}-{letter.origin_partition} @ {letter.origin_offset}",
        came=moment(letter.at),
        field=field,
        # detail and field have been freed of what they could quote (dashboard.stream.letters)
        detail="; ".join(one for one in (letter.detail, dated) if one),
    )


_REASONS = {reason.value for reason in Reason}
