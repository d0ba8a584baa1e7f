"""A batch of customer records: the bad ones are named, the others scored."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from contract.messages import ModelRef, prediction_type
from contract.records import record_type
from contract.rejection import Reason
from contract.schema import load_schema
from scorer.models.isolation import BrokenModelError
from scorer.stream.batch import BatchScorer
from scorer.stream.reading import Raw
from scorer.testing import FaultyModel, LogisticModel
from tests.support.messages import DAY, START, customer, encode, key
from tests.support.service.bad_input import BAD_RECORDS, NOW, Bad

SCHEMA = load_schema("bank_churn")
MODEL = LogisticModel()


def raw(i: int, **changed: Any) -> Raw:
    record = customer(i, **changed)
    return Raw(i, key(record), encode(record))


def test_prediction_is_the_record_with_the_answer() -> None:
    scored = BatchScorer(SCHEMA).score([raw(7)], 3, MODEL)
    ((sent_key, value),) = scored.predictions
    assert sent_key == key(customer(7))
    expected, _ = MODEL.score([msgspec.convert(customer(7), record_type(SCHEMA)).features])
    answer = json.loads(value)
    assert answer == customer(7) | {
        "probability": expected[0],
        "predicted": 0,
        "threshold": 0.5,
        "model": {"name": "churn", "version": 1, "role": "champion"},
        "source": {"partition": 3, "offset": 7},
    }
    msgspec.json.decode(value, type=prediction_type(SCHEMA))


CHALLENGER = ModelRef("churn", 2, "challenger")


@pytest.mark.parametrize("together", [True, False], ids=["all valid", "beside a bad one"])
def test_another_model_answers_for_the_same_records_and_changes_nothing(together: bool) -> None:
    messages = [raw(1), *([] if together else [Raw(2, b"x", b"{")]), raw(3)]
    scored = BatchScorer(SCHEMA).score(messages, 5, MODEL)
    before = list(scored.predictions)
    model = LogisticModel(centre=30, ref=CHALLENGER)
    beside = scored.beside(model)
    assert scored.predictions == before
    # what it would say if it were the champion
    assert list(beside) == BatchScorer(SCHEMA).score([raw(1), raw(3)], 5, model).predictions
    assert [json.loads(value)["model"]["role"] for _, value in beside] == ["challenger"] * 2


def test_another_model_answers_only_for_records_that_have_a_prediction() -> None:
    model = FaultyModel(fails=lambda row: row.Age == 22)  # type: ignore[attr-defined]
    other = FaultyModel(fails=lambda row: row.Age == 23, ref=CHALLENGER)  # type: ignore[attr-defined]
    scored = BatchScorer(SCHEMA).score([raw(i) for i in range(1, 6)], 0, model)
    assert [message.offset for message, _ in scored.rejected] == [2]
    beside = scored.beside(other)
    found = [None if sent is None else json.loads(sent[1])["source"]["offset"] for sent in beside]
    assert found == [1, None, 4, 5]
    assert [json.loads(value)["source"]["offset"] for _, value in scored.predictions] == [1, 3, 4, 5]


def test_another_model_that_scores_nothing_says_so() -> None:
    scored = BatchScorer(SCHEMA).score([raw(i) for i in range(20)], 0, MODEL)
    with pytest.raises(BrokenModelError, match="churn v2"):
        scored.beside(FaultyModel(ref=CHALLENGER))
    assert not BatchScorer(SCHEMA).score([Raw(2, b"x", b"{")], 0, MODEL).beside(FaultyModel(ref=CHALLENGER))


def as_floats(record: dict[str, Any]) -> bytes:
    """The record with each whole number written as a float, by a writer that has no other numbers."""
    return json.dumps(json.loads(json.dumps(record), parse_int=float)).encode()


@pytest.mark.parametrize("together", [True, False], ids=["all valid", "beside a bad one"])
def test_whole_numbers_written_as_floats_are_scored_as_the_same_record(together: bool) -> None:
    value = as_floats(customer(7))
    assert b'"Tenure": 7.0' in value
    assert b'"HasCrCard": 1.0' in value
    assert b'"event_time": 1735690020000.0' in value
    others = [] if together else [Raw(8, b"x", b"{")]
    scored = BatchScorer(SCHEMA).score([Raw(7, key(customer(7)), value), *others], 0, MODEL)
    plain = BatchScorer(SCHEMA).score([raw(7)], 0, MODEL)
    assert json.loads(scored.predictions[0][1]) == json.loads(plain.predictions[0][1])
    # what follows reads the very bytes
    decoder = msgspec.json.Decoder(prediction_type(SCHEMA))
    prediction = decoder.decode(scored.predictions[0][1])
    assert type(prediction.event_time) is int
    assert prediction == decoder.decode(plain.predictions[0][1])


@pytest.mark.parametrize("bad", BAD_RECORDS, ids=str)
def test_bad_record_is_rejected_and_its_neighbours_are_scored(bad: Bad) -> None:
    messages = [raw(10), Raw(11, bad.key, bad.value, NOW), raw(12)]
    scored = BatchScorer(SCHEMA).score(messages, 0, MODEL)
    ((message, rejection),) = scored.rejected
    assert message == messages[1]
    assert (rejection.reason, rejection.field) == (bad.reason, bad.field)
    assert rejection.detail
    assert [json.loads(value)["source"]["offset"] for _, value in scored.predictions] == [10, 12]


def test_rejection_never_shows_a_value_of_a_feature() -> None:
    scored = BatchScorer(SCHEMA).score([raw(1, Geography="Atlantis"), raw(2, Surname="Xylander")], 0, MODEL)
    assert len(scored.rejected) == 2
    for _, rejection in scored.rejected:
        assert "Atlantis" not in str(rejection)
        assert "Xylander" not in str(rejection)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([b'{"record_id":"a}', b'{"}', b"{},{}"], id="one value in two messages, two in one"),
        pytest.param([encode(customer(1)) + encode(customer(2)), b"{"], id="a whole and a half"),
        pytest.param([encode(customer(1)) + b"\n" + encode(customer(2)), b"{}"], id="lines within a message"),
    ],
)
def test_values_cannot_hide_in_their_neighbours(values: list[bytes]) -> None:
    messages = [Raw(i, key(customer(1)), value) for i, value in enumerate(values)]
    scored = BatchScorer(SCHEMA).score(messages, 0, MODEL)
    assert [message.offset for message, _ in scored.rejected] == list(range(len(values)))
    assert not scored.predictions


def test_white_space_around_the_record_is_no_fault() -> None:
    record = customer(5)
    value = b" \n" + json.dumps(record, indent=2).encode() + b" \r\n"
    scored = BatchScorer(SCHEMA).score([Raw(0, key(record), value)], 0, MODEL)
    assert json.loads(scored.predictions[0][1])["record_id"] == "test-5"


def test_violations_are_scored_where_the_schema_says_so() -> None:
    lenient = msgspec.structs.replace(SCHEMA.feature("Geography"), on_violation="score")
    age = msgspec.structs.replace(SCHEMA.feature("Age"), on_violation="score")
    features = tuple({"Geography": lenient, "Age": age}.get(f.name, f) for f in SCHEMA.features)
    scored = BatchScorer(replace(SCHEMA, features=features)).score(
        [raw(1, Geography="Italy", Age=200), raw(2, CreditScore=5_000)], 0, MODEL
    )
    assert len(scored.predictions) == 1
    assert [rejection.reason for _, rejection in scored.rejected] == [Reason.OUT_OF_RANGE]


@pytest.mark.parametrize("fault", ["raise", "nan", "above one", "short"])
@pytest.mark.parametrize("together", [True, False], ids=["all valid", "beside a bad one"])
def test_a_record_that_the_model_cannot_score_is_rejected_and_its_neighbours_are_scored(
    fault: str, together: bool
) -> None:
    model = FaultyModel(fails=lambda row: row.EstimatedSalary == 10_057, fault=fault)  # type: ignore[attr-defined]
    messages = [raw(i) for i in range(100)]
    expected = list(BatchScorer(SCHEMA).score(messages, 0, MODEL).predictions)
    others = [] if together else [Raw(100, b"x", b"{")]
    scored = BatchScorer(SCHEMA).score([*messages, *others], 0, model)
    assert list(scored.predictions) == expected[:57] + expected[58:]
    message, rejection = scored.rejected[0]
    assert message == messages[57]
    assert (rejection.reason, rejection.field) == (Reason.NOT_SCORABLE, "")
    assert rejection.detail.startswith("model churn v1 failed: ")
    assert scored.failures == 1
    assert [message.offset for message, _ in scored.rejected[1:]] == [other.offset for other in others]


def test_a_model_that_scores_nothing_is_broken_and_no_record_is_rejected_for_it() -> None:
    with pytest.raises(BrokenModelError, match="churn v1"):
        BatchScorer(SCHEMA).score([raw(i) for i in range(20)], 0, LogisticModel(centre=float("nan")))


@pytest.mark.parametrize("together", [True, False], ids=["all valid", "beside a bad one"])
def test_an_event_time_is_judged_by_when_its_own_message_was_sent(together: bool) -> None:
    # a stream of few messages: a batch of a backlog spans days, and each is judged by its own
    others = [] if together else [Raw(100, b"x", b"{")]
    days = [raw(i, event_time=START + i * DAY)._replace(sent=START + (i - 1) * DAY) for i in range(10)]
    scored = BatchScorer(SCHEMA).score([*days, *others], 0, MODEL)
    assert len(scored.predictions) == 10
    ahead = days[4]._replace(sent=START + 3 * DAY - 1)
    scored = BatchScorer(SCHEMA).score([*days[:4], ahead, *days[5:], *others], 0, MODEL)
    assert (len(scored.predictions), scored.rejected[0][0]) == (9, ahead)
    assert scored.rejected[0][1].reason is Reason.IMPLAUSIBLE_EVENT_TIME
    # where the broker gives no time there is nothing that could be the future
    assert not BatchScorer(SCHEMA).score([ahead._replace(sent=None)], 0, MODEL).rejected
