"""What the worker does with a batch before it is scored."""

import pytest

from contract.kafka.control import end_of_stream_message
from scorer.stream.worker import in_order, split_controls
from tests.support.kafka.sent import sent

VALUE, HEADERS = end_of_stream_message(1)


def test_controls_are_split_from_records_in_one_pass() -> None:
    # no two messages are compared: with 5,000 controls that took 41 s a batch
    messages = [
        sent(None, VALUE, HEADERS, offset=number) if number % 2 else sent(b"c", b"{}", offset=number)
        for number in range(10_000)
    ]
    records, controls = split_controls(messages)
    assert [record.offset for record in records] == list(range(0, 10_000, 2))
    assert [control.offset() for control in controls] == list(range(1, 10_000, 2))


def test_a_control_with_a_key_or_another_word_is_a_record() -> None:
    records, controls = split_controls(
        [sent(b"c", VALUE, HEADERS), sent(None, VALUE, [("churnstream-control", b"pause")]), sent(None, None)]
    )
    assert len(records) == 3
    assert not controls


@pytest.mark.parametrize("models", [1, 2])
@pytest.mark.parametrize("ends", [(), (0,), (3,), (9,), (4, 5), (0, 4, 9)])
def test_an_end_of_the_stream_stands_between_the_records_that_it_stood_between(
    models: int, ends: tuple[int, ...]
) -> None:
    scored_at = [1, 2, 6, 7, 8]  # the others were rejected, or are ends
    predictions = [(b"", f"{model} {offset}".encode()) for model in range(models) for offset in scored_at]
    controls = [sent(None, VALUE, HEADERS, offset=offset) for offset in ends]
    found = list(in_order(predictions, scored_at, controls))
    order = [
        offset
        for pairs, control in found
        for offset in [*sorted(int(value.split()[1]) for _, value in pairs), *([control.offset()] if control else [])]
    ]
    assert order == sorted([*scored_at * models, *ends])
    assert sorted(pair for pairs, _ in found for pair in pairs) == sorted(predictions)


def test_ends_without_a_record_are_passed_on() -> None:
    controls = [sent(None, VALUE, HEADERS, offset=offset) for offset in (3, 4)]
    found = list(in_order([], [], controls))
    assert [control.offset() for _, control in found if control is not None] == [3, 4]
    assert not any(pairs for pairs, _ in found)
