"""What the worker does with a batch before it is scored."""

from contract.kafka.control import end_of_stream_message
from scorer.stream.worker import split_controls
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
