"""What is told of a stream in lines, where nothing can be drawn."""

import io

import msgspec
import pytest
from rich.console import Console

from churnstream.live.shown import output, shown
from churnstream.live.told import Teller
from churnstream.live.watch import Snapshot
from contract.alerts import Alert, ModelVerdict
from contract.windows import Window
from tests.support.messages import DAY, START
from tests.support.windows import MODEL, drift, final, nowcast, performance, window

DRIFT = Alert(
    key="drift/churn/3",
    state="opened",
    kind="drift",
    model=MODEL,
    start=START + 20 * DAY,
    end=START + 27 * DAY,
    features=["Age"],
    message="churn v3: customers differ",
)
VERDICT = ModelVerdict(
    model=MODEL, state="healthy", since=START, until=None, title="HEALTHY since 1 Jan 2025", message=""
)


def seen(*windows: Window, alerts: tuple[Alert, ...] = (), records: int = 0) -> Snapshot:
    return Snapshot(
        records=records,
        windows={one.key: one for one in windows},
        alerts={one.key: one for one in alerts},
    )


def test_a_window_is_told_once_as_provisional_and_once_as_final_with_its_figures() -> None:
    teller = Teller()
    teller.lines(seen(), 0.0, "replaying")
    fresh = window(0, labelled=200, nowcast=nowcast())
    assert teller.lines(seen(fresh), 1.0, "replaying") == [
        "1–8 Jan 2025 is measured, labels are still to come: 2,000 records, 10 % labelled, F1 0.750, nowcast 0.720, "
        "estimated 0.700±0.040, Brier 0.100, accuracy 0.850"
    ]
    assert teller.lines(seen(msgspec.structs.replace(fresh, revision=1)), 2.0, "replaying") == []
    last = final(0, drift=drift({"Age": 0.2}, ("Age",)))
    assert teller.lines(seen(last), 3.0, "replaying") == [
        "1–8 Jan 2025 is final: 2,000 records, 100 % labelled, F1 0.750, estimated 0.700±0.040, Brier 0.100, "
        "accuracy 0.850; changed: Age"
    ]


def test_a_window_without_labels_tells_what_is_expected() -> None:
    none = performance(None, 0)
    none = msgspec.structs.replace(none, brier=None, accuracy=None)
    (line,) = Teller()._windows([window(0, labelled=0, performance=none)])
    assert (
        line == "1–8 Jan 2025 is measured, labels are still to come: 2,000 records, 0 % labelled, estimated 0.700±0.040"
    )


def test_many_windows_at_once_are_one_line() -> None:
    lines = list(Teller()._windows([final(day, performance=performance(0.6 + day / 1_000)) for day in range(700)]))
    assert lines == ["700 windows are final: 1 Jan 2025–8 Dec 2026; F1 0.600 to 1.299"]


def test_an_incident_is_told_when_it_begins_grows_and_ends() -> None:
    teller = Teller()
    teller.lines(seen(), 0.0, "replaying")
    assert teller.lines(seen(alerts=(DRIFT,)), 1.0, "replaying") == ["▲ drift since 21 Jan 2025: Age"]
    updated = msgspec.structs.replace(DRIFT, state="updated", message="more of the same")
    assert teller.lines(seen(alerts=(updated,)), 2.0, "replaying") == []
    grown = msgspec.structs.replace(updated, features=["Age", "Balance"])
    assert teller.lines(seen(alerts=(grown,)), 3.0, "replaying") == ["▲ drift since 21 Jan 2025: Age, Balance"]
    over = msgspec.structs.replace(grown, state="closed")
    assert teller.lines(seen(alerts=(over,)), 4.0, "replaying") == [
        "✓ drift since 21 Jan 2025: Age, Balance, over since 28 Jan 2025"
    ]


def test_a_verdict_is_told_when_it_is_another() -> None:
    teller = Teller()
    teller.lines(seen(), 0.0, "replaying")
    snapshot = seen()
    snapshot.verdicts[VERDICT.key] = VERDICT
    assert teller.lines(snapshot, 1.0, "replaying") == ["churn v3: HEALTHY since 1 Jan 2025"]
    assert teller.lines(snapshot, 2.0, "replaying") == []


def test_counts_are_told_every_few_seconds_while_they_move() -> None:
    teller = Teller()
    told = [teller.lines(seen(records=second * 100), second, "replaying") for second in range(1, 12)]
    assert [second for second, lines in enumerate(told, 1) if lines] == [1, 6, 11]
    assert told[0] == ["replaying: 100 records, 0 scored, 0 labelled, lag 100, 0 dead letters"]
    # nothing moves any more
    assert not any(teller.lines(seen(records=1_100), second, "replaying") for second in range(12, 40))
    assert teller.lines(seen(records=1_100), 40, "measuring")


def test_what_is_remembered_is_what_the_snapshot_still_has() -> None:
    teller = Teller()
    for day in range(0, 5_000, 100):
        alerts = tuple(msgspec.structs.replace(DRIFT, key=f"drift/{day + number}") for number in range(100))
        teller.lines(seen(*(final(day + number) for number in range(100)), alerts=alerts), day, "replaying")
    assert (len(teller._statuses), len(teller._alerts)) == (100, 100)


def test_a_pipe_gets_lines_that_are_not_wrapped_and_without_colour() -> None:
    file = io.StringIO()
    console = Console(file=file, width=40)
    with shown(console) as show:
        show(seen(final(0), final(1)), 0.0, "replaying [red]")
    lines = file.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("1–8 Jan 2025 is final")
    assert lines[2].startswith("replaying [red]:")
    assert "\x1b" not in file.getvalue()


def test_a_terminal_that_cannot_be_drawn_on_gets_lines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    file = io.StringIO()
    with shown(Console(file=file, force_terminal=True, width=80)) as show:
        show(seen(final(0)), 0.0, "replaying")
    assert file.getvalue().startswith("1–8 Jan 2025 is final")


def test_the_view_on_a_terminal_needs_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    file = io.StringIO()
    with shown(Console(file=file, force_terminal=True, width=80, height=24)) as show:
        show(seen(final(0, drift=drift({"Age": 0.2}, ("Age",)))), 0.0, "replaying")
    told = file.getvalue()
    assert "Age" in told
    # bold and dim are no colours
    assert not any(f"\x1b[{bold}{colour}" in told for bold in ("", "1;") for colour in (31, 32, 33, 36))


def test_piped_tables_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert output().width == 160
