"""One screen: the verdict, counts, an incident a line, and as many windows as there is room for."""

import pytest
from rich.text import Text

from churnstream.live.view import champions, dashboard, verdict_text
from churnstream.live.watch import Snapshot, SnapshotReader
from contract.alerts import Alert, ModelVerdict
from contract.messages import ModelRef, Role, encode
from contract.topics import ALERTS
from tests.support.messages import DAY, START
from tests.support.terminal.drawn import drawn
from tests.support.windows import MODEL, drift, final


def verdict(version: int, title: str, until: int, role: Role = "champion", message: str = "") -> ModelVerdict:
    return ModelVerdict(
        model=ModelRef("churn", version, role),
        state="customers_changed",
        since=START,
        until=START + until * DAY,
        title=title,
        message=message or f"churn v{version}: drift in [red]Age[/red]",
        remedy="train again",
    )


def alert(key: str, day: int, state: str = "opened", **changed: object) -> Alert:
    made = {
        "key": key,
        "state": state,
        "kind": "drift",
        "model": MODEL,
        "start": START + day * DAY,
        "end": START + (day + 7) * DAY,
        "features": ["Age", "Balance"],
        "message": "churn v3: customers differ",
    }
    return Alert(**{**made, **changed})  # type: ignore[arg-type]


def snapshot_of(windows: int = 30, alerts: int = 1) -> Snapshot:
    drifted = drift({"Age": 0.3, "Balance": 0.2}, ("Age", "Balance"))
    found = [final(day, **({"drift": drifted} if day >= 20 else {})) for day in range(windows)]
    one = verdict(3, "CUSTOMERS CHANGED since 21 Jan 2025", 12, message="churn v3: " + "why it is so " * 60)
    incidents = [alert(f"drift/{number}", 20) for number in range(alerts)]
    return Snapshot(
        records=20_000,
        scored=19_000,
        labels=10_000,
        joined=9_000,
        windows={window.key: window for window in found},
        verdicts={one.key: one},
        alerts={one.key: one for one in incidents},
    )


def test_the_first_line_is_the_verdict_on_the_champion_at_work() -> None:
    snapshot = Snapshot()
    reader = SnapshotReader(snapshot)
    for one in (
        verdict(3, "WORSE since 1 Jan 2025", 3),
        verdict(4, "HEALTHY since 5 Jan 2025", 9),
        verdict(4, "CUSTOMERS CHANGED since 8 Jan 2025", 12),
        verdict(5, "WORSE since 8 Jan 2025", 12, "challenger"),
    ):
        reader.take(ALERTS, one.key.encode(), encode(one))
    assert [one.title for one in champions(snapshot)] == ["CUSTOMERS CHANGED since 8 Jan 2025"]
    lines = drawn(dashboard(snapshot, 1.0, "replaying"), 200)
    # text from data is no markup
    assert lines[:3] == [
        "replaying",
        "churn v4: CUSTOMERS CHANGED since 8 Jan 2025",
        "drift in [red]Age[/red]; train again",
    ]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("height", [16, 24, 50])
def test_it_fits_on_the_screen_and_the_newest_window_is_on_it(width: int, height: int) -> None:
    lines = drawn(dashboard(snapshot_of(alerts=9), 14.0, "replaying", Text("the page")), width, height)
    assert len(lines) < height or height == 16
    assert any(line.startswith("30 Jan–6 Feb") for line in lines)
    assert lines[-1] == "the page"
    assert "and 5 more: churnstream alerts" in "".join(lines)


def test_no_figure_is_torn_from_its_name() -> None:
    lines = drawn(dashboard(snapshot_of(), 14.0, "replaying"), 60)
    for whole in ("replayed 20,000 (1,429/s)", "labelled 9,000 (643/s)", "lag 2,000", "dead letters 0"):
        assert any(whole in line for line in lines), lines


def test_one_drift_is_one_line_however_many_windows_show_it() -> None:
    lines = drawn(dashboard(snapshot_of(), 14.0, "replaying"), 80, 60)
    assert [line for line in lines if "drift since" in line] == [
        "▲ drift since 21 Jan 2025: Age, Balance (10 windows)",
    ]


def test_a_long_reason_is_cut_on_the_screen_and_whole_elsewhere() -> None:
    told = verdict(3, "WORSE", 3, message="churn v3: " + "word " * 500)
    assert len(drawn(verdict_text(told, lines=2), 80)) == 3
    assert drawn(verdict_text(told, lines=2), 80)[-1].endswith("…")
    assert len(drawn(verdict_text(told), 80)) > 10


def test_an_empty_stream_is_shown_too() -> None:
    lines = drawn(dashboard(Snapshot(), 0.0, "replaying", Text("the page")), 60)
    assert lines == [
        "replaying",
        "replayed 0  scored 0  labelled 0  lag 0  dead letters 0",
        "the page",
    ]
