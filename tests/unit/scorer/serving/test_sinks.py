"""What the stream takes of a request: predictions and labels up to a stated size, and which record is above it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import msgspec
import pytest

from contract.bounds import LONGEST_CATEGORY
from contract.messages import Label, ModelRef, Prediction, encode, prediction_type
from contract.rejection import Reason, decode
from contract.schema import parse_schema
from contract.settings import load_settings
from contract.topics import MAX_VALUE_BYTES
from scorer.serving.errors import RequestTooLargeError, UnavailableError
from scorer.serving.publisher import MessageRefusedError, Outgoing, UnacknowledgedError
from scorer.serving.sinks import StreamSink

SCHEMA = parse_schema(
    {
        "name": "t",
        "id": "Id",
        "label": {"column": "Y"},
        "features": {
            f"word_{number}": {"kind": "categorical", "categories": ["a"], "on_violation": "score"}
            for number in range(600)
        },
    }
)
PREDICTION = prediction_type(SCHEMA)
LONGEST_ID = "\x01" * 256
"""Six bytes each, as JSON writes them."""


@dataclass
class Taking:
    """A publisher that takes all, or refuses."""

    failure: Exception | None = None
    taken: list[Outgoing] = field(default_factory=list)
    reachable: bool = True

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        if self.failure:
            raise self.failure
        self.taken += messages


def sink(publisher: Taking) -> StreamSink:
    made: Any = publisher
    return StreamSink(load_settings(), made)


def prediction(size: int | None = None) -> Prediction:
    """With the longest ids; of ``size`` bytes on the stream."""

    def of(words: Sequence[str]) -> Prediction:
        features = dict(zip_longest(SCHEMA.names, words, fillvalue=""))
        return PREDICTION(
            record_id=LONGEST_ID,
            customer_id=LONGEST_ID,
            event_time=1,
            features=msgspec.convert(features, msgspec.structs.fields(PREDICTION)[3].type),
            probability=0.25,
            predicted=0,
            threshold=0.5,
            model=ModelRef("churn", 1),
            source=None,
        )

    return of([] if size is None else words(size - len(encode(of([])))))


def words(size: int) -> list[str]:
    """Texts that together take ``size`` bytes as JSON, none too long for a record."""
    wide, narrow = divmod(size, 6)
    whole, rest = divmod(wide, LONGEST_CATEGORY)
    return ["\x01" * LONGEST_CATEGORY] * whole + ["\x01" * rest, "w" * narrow]


def test_a_prediction_of_exactly_the_bound_is_taken_and_can_be_read() -> None:
    publisher = Taking()
    asyncio.run(sink(publisher).take([prediction(MAX_VALUE_BYTES)], []))
    (message,) = publisher.taken
    assert len(message.value) == MAX_VALUE_BYTES
    assert decode(msgspec.json.Decoder(PREDICTION), message.value) == prediction(MAX_VALUE_BYTES)


def test_of_a_request_with_larger_ones_nothing_is_sent_and_they_are_named() -> None:
    publisher = Taking()
    sizes = [MAX_VALUE_BYTES, MAX_VALUE_BYTES + 1, None, 3 * MAX_VALUE_BYTES]
    label = Label("r", "c", 1, 0)
    with pytest.raises(RequestTooLargeError) as raised:
        asyncio.run(sink(publisher).take([prediction(size) for size in sizes], [label]))
    assert [(fault.index, fault.field, fault.reason) for fault in raised.value.faults] == [
        (1, "", Reason.TOO_LARGE),
        (3, "", Reason.TOO_LARGE),
    ]
    assert "1000001 bytes, at most 1000000" in raised.value.faults[0].remedy
    assert publisher.taken == []


def test_the_largest_label_is_far_below_the_bound() -> None:
    publisher = Taking()
    label = Label(LONGEST_ID, LONGEST_ID, 2**63 - 1, 1)
    asyncio.run(sink(publisher).take([], [label]))
    (message,) = publisher.taken
    assert len(message.value) < MAX_VALUE_BYTES / 100
    assert decode(msgspec.json.Decoder(Label), message.value) == label


def test_what_kafka_itself_finds_too_large_is_not_to_be_tried_again() -> None:
    with pytest.raises(RequestTooLargeError, match=r"shorter texts, or raise max\.message\.bytes"):
        asyncio.run(sink(Taking(MessageRefusedError("Message size too large"))).take([prediction()], []))
    with pytest.raises(UnavailableError, match="try again"):
        asyncio.run(sink(Taking(UnacknowledgedError("timed out"))).take([prediction()], []))
