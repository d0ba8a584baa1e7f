"""A stream for the join with something of everything in it, and what the join must have made of it in the end.

Ten days and some of records, ten minutes apart and out of order by up to 45 minutes; labels within three days, so that
the join forgets the first days while it works.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from contract.kafka.control import end_of_stream_message
from contract.messages import Outcome
from contract.panes import JoinProgress, Pane, PaneMessage, Summary
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import DEAD_LETTERS, LABELS, OUTCOMES, PANES, PREDICTIONS
from contract.windows import Drift, Window
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from scorer.stream.batch import BatchScorer
from scorer.stream.reading import Raw
from scorer.testing import LogisticModel
from tests.support.kafka.topics import committed, headers, send, stream_settings
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.one_by_one import merge

RECORDS = 1_500
SCHEMA = load_schema("bank_churn")
_HOUR = DAY // 24
_MINUTE = _HOUR // 60
_LATENESS = 3 * DAY
_EVERY = 97
_REPEATED, _CONTRADICTED, _TOO_LATE, _UNLABELLED, _UNSCORED, _SCORED_TWICE, _SPOILED = 13, 31, 57, 71, 83, 5, 44

Pair = tuple[bytes | None, bytes | None]


@dataclass(frozen=True)
class JoinedRow:
    """What a ``read_committed`` reader knows at the end of a stream. Panes are merged over the partitions."""

    outcomes: dict[str, Outcome]
    panes: dict[tuple[str, int], Summary]
    windows: list[Window]
    dead_letters: dict[tuple[str, int, int], str]
    counters: Counter[str]


def join_settings(broker: str, prefix: str, directory: Path, **changed: Any) -> Settings:
    # transactions that nobody ends outlast the test, except where it is their time-out that is waited for
    small = {"batch_size": 100, "request_timeout_ms": 5_000, "transaction_timeout_ms": 300_000}
    changed = {"label_lateness": _LATENESS} | changed
    return stream_settings(broker, prefix, directory / "state", **small | changed)


def send_stream(settings: Settings, begin: float = 0.0, end: float = 1.0) -> None:
    """Send the part from ``begin`` to ``end`` of predictions and labels; the last part is followed by the stream's end.

    Sent in however many parts, each message stands at the same offset.
    """
    for topic, messages in ((PREDICTIONS, list(_predictions())), (LABELS, list(_labels()))):
        send(settings, topic, messages[round(begin * len(messages)) : round(end * len(messages))])
        if end == 1.0:
            value, control = end_of_stream_message(START)
            for partition in range(settings.partitions):
                send(settings, topic, [(None, value)], partition=partition, headers=control)


def joined(settings: Settings) -> JoinedRow:
    """Read the topics; fails where an outcome or a dead letter is there twice, or a pane shrinks."""
    outcomes = [msgspec.json.decode(m.value() or b"", type=Outcome) for m in committed(settings, OUTCOMES)]
    twice = Counter((outcome.record_id, outcome.revision) for outcome in outcomes)
    assert not [once for once, times in twice.items() if times > 1]

    dead_letters = {}
    for letter in committed(settings, DEAD_LETTERS):
        head = headers(letter)
        topic = head["origin-topic"].removeprefix(settings.topic_prefix)
        origin = topic, int(head["origin-partition"]), int(head["origin-offset"])
        assert origin not in dead_letters
        dead_letters[origin] = head["reason"]

    newest: dict[str, PaneMessage] = {}
    for message in committed(settings, PANES):
        found = msgspec.json.decode(message.value() or b"", type=PaneMessage)
        before = newest.get(found.key)
        if isinstance(found, Pane) and isinstance(before, Pane):
            assert found.summary.records >= before.summary.records
        newest[found.key] = found
    panes = [message for message in newest.values() if isinstance(message, Pane)]
    progress = [message for message in newest.values() if isinstance(message, JoinProgress)]
    counters: Counter[str] = Counter()
    for one in progress:
        assert one.ended
        counters.update({name: getattr(one, name) for name in _COUNTERS})
    return JoinedRow(
        outcomes={outcome.record_id: outcome for outcome in sorted(outcomes, key=lambda one: one.revision)},
        panes=_merged(panes, settings.sample_size),
        windows=_windows(settings, panes, progress),
        dead_letters=dead_letters,
        counters=counters,
    )


def newest_progress(settings: Settings) -> list[JoinProgress]:
    """The last progress of each partition."""
    found: dict[bytes, JoinProgress] = {}
    for message in committed(settings, PANES):
        content = msgspec.json.decode(message.value() or b"", type=PaneMessage)
        if isinstance(content, JoinProgress):
            found[message.key() or b""] = content
    return list(found.values())


def expected_labels() -> dict[str, tuple[int, int]]:
    """Label and revision of the last outcome of each record that has one."""
    found = {}
    for i in range(RECORDS):
        special = i % _EVERY
        if special not in (_TOO_LATE, _UNLABELLED, _UNSCORED):
            value = label(i)["label"]
            found[customer(i)["record_id"]] = (1 - value, 2) if special == _CONTRADICTED else (value, 1)
    return found


def expected_dead_letters() -> Counter[str]:
    """How many there are by reason."""
    specials = Counter(i % _EVERY for i in range(RECORDS))
    return Counter(
        {
            "label-too-late": specials[_TOO_LATE],
            "label-without-record": specials[_UNSCORED],
            "not-json": 2 * specials[_SPOILED],
        }
    )


_COUNTERS = ("duplicate_predictions", "repeated_labels", "contradicting_labels", "dead_letters")


def _event_time(i: int) -> int:
    return START + i * 10 * _MINUTE - i * 5 % 6 * 9 * _MINUTE


def _predictions() -> Iterator[Pair]:
    scorer, model = BatchScorer(SCHEMA), LogisticModel()
    for i in range(RECORDS):
        record = customer(i, event_time=_event_time(i))
        special = i % _EVERY
        if special == _SPOILED:
            yield key(record), b"no prediction"
        if special != _UNSCORED:
            made = list(scorer.score([Raw(i, key(record), encode(record))], 0, model).predictions)
            yield from made * (2 if special == _SCORED_TWICE else 1)


def _labels() -> Iterator[Pair]:
    made: list[tuple[int, dict[str, Any]]] = []
    for i in range(RECORDS):
        special, delay = i % _EVERY, (i % 6) * 14 * _HOUR + i % 7 * _MINUTE
        if special == _TOO_LATE:
            delay = _LATENESS + _HOUR
        found = label(i, event_time=_event_time(i), delay=delay)
        if special == _UNLABELLED:
            continue
        later = found | {"event_time": found["event_time"] + _HOUR}
        made.append((i, found))
        if special == _REPEATED:
            made.append((i, later))
        if special == _CONTRADICTED:
            made.append((i, later | {"label": 1 - found["label"]}))
    for i, found in sorted(made, key=lambda item: (item[1]["event_time"], item[0])):
        if i % _EVERY == _SPOILED:
            yield key(found), b"no label"
        yield key(found), encode(found)


def _merged(panes: list[Pane], sample_size: int) -> dict[tuple[str, int], Summary]:
    groups: dict[tuple[str, int], list[Pane]] = {}
    for pane in sorted(panes, key=lambda pane: pane.partition):
        groups.setdefault((str(pane.model), pane.start), []).append(pane)
    return {group: merge((pane.summary for pane in members), sample_size) for group, members in groups.items()}


def _windows(settings: Settings, panes: list[Pane], progress: list[JoinProgress]) -> list[Window]:
    book = WindowBook(
        WindowSpec(settings.window, settings.slide),
        partitions=settings.partitions,
        label_lateness=settings.label_lateness,
        sample_size=settings.sample_size,
        judge=lambda _model, _sample, _previous: Drift(judged=False, drifted=False, share=0.0),
    )
    for pane in panes:
        book.update(pane)
    for one in progress:
        book.update(one)
    return [due.window for due in book.due()]
