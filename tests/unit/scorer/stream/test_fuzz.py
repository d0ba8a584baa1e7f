"""Customer records spoiled in all ways: each becomes a prediction or a dead letter, as an independent reading says.

A small part by default; a million messages where CHURNSTREAM_LONG_TESTS is 1.
"""

import json
import math
from collections import Counter
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import msgspec
import psutil
import pytest

from contract.kafka.dead_letters import produce_dead_letter
from contract.messages import prediction_type
from contract.rejection import Reason, RejectionError, decode
from contract.schema import load_schema
from contract.testing import MemoryLog
from contract.topics import MAX_PREDICTION_BYTES, MAX_VALUE_BYTES
from scorer.stream.batch import BatchScorer, ScoredBatch
from scorer.stream.reading import Raw, split_controls
from scorer.testing import LogisticModel
from tests.support.fuzz.mutations import FuzzedMessage, fuzzed_customers
from tests.support.kafka.sent import sent
from tests.support.kafka.topics import headers
from tests.support.service.bad_input import NOW
from tests.support.sizes import size

SCHEMA = load_schema("bank_churn")
MODEL = LogisticModel()
SEEDS = 10
MESSAGES = size(ci=2_000, full=100_000)
"""Of each seed."""
MOST_GROWTH = 100_000_000
"""Bytes by which the process may have grown at the end, whatever the number of messages."""

_PREDICTION = msgspec.json.Decoder(prediction_type(SCHEMA))


class DoubtfulError(Exception):
    """JSON that Python reads, and that another reader may refuse."""


def acceptable(message: FuzzedMessage) -> bool | None:
    """Whether the message is a record of the schema, read without msgspec; None where JSON leaves it open."""
    value = message.value
    if message.key is None or not value or len(value) > MAX_VALUE_BYTES:
        return False
    try:
        record = json.loads(value.decode(), parse_constant=_refuse, object_pairs_hook=_object)
        return _is_record(record) and str(record["customer_id"]).encode() == message.key
    except DoubtfulError:
        return None
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, each in pairs:
        for text in (name, each):
            if isinstance(text, str) and any("\ud800" <= letter <= "\udfff" for letter in text):
                raise DoubtfulError("half a surrogate pair")
    if len({name for name, _ in pairs}) < len(pairs):
        raise DoubtfulError("a name that is there twice")
    return dict(pairs)


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or record.keys() != {"record_id", "customer_id", "event_time", "features"}:
        return False
    if not all(
        isinstance(record[name], str) and 1 <= len(record[name]) <= 256 for name in ("record_id", "customer_id")
    ):
        return False
    if not _is_number(record["event_time"], 946_684_800_000, NOW + 86_400_000, whole=True):
        return False
    features = record["features"]
    if not isinstance(features, dict) or features.keys() != set(SCHEMA.names):
        return False
    for feature in SCHEMA.features:
        value = features[feature.name]
        if feature.is_categorical:
            if value not in feature.categories:
                return False
        elif not _is_number(value, feature.minimum, feature.maximum, whole=feature.kind != "numeric"):
            return False
    return True


def _is_number(value: Any, low: float | None, high: float | None, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    assert low is not None
    assert high is not None
    return low <= value <= high and (not whole or value == math.floor(value))


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_each_message_ends_as_a_prediction_or_as_a_dead_letter_with_a_fitting_reason(seed: int) -> None:
    random, scorer, alone = Random(seed), BatchScorer(SCHEMA), BatchScorer(SCHEMA)
    stream = islice(fuzzed_customers(seed), MESSAGES)
    process, before = psutil.Process(), 0
    reasons: Counter[str] = Counter()
    predictions = seen = 0
    while batch := list(islice(stream, random.choice((1, 2, 10, 100)))):
        messages = [sent(m.key, m.value, m.headers, offset=seen + index, time=NOW) for index, m in enumerate(batch)]
        records, controls = split_controls(messages)
        assert all(control.key() is None for control in controls)
        scored = scorer.score(records, 0, MODEL)
        _check_complete(records, scored)
        if random.random() < 0.1:
            _check_each_alone(records, scored, alone)
        by_offset = {seen + index: message for index, message in enumerate(batch)}
        for _, value in scored.predictions:
            prediction = _PREDICTION.decode(value)
            assert prediction.source is not None
            assert acceptable(by_offset[prediction.source.offset]) is not False, value
        for raw, rejection in scored.rejected:
            assert acceptable(by_offset[raw.offset]) is not True, (raw, rejection)
            assert rejection.detail
            if random.random() < 0.05:
                _check_dead_letter(raw, rejection)
            reasons[rejection.reason] += 1
        predictions += len(scored.predictions)
        seen += len(batch)
        # what is allocated once has been by then
        before = before or (process.memory_info().rss if seen > MESSAGES // 10 else 0)
    assert seen == MESSAGES
    assert predictions > MESSAGES // 10
    assert reasons.keys() >= _SEEN
    assert process.memory_info().rss - before < MOST_GROWTH


def test_a_schema_that_scores_whatever_comes_is_no_worse() -> None:
    features = tuple(msgspec.structs.replace(each, on_violation="score", missing=True) for each in SCHEMA.features)
    lenient = replace(SCHEMA, features=features)
    scorer, decoder = BatchScorer(lenient), msgspec.json.Decoder(prediction_type(lenient))
    reasons: Counter[str] = Counter()
    for message in islice(fuzzed_customers(SEEDS), MESSAGES):
        scored = scorer.score([Raw(0, message.key, message.value, NOW)], 0, MODEL)
        assert len(scored.predictions) + len(scored.rejected) == 1
        for _, value in scored.predictions:
            decode(decoder, value, MAX_PREDICTION_BYTES)
        reasons.update(rejection.reason for _, rejection in scored.rejected)
    assert reasons[Reason.TOO_LONG]
    assert not reasons[Reason.NOT_SCORABLE]


_SEEN = {
    Reason.EMPTY_VALUE,
    Reason.NOT_UTF8,
    Reason.NOT_JSON,
    Reason.WRONG_SHAPE,
    Reason.MISSING_FIELD,
    Reason.UNKNOWN_FIELD,
    Reason.WRONG_TYPE,
    Reason.NOT_FINITE,
    Reason.OUT_OF_RANGE,
    Reason.UNKNOWN_CATEGORY,
    Reason.IMPLAUSIBLE_EVENT_TIME,
    Reason.NULL_KEY,
    Reason.KEY_MISMATCH,
}
"""What a few thousand messages show; one in 5,000 is too large."""


def _check_dead_letter(raw: Raw, rejection: RejectionError) -> None:
    """It can be written, and is small apart from the message itself."""
    log = MemoryLog({"dead-letters": 1})
    origin = ("customers", 0, raw.offset)
    produce_dead_letter(
        log.producer(), "dead-letters", rejection, key=raw.key, value=raw.value, origin=origin, time=NOW
    )
    written = log.messages("dead-letters")[0]
    assert (written.key(), written.value()) == (raw.key, raw.value)
    assert sum(len(text.encode()) for text in headers(written).values()) < 10_000


def _check_complete(records: list[Raw], scored: ScoredBatch) -> None:
    """Each record is predicted or rejected, once, both in order."""
    predicted = [_PREDICTION.decode(value).source for _, value in scored.predictions]
    offsets = [origin.offset for origin in predicted if origin is not None]
    rejected = [raw.offset for raw, _ in scored.rejected]
    assert offsets == sorted(offsets)
    assert rejected == sorted(rejected)
    assert sorted(offsets + rejected) == [raw.offset for raw in records]


def _check_each_alone(records: list[Raw], scored: ScoredBatch, alone: BatchScorer) -> None:
    """All records at once and one by one lead to the same bytes and the same reasons."""
    found = [alone.score([raw], 0, MODEL) for raw in records]
    assert [pair for each in found for pair in each.predictions] == list(scored.predictions)
    assert [pair for each in found for pair in each.rejected] == scored.rejected
