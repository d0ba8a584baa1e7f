"""What the worker does with a batch before it is scored."""

import pytest

from contract.kafka.control import end_of_stream_message
from scorer.stream.reading import split_controls
from scorer.stream.worker import in_order, interleaved
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


@pytest.mark.parametrize("answered", [None, (), (1, 2, 6, 7, 8), (2, 8)], ids=str)
@pytest.mark.parametrize("ends", [(), (0,), (3,), (9,), (4, 5), (0, 4, 9)])
def test_an_end_of_the_stream_stands_between_the_records_that_it_stood_between(
    answered: tuple[int, ...] | None, ends: tuple[int, ...]
) -> None:
    offsets = scored_at = [1, 2, 6, 7, 8]  # the others were rejected, or are ends
    predictions = [(b"", f"{offset} champion".encode()) for offset in scored_at]
    if answered is not None:
        beside = [(b"", f"{offset} challenger".encode()) if offset in answered else None for offset in scored_at]
        predictions, offsets = interleaved(predictions, beside, scored_at if ends else [])
    controls = [sent(None, VALUE, HEADERS, offset=offset) for offset in ends]
    order: list[str] = []
    for pairs, control in in_order(predictions, offsets, controls):
        order += [value.decode() for _, value in pairs]
        order += [f"{control.offset()} end"] if control else []
    challengers = [f"{offset} challenger" for offset in answered or ()]
    expected = [*(f"{offset} champion" for offset in scored_at), *challengers, *(f"{offset} end" for offset in ends)]
    ranks = ["champion", "challenger", "end"]
    assert order == sorted(expected, key=lambda one: (int(one.split()[0]), ranks.index(one.split()[1])))


def test_ends_without_a_record_are_passed_on() -> None:
    controls = [sent(None, VALUE, HEADERS, offset=offset) for offset in (3, 4)]
    found = list(in_order([], [], controls))
    assert [control.offset() for _, control in found if control is not None] == [3, 4]
    assert not any(pairs for pairs, _ in found)
