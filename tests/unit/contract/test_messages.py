"""Every message is read back as it was written."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from contract.alerts import Alert
from contract.messages import Label, ModelRef, Outcome, Prediction, encode, prediction_type
from contract.panes import JoinProgress, Pane, PaneMessage, Summary
from contract.records import Record, record_type
from contract.schema import load_schema
from contract.windows import FeatureDrift, Window
from tests.support.windows import drift, final, window

SCHEMA = load_schema("bank_churn")
MODEL = ModelRef("churn", 3)


def values_of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value of a message field's type."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: values_of(field.type) for field in fields})
        case inspect.UnionType(types=types):
            return st.one_of(*(values_of(each) for each in types))
        case inspect.ListType(item_type=item):
            return st.lists(values_of(item), max_size=3)
        case inspect.VarTupleType(item_type=item):
            return st.lists(values_of(item), max_size=3).map(tuple)
        case inspect.TupleType(item_types=items):
            return st.tuples(*map(values_of, items))
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values_of(key), values_of(value), max_size=3)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.IntType(ge=low, le=high):
            # sums outgrow 64 bits
            return st.integers(-(2**80) if low is None else low, 2**80 if high is None else high)
        case inspect.FloatType(ge=low, le=high, multiple_of=1):
            # a whole number that is written as a float
            low, high = (limit if bound is None else int(bound) for limit, bound in ((-(2**53), low), (2**53, high)))
            return st.integers(low, high).map(float)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case inspect.StrType(min_length=low, max_length=high):
            return st.text(min_size=low or 0, max_size=min(high or 12, 12))
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
    raise AssertionError(f"no values of {kind}")


@pytest.mark.parametrize(
    "kind",
    [record_type(SCHEMA), prediction_type(SCHEMA), Label, Outcome, Pane, JoinProgress, Window, Alert, Summary],
    ids=lambda kind: kind.__name__,
)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_every_message_is_read_back_as_it_was_written(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    message = data.draw(values_of(inspect.type_info(kind)))
    assert msgspec.json.decode(encode(message), type=kind) == message
    later = encode(message)[:-1] + b',"surplus":1}'
    if issubclass(kind, Record | Label) and not issubclass(kind, Prediction):
        with pytest.raises(msgspec.ValidationError, match="unknown field `surplus`"):
            msgspec.json.decode(later, type=kind)
    else:
        # what a release after this one writes
        assert msgspec.json.decode(later, type=kind) == message


@pytest.mark.parametrize(
    "message",
    [
        Pane(partition=0, start=0, slide=1, model=MODEL, threshold=0.5, summary=Summary()),
        JoinProgress(partition=0, watermark=None, label_watermark=None, ended=False),
    ],
    ids=["pane", "progress"],
)
def test_panes_and_progress_share_a_topic(message: PaneMessage) -> None:
    assert msgspec.json.decode(encode(message), type=PaneMessage) == message
    untold = encode(message).replace(b'"type":', b'"typ":')
    with pytest.raises(msgspec.ValidationError, match="type"):
        msgspec.json.decode(untold, type=PaneMessage)


def test_keys_are_the_same_for_the_same_thing_and_differ_for_another() -> None:
    pane = Pane(partition=2, start=1_000, slide=1, model=MODEL, threshold=0.5, summary=Summary())
    assert pane.key == "churn/3/champion/1000/2"
    changes: list[dict[str, Any]] = [{"partition": 3}, {"start": 2_000}, {"model": ModelRef("churn", 4)}]
    changes += [{"model": ModelRef("churn", 3, "challenger")}]
    keys = {msgspec.structs.replace(pane, **change).key for change in changes}
    assert len(keys | {pane.key}) == 5
    assert msgspec.structs.replace(pane, summary=Summary(records=1)).key == pane.key
    assert JoinProgress(partition=2, watermark=1, label_watermark=None, ended=True).key == "progress/2"
    # a provisional window and the final one that follows are one key
    assert window(0).key == final(0).key != window(1).key


def test_a_window_knows_its_coverage() -> None:
    assert window(records=2_000, labelled=500).coverage == 0.25
    assert window(records=0, labelled=0).coverage == 0.0


def test_drifted_columns_are_those_that_drifted() -> None:
    assert drift({"Age": 0.3, "Tenure": 0.01, "score": 0.2}, drifted=("Age", "score")).drifted_columns == [
        "Age",
        "score",
    ]
    assert isinstance(drift({"Age": 0.3}).features["Age"], FeatureDrift)


def test_a_prediction_is_a_record_with_the_answer() -> None:
    fields = {field.name for field in msgspec.structs.fields(record_type(SCHEMA))}
    assert fields < {field.name for field in msgspec.structs.fields(prediction_type(SCHEMA))}
    assert issubclass(prediction_type(SCHEMA), Prediction)
    assert issubclass(prediction_type(SCHEMA), Record)


def test_no_message_has_room_for_a_private_column() -> None:
    assert SCHEMA.private == ("Surname",)
    assert b"Surname" not in msgspec.json.encode(msgspec.json.schema(prediction_type(SCHEMA)))
