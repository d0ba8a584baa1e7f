"""A challenger's answers on a real stream decide for it or against it, however often one looks."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from contract.errors import UserError
from contract.messages import ModelRef, Outcome
from contract.messages import encode as encoded
from contract.models.aliases import CHALLENGER
from contract.models.registry import find_version, registry_client
from contract.panes import JoinProgress
from contract.schema import load_schema
from contract.settings import Settings
from contract.split.held_out import held_out
from contract.topics import OUTCOMES, PANES, PREDICTIONS
from tests.support.kafka.topics import send, stream_settings
from tests.support.messages import DAY, customer, encode
from tests.support.tables.toy import toy_table
from tests.support.versions import FIVE, move_alias, store_with
from training.quality.objections import objections_text
from training.registered import tags
from training.registered.promotion import promote
from training.registered.tries import read_notes

CHAMPION, OTHER = ModelRef("churn", 1), ModelRef("churn", 3, "challenger")
RECORDS = 300
NONE = "there is no record that both have scored, that neither has learned from, and whose label's time is up"


@pytest.fixture
def settings(broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stream of its own, and versions of which the first is champion and the third its challenger."""
    monkeypatch.chdir(tmp_path)
    store = store_with(tmp_path, FIVE)
    move_alias(store, 3, CHALLENGER)
    return stream_settings(
        broker, f"live-{secrets.token_hex(4)}.", tmp_path, mlflow_tracking_uri=store.mlflow_tracking_uri, partitions=1
    )


def answer(
    number: int, model: ModelRef, certainty: float, features: Sequence[dict[str, Any]] = ()
) -> tuple[bytes, bytes]:
    """On ``predictions``: the label's probability is ``certainty``; every second customer churns."""
    probability = certainty if number % 2 else 1 - certainty
    made = {"probability": probability, "predicted": 0, "threshold": 0.5, "source": None}
    record = customer(number) | ({"features": features[number]} if features else {})
    return str(record["customer_id"]).encode(), encode({**record, **made, "model": msgspec.to_builtins(model)})


def outcome(number: int, model: ModelRef) -> tuple[bytes, bytes]:
    record = customer(number)
    made = Outcome(
        record_id=record["record_id"],
        customer_id=record["customer_id"],
        event_time=record["event_time"],
        label_time=record["event_time"] + DAY,
        label=number % 2,
        revision=1,
        probability=0.5,
        predicted=0,
        threshold=0.5,
        model=model,
    )
    return str(record["customer_id"]).encode(), encoded(made)


def scored(
    settings: Settings,
    numbers: range,
    *,
    champion: float,
    challenger: float,
    ended: bool = True,
    features: Sequence[dict[str, Any]] = (),
) -> None:
    """Both have scored these records, their labels have come, and the join has read them."""
    for model, certainty in ((CHAMPION, champion), (OTHER, challenger)):
        send(settings, PREDICTIONS, [answer(number, model, certainty, features) for number in numbers])
    send(settings, OUTCOMES, [outcome(number, model) for number in numbers for model in (CHAMPION, OTHER)])
    last = customer(numbers[-1])["event_time"]
    progress = JoinProgress(partition=0, watermark=last, label_watermark=last, ended=ended)
    send(settings, PANES, [(b"progress/0", encoded(progress))], partition=0)


def spent(settings: Settings) -> set[tuple[str, int, int]]:
    notes = read_notes(registry_client(settings).get_registered_model("churn").tags)
    return {(note.rows, note.challenger, note.champion) for note in notes}


def test_a_challenger_that_is_better_on_the_stream_takes_the_alias(settings: Settings) -> None:
    held_out_alone = promote(settings, "@challenger", live=False)
    assert not held_out_alone.promoted

    scored(settings, range(4), champion=0.4, challenger=0.9)
    undecided = promote(settings, "@challenger")
    assert not undecided.promoted
    assert undecided.reason.startswith(held_out_alone.reason)
    assert "the stream does not decide yet: on 4 customers" in undecided.reason

    scored(settings, range(4, RECORDS), champion=0.4, challenger=0.9)
    before = spent(settings)
    done = CliRunner().invoke(
        app,
        [
            *("promote", "@challenger", "--tracking-uri", settings.mlflow_tracking_uri),
            *("--bootstrap-servers", settings.kafka["bootstrap.servers"], "--topic-prefix", settings.topic_prefix),
        ],
    )
    assert done.exit_code == 0, done.output
    assert f"on {RECORDS} customers of the stream its Brier score is" in done.output
    assert find_version(registry_client(settings), settings) == 3
    assert spent(settings) == before, "a second look costs nothing"
    assert ("live/1", 3, 1) in before


def test_one_that_is_worse_on_the_stream_does_not_take_it(settings: Settings) -> None:
    scored(settings, range(RECORDS), champion=0.9, challenger=0.4)
    verdict = promote(settings, "3", live=True)
    assert not verdict.promoted
    assert "higher (95 % confidence sequence" in verdict.reason


def test_the_stream_does_not_pass_over_what_training_objects_to(settings: Settings) -> None:
    scored(settings, range(RECORDS), champion=0.4, challenger=0.9)
    said = objections_text(["column Age is suspected of a leak"])
    registry_client(settings).set_model_version_tag("churn", "3", tags.OBJECTIONS, said)
    verdict = promote(settings, "@challenger")
    assert not verdict.promoted
    assert "column Age is suspected" in verdict.reason
    assert spent(settings).isdisjoint({("live/1", 3, 1)})


def test_labels_whose_time_is_not_up_do_not_count(settings: Settings) -> None:
    scored(settings, range(RECORDS), champion=0.4, challenger=0.9, ended=False)
    verdict = promote(settings, "@challenger")
    assert not verdict.promoted
    assert NONE in verdict.reason


def test_records_of_a_time_that_a_version_has_learned_from_do_not_count(settings: Settings) -> None:
    scored(settings, range(RECORDS), champion=0.4, challenger=0.9)
    registry_client(settings).set_model_version_tag("churn", "3", tags.LEARNED_UNTIL, "2026-01-01T00:00:00+00:00")
    assert NONE in promote(settings, "@challenger").reason


def test_of_a_replayed_table_the_rows_that_a_version_has_learned_from_do_not_count(settings: Settings) -> None:
    """The third version was trained on that table, the first on another one."""
    table = toy_table(600, seed=3)
    rows = list(table[list(load_schema("bank_churn").names)].to_dict("records"))
    scored(settings, range(600), champion=0.4, challenger=0.9, features=rows)
    verdict = promote(settings, "@challenger")
    new = int(held_out(table["CustomerId"].astype(str).to_numpy(object)).sum())
    assert f"on {new} customers of the stream" in verdict.reason


def test_without_kafka_the_held_out_rows_decide_alone_unless_live_is_asked_for(settings: Settings) -> None:
    away = settings.model_copy(update={"kafka": {"bootstrap.servers": "127.0.0.1:1"}, "request_timeout_ms": 1_000})
    verdict = promote(away, "@challenger")
    assert "its answers on the stream could not be counted" in verdict.reason
    assert all(note[0] != "live/1" for note in spent(settings))
    with pytest.raises(UserError, match=r"127\.0\.0\.1:1"):
        promote(away, "3", live=True)
