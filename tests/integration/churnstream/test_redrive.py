"""Dead letters listed and sent again, on a real broker: which are chosen, what they carry, what is shown."""

import json
import threading
from pathlib import Path

from churnstream.redrive.chosen import ChosenLetters, choose_letters
from churnstream.redrive.listing import find_letters
from churnstream.redrive.sending import Redrive
from churnstream.redrive.told import as_json
from contract.kafka.dead_letters import RESENT, Header
from contract.rejection import Reason
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, PREDICTIONS
from contract.worker.clock import SystemClock
from monitor.join.worker import JoinWorker
from tests.support.kafka.letters import SentLetter, send_letters
from tests.support.kafka.topics import committed, end_stream, headers, send, stream_settings
from tests.support.messages import DAY, START, customer, encode, key, label
from tests.support.polling import eventually
from tests.support.running import running

SCHEMA = load_schema("bank_churn")
SECRET = "Hargrave"


def record_letter(i: int, reason: Reason = Reason.NOT_SCORABLE, field: str = "", **changed: object) -> SentLetter:
    record = customer(i, **changed)
    return SentLetter(key(record), encode(record), i % 2, i, reason, field, time=START)


def run(settings: Settings, chosen: ChosenLetters | None = None, limit: int | None = None) -> int:
    return Redrive(settings, SCHEMA, chosen or ChosenLetters(), limit=limit).run(threading.Event()).sent


def test_only_what_was_chosen_is_sent_and_the_rest_later(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send_letters(settings, [record_letter(i) for i in range(6)])
    between = eventually(lambda: max(message.timestamp()[1] for message in committed(settings, DEAD_LETTERS))) + 1
    eventually(lambda: SystemClock().now() > between)
    send_letters(settings, [record_letter(i, Reason.UNKNOWN_CATEGORY, "features.Geography") for i in range(6, 12)])
    since = _iso(between)
    assert run(settings, choose_letters(settings, ["not-scorable"], since=since)) == 0
    assert run(settings, choose_letters(settings, until=since), limit=2) == 2
    assert run(settings, choose_letters(settings, fields=["Geography"], since=since), limit=5) == 5
    assert run(settings, choose_letters(settings, topics=["labels"])) == 0
    assert run(settings, choose_letters(settings, since=since)) == 1
    assert run(settings) == 4
    assert run(settings) == 0
    sent = sorted(int(headers(message)["first-offset"]) for message in committed(settings, CUSTOMERS))
    assert sent == list(range(12))


def test_nothing_of_a_message_is_shown_and_what_cannot_go_back_says_why(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    send_letters(
        settings,
        [
            record_letter(0, Reason.WRONG_TYPE, "features.Age", Age=SECRET),
            record_letter(1, Reason.UNKNOWN_FIELD, f"features.{SECRET}<b>", **{f"{SECRET}<b>": 1}),
            SentLetter(SECRET.encode(), SECRET.encode(), reason=Reason.NOT_JSON),
            SentLetter(b"k", b"x" * 2_000_000, reason=Reason.TOO_LARGE),
            SentLetter(b"k", b"x" * 10_500_000, reason=Reason.TOO_LARGE),
            SentLetter(b"1", b"{}", reason=Reason.RECORD_TOO_LATE, topic=PREDICTIONS),
            record_letter(2),
        ],
    )
    send(settings, DEAD_LETTERS, [(b"somebody's", SECRET.encode())], partition=0)
    found = find_letters(settings, SCHEMA, ChosenLetters())
    told = as_json(found)
    assert SECRET not in told
    assert found.count == 7
    reasons = {(one["reason"], one["goes"]): one for one in json.loads(told)["groups"]}
    assert reasons["wrong-type", 0]["examples"][0]["found"] == f"text of {len(SECRET)} characters"
    assert reasons["not-scorable", 1]["stays"] == {}
    assert sorted(reasons["too-large", 0]["stays"]) == [
        "cut, because it was too large; the whole stood at its origin",
        "would be refused again: too-large",
    ]
    assert run(settings) == 1
    after = find_letters(settings, SCHEMA, ChosenLetters())
    assert (after.count, after.redriven) == (6, 1)


def test_a_label_that_was_sent_again_and_waits_in_vain_says_so_when_it_is_refused(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path, partitions=1, label_lateness=DAY)
    late, spoilt = label(1, delay=0), label(2)
    resent: tuple[Header, ...] = (("redriven", "1"), ("first-partition", "0"), ("first-offset", "3"))
    send_letters(
        settings,
        [
            SentLetter(
                key(late), encode(late), 0, 8, Reason.LABEL_WITHOUT_RECORD, topic=LABELS, time=START, resent=resent
            )
        ],
    )
    assert run(settings) == 1
    # of a message that nobody redrove the headers do not travel on
    send(settings, LABELS, [(b"other", encode(spoilt))], headers=[("someone's", b"1"), ("first-offset", b"1")])
    # a store keeps it meanwhile
    with running(JoinWorker(settings, SCHEMA)):
        eventually(lambda: len(committed(settings, DEAD_LETTERS)) == 3)
    end_stream(settings, START + 9 * DAY, [LABELS, PREDICTIONS])
    with running(JoinWorker(settings, SCHEMA)):
        eventually(lambda: len(committed(settings, DEAD_LETTERS)) == 4)
    found = [headers(message) for message in committed(settings, DEAD_LETTERS)]
    again = next(one for one in found[1:] if one.get("reason") == "label-without-record")
    assert {name: again[name] for name in RESENT} == {
        "redriven": "2",
        "first-partition": "0",
        "first-offset": "3",
        "first-sent": str(START),
    }
    refused = next(one for one in found if one.get("reason") == "key-mismatch")
    assert not refused.keys() & {*RESENT, "someone's"}


def _iso(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat()
