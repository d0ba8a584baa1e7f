"""What is kept of a stream that is followed."""

import msgspec

from churnstream.demo.following import Followed, Said
from churnstream.live.watch import Snapshot
from contract.alerts import ModelVerdict, VerdictState
from contract.windows import Window
from tests.support.windows import MODEL, final, window


def snapshot(*windows: Window, verdict: ModelVerdict | None = None) -> Snapshot:
    return Snapshot(
        windows={one.key: one for one in windows}, verdicts={} if verdict is None else {verdict.key: verdict}
    )


def verdict(state: VerdictState, title: str, until: int) -> ModelVerdict:
    return ModelVerdict(model=MODEL, state=state, since=None, until=until, title=title, message="")


def test_a_window_is_kept_as_it_was_seen_first() -> None:
    followed = Followed()
    few = window(0, labelled=100)
    followed.look(snapshot(few, window(1)))
    followed.look(snapshot(window(0, labelled=1_500, revision=1), window(1)))
    followed.look(snapshot(final(0), final(1)))
    assert followed.provisional == {few.key: few, window(1).key: window(1)}
    # the other one had half of its labels already
    assert followed.ahead == 1


def test_windows_are_counted_that_were_final_before_others() -> None:
    followed = Followed()
    followed.look(snapshot(final(0), final(1), window(2)))
    followed.look(snapshot(final(0), final(1), final(2)))
    assert followed.final_before == 2


def test_a_window_without_an_estimate_is_not_ahead() -> None:
    followed = Followed()
    one = window(0, labelled=100)
    followed.look(snapshot(msgspec.structs.replace(one, estimated=msgspec.structs.replace(one.estimated, f1=None))))
    assert followed.ahead == 0


def test_each_verdict_is_kept_once_with_the_time_at_which_it_came() -> None:
    followed = Followed()
    for state, title, until in (
        ("healthy", "HEALTHY", 1),
        ("healthy", "HEALTHY", 2),
        ("customers_changed", "CUSTOMERS CHANGED since then", 3),
        ("healthy", "HEALTHY", 4),
    ):
        followed.look(snapshot(verdict=verdict(state, title, until)))
    assert followed.verdicts == [Said(1, "HEALTHY"), Said(3, "CUSTOMERS CHANGED since then"), Said(4, "HEALTHY")]
