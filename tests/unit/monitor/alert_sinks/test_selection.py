"""Which alerts a sink is sent."""

from contract.alert_rules import SinkRule
from monitor.alert_sinks.selection import SinkSelection
from tests.support.alerting.publishing import alert, lives


def test_by_default_all_are_sent() -> None:
    selection = SinkSelection(SinkRule("team", "TEAM_URL"))
    assert all(selection.wants(one) for one in lives(range(3)))


def test_without_updates_none_is_sent_but_one_that_makes_it_worse() -> None:
    selection = SinkSelection(SinkRule("team", "TEAM_URL", updates=False))
    states = [alert(), alert(state="updated"), alert(state="updated", severity="critical"), alert(state="updated")]
    assert [selection.wants(one) for one in states] == [True, False, True, False]
    assert selection.wants(alert(state="closed"))


def test_kinds_and_severity() -> None:
    selection = SinkSelection(SinkRule("duty", "DUTY_URL", ("lag",), "critical"))
    assert not selection.wants(alert(kind="lag"))
    assert not selection.wants(alert(severity="critical"))
    assert selection.wants(alert(kind="lag", severity="critical"))


def test_what_is_remembered_has_a_bound() -> None:
    selection = SinkSelection(SinkRule("team", "TEAM_URL", updates=False))
    for number in range(10_050):
        selection.wants(alert(key=str(number)))
    # of the oldest it is not known any more that they were told; rather twice than never
    assert selection.wants(alert(key="1", state="updated"))
    assert not selection.wants(alert(key="10000", state="updated"))
