"""Dead letters by reason, field and origin: how many there are, whether they can go back, and examples of where.

Nothing that stands in a message is shown: of the field that is at fault it is told what kind of value it holds.
"""

from collections import Counter, deque
from typing import Any

import msgspec

from churnstream.redrive.chosen import ChosenLetters
from churnstream.redrive.judging import RedriveJudge
from churnstream.redrive.letters import StoredLetter, stored_letter
from churnstream.redrive.reading import letter_topic
from contract.schema import Schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, MAX_VALUE_BYTES
from dashboard.view.letters import meaning_of

MOST_GROUPS = 200
"""Whoever sends a record chooses the names of unknown fields; what is beyond is counted as one."""
MOST_EXAMPLES = 3
OTHERS = "others"


class LetterPlace(msgspec.Struct, frozen=True, kw_only=True):
    """One example: where the letter stands, where its message stood, when it came (wall time, ms), what was found.

    ``detail`` is empty where it could quote the message. ``found`` is the kind of value in the field.
    """

    partition: int
    offset: int
    origin_partition: int
    origin_offset: int
    at: int | None
    event_time: int | None
    detail: str
    found: str
    redriven: int


class LetterGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Letters of one reason, field (empty: none is named) and origin (a full topic name).

    ``goes``: how many `churnstream redrive` would send now. ``stays``: by why, how many it would not. ``failed_again``:
    how many of their messages have been sent again before. ``first_at`` and ``last_at`` are wall time, ms; ``examples``
    the newest.
    """

    reason: str
    field: str
    topic: str
    count: int
    goes: int
    stays: dict[str, int]
    failed_again: int
    first_at: int | None
    last_at: int | None
    meaning: str
    remedy: str
    examples: list[LetterPlace]


class LettersFound(msgspec.Struct, frozen=True, kw_only=True):
    """What is on ``dead-letters``: ``count`` letters that stand, and how many have been sent again."""

    count: int
    redriven: int
    groups: list[LetterGroup]


def find_letters(settings: Settings, schema: Schema, chosen: ChosenLetters) -> LettersFound:
    """All that were chosen, the most frequent first.

    Raises:
        UserError: the broker does not answer, or the topic is gone or may not be read.
    """
    groups: dict[tuple[str, str, str], _GroupCount] = {}
    redriven = 0
    with letter_topic(settings, chosen.within.since) as topic:
        ends = topic.ends()
        marks = topic.redriven(ends)
        judge = RedriveJudge(settings, schema, topic.counts([settings.topic(CUSTOMERS), settings.topic(LABELS)]))
        for message in topic.messages(ends):
            letter = stored_letter(message)
            if letter is None or not chosen.holds(letter.seen):
                continue
            if message.offset in marks[message.partition]:
                redriven += 1
                continue
            seen = letter.seen
            key = seen.reason, seen.field.removeprefix("features."), seen.origin_topic
            if key not in groups and len(groups) >= MOST_GROUPS:
                key = OTHERS, "", ""
            groups.setdefault(key, _GroupCount()).add(letter, judge)
    found = [group.told(*key) for key, group in groups.items()]
    found.sort(key=lambda one: (one.reason == OTHERS, -one.count, one.reason, one.field, one.topic))
    return LettersFound(count=sum(one.count for one in found), redriven=redriven, groups=found)


class _GroupCount:
    def __init__(self) -> None:
        self._count = self._goes = self._failed_again = 0
        self._stays: Counter[str] = Counter()
        self._times: list[int] = []
        self._newest: deque[LetterPlace] = deque(maxlen=MOST_EXAMPLES)

    def add(self, letter: StoredLetter, judge: RedriveJudge) -> None:
        self._count += 1
        to = judge.judge(letter)
        if isinstance(to, str):
            # a field that a sender named may be in it
            self._stays[to if to in self._stays or len(self._stays) < MOST_GROUPS else "for other reasons"] += 1
        else:
            self._goes += 1
        self._failed_again += letter.redriven > 0
        at = letter.seen.at
        if at is not None:
            self._times = [min([*self._times, at]), max([*self._times, at])]
        self._newest.append(_example(letter))

    def told(self, reason: str, field: str, topic: str) -> LetterGroup:
        meaning, remedy = meaning_of(reason)
        return LetterGroup(
            reason=reason,
            field=field,
            topic=topic,
            count=self._count,
            goes=self._goes,
            stays=dict(self._stays.most_common()),
            failed_again=self._failed_again,
            first_at=self._times[0] if self._times else None,
            last_at=self._times[1] if self._times else None,
            meaning=meaning,
            remedy=remedy,
            examples=list(reversed(self._newest)),
        )


def _example(letter: StoredLetter) -> LetterPlace:
    seen = letter.seen
    return LetterPlace(
        partition=seen.partition,
        offset=seen.offset,
        origin_partition=seen.origin_partition,
        origin_offset=seen.origin_offset,
        at=seen.at,
        event_time=seen.event_time,
        detail=seen.detail,
        found=kind_found(letter.value, seen.field),
        redriven=letter.redriven,
    )


def kind_found(value: bytes | None, field: str) -> str:
    """What kind of value a message has in a field, such as ``number``; empty where that cannot be told."""
    if not field or not value or len(value) > MAX_VALUE_BYTES:
        return ""
    try:
        found: Any = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    for name in field.split("."):
        if not isinstance(found, dict) or name not in found:
            return "nothing"
        found = found[name]
    match found:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case str():
            return f"text of {len(found):,} character{'' if len(found) == 1 else 's'}"
        case list():
            return "list"
        case _:
            return "object"
