"""The share of dead letters among the messages read last."""

from contract.alert_rules import StreamRules
from monitor.watch.findings import StreamFinding
from monitor.watch.letters import Letter
from monitor.watch.refused import FEW, RefusedMessages

RULES = StreamRules(dead_letter_share=0.02, dead_letter_records=1_000)
AGE = "out-of-range/Age"


def refused() -> RefusedMessages:
    return RefusedMessages("p.customers", ("records", "could not be scored"), RULES)


def take(of: RefusedMessages, count: int, name: str = AGE, *, first: int = 0, is_old: bool = False) -> None:
    for number in range(count):
        of.take(Letter(0, number, name, "p.customers", 0, first + number, None), is_old=is_old)


def found(of: RefusedMessages, *standing: str) -> list[StreamFinding]:
    return list(of.findings(standing))


def test_a_share_above_the_rule_is_told_with_reason_field_and_an_origin() -> None:
    stream = refused()
    stream.advance({0: 0, 1: 0})
    stream.advance({0: 600, 1: 400})
    take(stream, 50, first=300)
    (one,) = found(stream)
    assert (one.subject, one.wrong, one.features, one.severity) == (f"p.customers/{AGE}", True, ("Age",), "warning")
    assert one.title == "records are refused: out-of-range/Age"
    assert "50 of the last 1,000 records (5.0%) could not be scored" in one.message
    assert "one of them is on p.customers, partition 0, offset 349" in one.message


def test_a_few_or_a_small_share_are_none() -> None:
    stream = refused()
    stream.advance({0: 0})
    stream.advance({0: 20})
    take(stream, FEW - 1)
    assert found(stream) == []
    stream.advance({0: 10_000})
    take(stream, 190)
    assert found(stream) == []


def test_all_of_a_few_records_are_enough() -> None:
    stream = refused()
    stream.advance({0: 0})
    stream.advance({0: FEW})
    take(stream, FEW)
    (one,) = found(stream)
    assert (one.wrong, one.severity) == (True, "critical")


def test_many_reasons_that_are_rare_are_one_alert() -> None:
    stream = refused()
    stream.advance({0: 0})
    stream.advance({0: 1_000})
    for column in range(10):
        take(stream, 6, f"out-of-range/column_{column}")
    (one,) = found(stream)
    assert (one.subject, one.wrong) == ("p.customers/several", True)
    assert "60 of the last 1,000" in one.message


def test_it_is_over_when_the_last_records_are_good() -> None:
    stream = refused()
    subject = f"p.customers/{AGE}"
    stream.advance({0: 0})
    stream.advance({0: 500})
    take(stream, 500)
    assert [one.wrong for one in found(stream, subject)] == [True]
    stream.advance({0: 1_400})
    assert [one.wrong for one in found(stream, subject)] == [True]
    stream.advance({0: 1_600})
    assert found(stream, subject) == [StreamFinding("dead_letters", subject, False)]


def test_after_a_restart_what_is_refused_now_is_known_from_the_letters_that_are_there() -> None:
    """Those of long ago do not count, and nothing is called over before enough has been read."""
    subject = f"p.customers/{AGE}"
    stream = refused()
    stream.advance({0: 5_000})
    take(stream, 100, first=1_000, is_old=True)
    assert found(stream, subject) == [StreamFinding("dead_letters", subject, False)]
    take(stream, 100, first=4_900, is_old=True)
    assert [one.wrong for one in found(stream, subject)] == [True]
    young = refused()
    young.advance({0: 20})
    assert found(young, subject) == []


def test_an_idle_partition_does_not_hold_an_incident_open() -> None:
    subject = f"p.customers/{AGE}"
    stream = refused()
    stream.advance({0: 2_000, 1: 2_000})
    take(stream, 900, first=1_100, is_old=True)
    assert [one.wrong for one in found(stream, subject)] == [True]
    for offset in range(2_100, 3_200, 100):
        stream.advance({0: 2_000, 1: offset})
    assert found(stream, subject) == [StreamFinding("dead_letters", subject, False)]


def test_a_topic_that_was_made_anew_is_counted_anew() -> None:
    stream = refused()
    stream.advance({0: 5_000})
    take(stream, 500, first=4_500, is_old=True)
    stream.advance({0: 100})
    assert found(stream) == []
