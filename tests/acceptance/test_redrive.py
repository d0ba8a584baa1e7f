"""What was refused under a schema or a model that was wrong is scored, once that is mended and the letters are sent
again: by the commands as a user gives them.
"""

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from churnstream.redrive.chosen import ChosenLetters, choose_letters
from churnstream.redrive.listing import find_letters
from churnstream.redrive.sending import Redrive
from contract.schema import Schema, load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, DEAD_LETTERS, LABELS, OUTCOMES, PREDICTIONS
from contract.worker.clock import SystemClock
from monitor.join.worker import JoinWorker
from scorer.models.scores import Scores
from scorer.stream.worker import ScorerWorker
from scorer.testing import FaultyModel, LogisticModel
from tests.support.kafka.topics import committed, environment, headers, send, stream_settings
from tests.support.messages import DAY, customer, encode, key, label
from tests.support.paths import ROOT, SHIPPED_SCHEMA
from tests.support.polling import eventually
from tests.support.release_before import running_this
from tests.support.running import running

RECORDS = 40


def test_a_mended_schema_or_model_and_a_redrive_give_the_predictions_that_were_missing(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(broker, topic_prefix, tmp_path)
    mended = tmp_path / "mended.toml"
    text = SHIPPED_SCHEMA.read_text(encoding="utf-8")
    mended.write_text(text.replace('"France", "Germany", "Spain"]', '"France", "Germany", "Spain", "Italy"]'))
    began = SystemClock().now() - 30 * DAY
    records = [customer(i, event_time=began + i, **changed(i)) for i in range(RECORDS)]
    send(settings, CUSTOMERS, [(key(record), encode(record)) for record in records])
    # some records that no schema would let through, and one of the labels that come before what they belong to
    send(settings, CUSTOMERS, [(b"1", b"{"), (None, encode(customer(0)))])
    labels = [label(i, event_time=began + i) for i in range(RECORDS)]
    send(settings, LABELS, [(key(one), encode(one)) for one in labels])

    fails = FaultyModel(fails=lambda row: row.Age == 41)  # type: ignore[attr-defined]
    score(settings, load_schema("bank_churn"), fails, RECORDS + 2)
    listed = json.loads(churnstream(settings, "dead-letters", "--json"))
    assert {(one["reason"], one["field"]): (one["count"], one["goes"]) for one in listed["groups"]} == {
        ("unknown-category", "Geography"): (8, 0),
        ("not-scorable", ""): (8, 8),
        ("not-json", ""): (1, 0),
        ("null-key", "key"): (1, 0),
    }
    assert "Italy" not in json.dumps(listed)

    only = ("--topic", "customers", "--dataset", str(mended))
    assert "16 dead letters would be sent again" in churnstream(settings, "redrive", *only)
    assert len(committed(settings, CUSTOMERS)) == RECORDS + 2
    schema = load_schema(str(mended))
    some = choose_letters(settings, ["not-scorable"], topics=["customers"])
    assert Redrive(settings, schema, some, limit=3).run(threading.Event()).sent == 3
    # the model still fails on what is sent again
    score(settings, schema, fails, 3)
    again = [head for head in map(headers, committed(settings, DEAD_LETTERS)) if head.get("redriven")]
    assert [(head["redriven"], head["reason"]) for head in again] == [("1", "not-scorable")] * 3
    assert {head["first-sent"] for head in again} <= {head.get("sent") for head in first_letters(settings)}

    assert "16 dead letters sent again" in churnstream(settings, "redrive", *only, "--yes")
    assert Redrive(settings, schema, some).run(threading.Event()).sent == 0
    score(settings, schema, LogisticModel(), 16)
    predicted = Counter(json.loads(message.value() or b"")["record_id"] for message in committed(settings, PREDICTIONS))
    assert predicted == Counter(str(record["record_id"]) for record in records)
    join = JoinWorker(settings, schema)
    with running(join):
        eventually(lambda: join.stats.outcomes == RECORDS, timeout=30)
    assert len(committed(settings, OUTCOMES)) == RECORDS
    left = find_letters(settings, schema, ChosenLetters())
    assert (left.count, left.redriven) == (2, 16 + 3)


def changed(i: int) -> dict[str, object]:
    """A fifth from a country that the schema does not have, a fifth on whom the model fails."""
    if i % 5 == 0:
        return {"Geography": "Italy"}
    return {"Age": 41 if i % 5 == 1 else 50}


def score(settings: Settings, schema: Schema, model: Scores, records: int) -> None:
    """Let a scorer do its work on what is there."""
    worker = ScorerWorker(settings, schema, lambda: model)
    with running(worker):
        eventually(lambda: worker.stats.predictions + worker.stats.dead_letters == records, timeout=30)


def first_letters(settings: Settings) -> list[dict[str, str]]:
    return [head for head in map(headers, committed(settings, DEAD_LETTERS)) if "redriven" not in head]


def churnstream(settings: Settings, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "churnstream", *arguments],
        cwd=ROOT,
        env=running_this(environment(settings)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
