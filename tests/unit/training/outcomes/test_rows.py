"""Scored records and their labels as columns."""

from typing import Any

import msgspec
import numpy as np
import pytest

from contract.errors import UserError
from contract.history.known import NEVER_KNOWN
from contract.messages import ModelRef, Outcome
from contract.messages import encode as encoded
from contract.panes import JoinProgress
from contract.schema import load_schema
from tests.support.messages import DAY, START, customer, encode
from training.outcomes.reading import ENDED, how_far
from training.outcomes.rows import NO_LABEL, EventSpan, PartitionRows, together

SCHEMA = load_schema("bank_churn")
CHAMPION, CHALLENGER = ModelRef("churn", 3), ModelRef("churn", 4, "challenger")


def scored(i: int, model: ModelRef = CHAMPION, probability: float = 0.25, *, offset: int = 0, **changed: Any) -> bytes:
    source = {"partition": 0, "offset": offset}
    answer = {"probability": probability, "predicted": 0, "threshold": 0.4, "source": source}
    return encode({**customer(i, **changed), **answer, "model": msgspec.to_builtins(model)})


def labelled(i: int, label: int, revision: int = 1, *, inferred: bool = False, model: ModelRef = CHAMPION) -> bytes:
    record = customer(i)
    return encoded(
        Outcome(
            record_id=record["record_id"],
            customer_id=record["customer_id"],
            event_time=record["event_time"],
            label_time=record["event_time"] + (1 + revision) * DAY,
            label=label,
            revision=revision,
            probability=0.25,
            predicted=0,
            threshold=0.4,
            model=model,
            inferred=inferred,
        )
    )


def gathered(span: EventSpan | None = None, most: int = 100, *, features: bool = True) -> PartitionRows:
    return PartitionRows(SCHEMA, span or EventSpan(), most, features=features)


def test_a_record_is_one_row_with_each_models_first_score_and_the_label_of_highest_revision() -> None:
    rows = gathered()
    for value in (
        scored(0),
        scored(0, CHALLENGER, 0.5),
        scored(0, probability=0.75),  # sent again
        scored(1),
    ):
        rows.prediction(value)
    for value in (labelled(0, 1, 2), labelled(0, 0, 1), labelled(7, 1)):
        rows.outcome(value)
    found = rows.rows(START + 30 * 1_000)

    assert len(found) == 2
    assert found.X.Age.tolist() == [20.0, 21.0]
    assert found.X.Geography.tolist() == ["France", "Germany"]
    assert found.scores[CHAMPION].tolist() == [0.25, 0.25]
    assert found.scores[CHALLENGER][0] == 0.5
    assert np.isnan(found.scores[CHALLENGER][1])
    assert found.labels.tolist() == [1, NO_LABEL]
    assert found.label_times.tolist() == [START + 3 * DAY, NEVER_KNOWN]
    assert found.mature.tolist() == [True, False]
    assert found.usable.tolist() == [True, False]
    assert found.scored_by(CHAMPION, CHALLENGER).tolist() == [True, False]
    assert not found.scored_by(ModelRef("churn", 9)).any()


@pytest.mark.parametrize("features", [True, False])
def test_a_model_that_meets_a_record_when_it_is_sent_again_has_not_scored_it(features: bool) -> None:
    later = ModelRef("churn", 5)
    rows = gathered(features=features)
    rows.prediction(scored(0))
    rows.prediction(scored(0, CHALLENGER))
    rows.prediction(scored(0, later, offset=900))  # it may have learned from the record by then
    rows.prediction(scored(1, later, offset=1))
    found = rows.rows(None)
    assert found.scored_by(CHAMPION, CHALLENGER).tolist() == [True, False]
    assert found.scored_by(later).tolist() == [False, True]


def test_silence_gives_way_to_a_label_that_comes_late() -> None:
    rows = gathered()
    rows.prediction(scored(0))
    rows.outcome(labelled(0, 0, 0, inferred=True))
    assert rows.rows(None).inferred.tolist() == [True]
    rows = gathered()
    rows.prediction(scored(0))
    rows.outcome(labelled(0, 0, 0, inferred=True))
    rows.outcome(labelled(0, 1, 1))
    found = rows.rows(None)
    assert (found.labels.tolist(), found.inferred.tolist(), found.mature.tolist()) == ([1], [False], [False])


def test_what_is_of_another_time_or_of_no_schema_is_no_row() -> None:
    rows = gathered(EventSpan(START + 60_000, START + 120_000))
    for i in range(4):
        rows.prediction(scored(i))
    for value in (b"nothing", b"\xff", None, scored(1, Age=-5)):
        rows.prediction(value)
    rows.outcome(b"{}")
    found = rows.rows(None)

    assert found.times.tolist() == [START + 60_000]
    assert found.unreadable == 5


def test_more_records_than_memory_is_meant_for_are_refused_with_the_remedy() -> None:
    rows = gathered(most=2)
    rows.prediction(scored(0))
    rows.prediction(scored(1))
    rows.prediction(scored(0, CHALLENGER))
    with pytest.raises(UserError, match=r"more than 2 records.*--since"):
        rows.prediction(scored(2))


def test_partitions_are_one_table_in_order_of_time() -> None:
    first, second, empty = gathered(), gathered(), gathered()
    first.prediction(scored(3))
    first.prediction(scored(0))
    second.prediction(scored(2, CHALLENGER, 0.5))
    second.outcome(labelled(2, 1))
    found = together([first.rows(START + DAY), second.rows(None), empty.rows(None)])

    assert found.times.tolist() == [START, START + 120_000, START + 180_000]
    assert found.customers.tolist() == ["1000", "1002", "1003"]
    assert found.X.Age.tolist() == [20.0, 22.0, 23.0]
    assert found.labels.tolist() == [NO_LABEL, 1, NO_LABEL]
    assert found.mature.tolist() == [True, False, True]
    assert found.scored_by(CHAMPION).tolist() == [True, False, True]


def test_without_features_only_scores_are_kept() -> None:
    rows = gathered(features=False)
    rows.prediction(scored(0))
    found = together([rows.rows(None)])
    assert (len(found), found.X.shape) == (1, (1, 0))


def test_a_stream_without_records_is_an_empty_table() -> None:
    found = together([gathered().rows(None), gathered().rows(None)])
    assert len(found) == 0
    assert list(found.X.columns) == list(SCHEMA.names)
    assert not found.usable.any()


def at(watermark: int | None, labels: int | None, **changed: Any) -> JoinProgress:
    return JoinProgress(partition=0, watermark=watermark, label_watermark=labels, **{"ended": False} | changed)


@pytest.mark.parametrize(
    ("progress", "come"),
    [
        ({0: at(50, 40)}, (40,)),
        ({0: at(50, 40, labels_idle=True)}, (50,)),
        ({0: at(50, None)}, (50,)),
        ({0: at(None, None)}, (None,)),
        ({0: at(None, None, ended=True)}, (ENDED,)),
        ({0: at(50, 60), 1: at(10, None, idle=True)}, (50, 50)),
        ({0: at(50, 60), 1: at(10, None)}, (50, 10)),
        ({0: at(50, 60)}, (50, None)),
    ],
)
def test_labels_have_come_as_far_as_the_join_has_them(
    progress: dict[int, JoinProgress], come: tuple[int | None, ...]
) -> None:
    assert how_far(progress, len(come)) == come
