"""What the newest messages of a stream say of their senders: for ``churnstream doctor``, which changes nothing."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from confluent_kafka import Message

from contract.errors import UserError
from contract.kafka.control import is_end_of_stream
from contract.kafka.dead_letters import REASON, is_mark
from contract.kafka.forgotten import join_progress
from contract.kafka.partitioner import belongs_to
from contract.kafka.peeking import peeking
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, PREDICTIONS

NEWEST = 200
"""Messages of each partition that are looked at."""
_DAY_MS = 86_400_000
_ENOUGH = 10


class _Dated(msgspec.Struct):
    record_id: str
    event_time: int


def check_senders(settings: Settings, timeout: float) -> str:
    """Whether the newest records and labels are where their keys belong, and labels dated after their records.

    Raises:
        UserError: some are not, so labels cannot join; or the broker does not answer within ``timeout`` seconds.
    """
    records, labels, predictions = (_newest(settings, name, timeout) for name in (CUSTOMERS, LABELS, PREDICTIONS))
    for name, messages in ((CUSTOMERS, records), (LABELS, labels)):
        astray = [m for m in messages if _is_astray(m, settings.partitions)]
        if astray:
            raise UserError(
                f"{len(astray)} of the newest {len(messages)} messages on {settings.topic(name)} are not in the "
                f"partition of their key, so labels miss their records; make all producers partition by murmur2, as "
                f"Java's do (librdkafka, Python and Go: partitioner=murmur2_random)"
            )
    record_times = {dated.record_id: dated.event_time for dated in _dated([*records, *predictions])}
    known = [dated for dated in _dated(labels) if dated.record_id in record_times]
    tolerance = settings.label_tolerance
    early = [dated for dated in known if dated.event_time < record_times[dated.record_id] - tolerance]
    if early:
        raise UserError(
            f"{len(early)} of the newest {len(known)} labels whose record was found are dated before it and cannot "
            f"join, as happens with labels dated by the day; date a label when it became known, or set "
            f"CHURNSTREAM_LABEL_TOLERANCE to 1d"
        )
    dated_labels = _dated(labels)
    midnight = sum(dated.event_time % _DAY_MS == 0 for dated in dated_labels)
    if tolerance < _DAY_MS and midnight >= _ENOUGH and midnight > 0.9 * len(dated_labels):
        raise UserError(
            f"{midnight} of the newest {len(dated_labels)} labels are dated at midnight (UTC), before the records of "
            f"that day, so they cannot join; set CHURNSTREAM_LABEL_TOLERANCE to 1d"
        )
    return f"{len(records):,} records and {len(labels):,} labels, each in the partition of its key"


def count_dead_letters(settings: Settings, timeout: float) -> str:
    """The newest dead letters by reason.

    Raises:
        UserError: the broker does not answer within ``timeout`` seconds.
    """
    newest = _newest(settings, DEAD_LETTERS, timeout, keyed=False)
    letters = [message for message in newest if not is_mark(message.headers())]
    reasons = Counter(_reason(letter) for letter in letters)
    told = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
    return f"{told} among the newest {len(letters):,}" if told else "none"


def describe_event_times(settings: Settings, timeout: float) -> str:
    """What the join has found odd about the times of records.

    Raises:
        UserError: the broker does not answer within ``timeout`` seconds.
    """
    progress = join_progress(settings, timeout).values()
    ahead, inferred = sum(each.ahead for each in progress), sum(each.inferred for each in progress)
    odd = (
        f"{ahead:,} records are dated far ahead of their partition; check the sender's clock"
        if ahead
        else "no record is dated far ahead of its partition"
    )
    silent = f"; {inferred:,} records had no label within the horizon and count as 0" if inferred else ""
    return odd + silent


def _newest(settings: Settings, name: str, timeout: float, *, keyed: bool = True) -> list[Message]:
    topic = settings.topic(name)
    with peeking(settings, timeout) as peek:
        offsets = {number: peek.offsets(topic, number) for number in range(settings.partitions)}
        found = peek.newest(topic, offsets, NEWEST)
    if not keyed:
        return found
    return [message for message in found if message.key() is not None and not is_end_of_stream(message.headers())]


def _is_astray(message: Message, partitions: int) -> bool:
    """A key that is no text is a dead letter, wherever it is."""
    key = message.key() or b""
    try:
        text = key if isinstance(key, str) else key.decode()
    except UnicodeDecodeError:
        return False
    return belongs_to(text, partitions) != message.partition()


def _dated(messages: Sequence[Message]) -> list[_Dated]:
    """Of the messages that can be read at all."""
    decoder, found = msgspec.json.Decoder(_Dated), []
    for message in messages:
        try:
            found.append(decoder.decode(message.value() or b""))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    return found


def _reason(letter: Message) -> str:
    headers = letter.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    value = dict(pairs).get(REASON)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "no reason")
