"""Dead letters by reason: what it means, what to do, and where examples came from. Nothing of what stands in them."""

from collections.abc import Sequence

from contract.rejection import Reason
from dashboard.stream.letters import SeenLetter
from dashboard.stream.state import StreamState
from dashboard.view.model import LetterExample, LetterReason
from dashboard.view.words import moment, named

_MOST_REASONS = 50
_MOST_EXAMPLES = 3
_PRODUCER = "Have whatever sends the records correct it"
MEANINGS: dict[Reason, tuple[str, str]] = {
    Reason.EMPTY_VALUE: (
        "The message has no value at all.",
        f"{_PRODUCER}; a message without a value deletes nothing here.",
    ),
    Reason.TOO_LARGE: ("The message is larger than any that is taken.", "Send records of less than 1 MB."),
    Reason.NOT_UTF8: ("The message is not text in UTF-8.", f"{_PRODUCER}: write JSON in UTF-8."),
    Reason.NOT_JSON: ("The message is no JSON.", f"{_PRODUCER}: one JSON object for each message."),
    Reason.WRONG_SHAPE: (
        "The message is JSON, but not an object of the form that is expected.",
        f"{_PRODUCER}, after the schema.",
    ),
    Reason.MISSING_FIELD: (
        "A field that must be there is missing.",
        f"{_PRODUCER}, or mark it as optional in the schema.",
    ),
    Reason.UNKNOWN_FIELD: (
        "There is a field that the schema does not have.",
        f"{_PRODUCER}, or add the field to the schema. Private fields must not be sent.",
    ),
    Reason.WRONG_TYPE: ("A field has another type than the schema says, such as text for a number.", f"{_PRODUCER}."),
    Reason.NOT_FINITE: (
        "A number is not a number (NaN), infinite, or beyond what a computer can hold.",
        f"{_PRODUCER}: send null where a value is not known.",
    ),
    Reason.OUT_OF_RANGE: (
        "A number lies outside the range that the schema allows.",
        "See whether unit or meaning has changed at the source; where the value is right, widen the schema's range.",
    ),
    Reason.UNKNOWN_CATEGORY: (
        "A category is none of those that the schema names.",
        "See whether it is new, or another spelling; add it to the schema and train with it, or correct it.",
    ),
    Reason.TOO_LONG: ("A text is longer than the schema allows.", f"{_PRODUCER}."),
    Reason.IMPLAUSIBLE_EVENT_TIME: (
        "The time of the event is before 2000, after 2200, or more than a day after the message was sent.",
        "Send milliseconds since 1970 in UTC, and set the sender's clock.",
    ),
    Reason.NULL_KEY: ("The message has no key.", f"{_PRODUCER}: the key is the customer's id."),
    Reason.KEY_MISMATCH: (
        "The key is not the id of the customer in the message.",
        f"{_PRODUCER}: the key is the customer's id, or labels are not found.",
    ),
    Reason.NOT_SCORABLE: (
        "The record is well-formed, but the model could not give it a score.",
        "Look at the scorer's log; the model may need another version of the schema.",
    ),
    Reason.INVALID_LABEL: ("The label is neither 0 nor 1.", "Have whatever sends the labels correct it."),
    Reason.RECORD_TOO_LATE: (
        "The record came after everything that it could belong to was closed.",
        "See why records come so late; `label_lateness` in the settings says how long is waited.",
    ),
    Reason.LABEL_TOO_LATE: (
        "The label came after the longest time that is waited for one.",
        "Raise `label_lateness` in the settings where labels may take longer.",
    ),
    Reason.LABEL_BEFORE_RECORD: (
        "The label is dated before the record that it belongs to.",
        "Correct the dates, or set `label_tolerance` where labels carry no time of day.",
    ),
    Reason.LABEL_WITHOUT_RECORD: (
        "No record was found that the label belongs to.",
        "See that the label has its record's id and the customer's key, and that the record was scored.",
    ),
    Reason.WRONG_PARTITION: (
        "The message lies in another partition than its key belongs to, so record and label would not meet.",
        "Have the sender use Kafka's default partitioner (murmur2), or see docs/guarantees.md.",
    ),
}
_UNKNOWN = ("A reason that this release does not know.", "Look at the detail in the message's headers.")


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
