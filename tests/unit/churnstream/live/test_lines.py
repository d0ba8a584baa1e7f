"""One line for one incident."""

import msgspec
import pytest

from churnstream.live.lines import incident_line, incident_lines
from contract.alerts import Alert, AlertKind, AlertState
from contract.windows import Estimate, Worsening
from tests.support.messages import DAY, START
from tests.support.windows import MODEL, drift, final

DRIFTED = drift({"Age": 0.3, "Balance": 0.2}, ("Age", "Balance"))
WINDOWS = [final(day, **({"drift": DRIFTED} if 20 <= day < 32 else {})) for day in range(40)]


def incident(state: AlertState = "opened", kind: AlertKind = "drift", **changed: object) -> Alert:
    made = Alert(
        key=f"{kind}/churn/3",
        state=state,
        kind=kind,
        model=MODEL,
        start=START + 20 * DAY,
        end=START + 38 * DAY,
        features=["Age", "Balance"] if kind == "drift" else [],
        message="churn v3: something is wrong",
    )
    return msgspec.structs.replace(made, **changed)


@pytest.mark.parametrize(
    ("alert", "told"),
    [
        (incident(), "▲ drift since 21 Jan 2025: Age, Balance (12 windows)"),
        (incident(severity="critical"), "✖ drift since 21 Jan 2025: Age, Balance (12 windows)"),
        (
            incident("closed", end=START + 30 * DAY),
            "✓ drift since 21 Jan 2025: Age, Balance (4 windows), over since 31 Jan 2025",
        ),
        (
            incident("retracted", title="churn v3: customers changed, taken back", features=[], end=START + DAY),
            "↶ customers changed, taken back",
        ),
        (
            incident(kind="lag", model=None, title="", severity="critical"),
            "✖ lag since 21 Jan 2025 00:00 UTC by the clock",
        ),
        (
            incident(kind="segment", segments=["Geography=[red]"], title="churn v3: Geography=[red] changed"),
            "▲ Geography=[red] changed",
        ),
        (
            incident("closed", kind="volume", title="churn v3: number of records changed from 1 to 8 Jan 2025, over"),
            "✓ number of records changed from 1 to 8 Jan 2025, over",
        ),
    ],
)
def test_it_says_what_since_when_and_in_how_many_windows(alert: Alert, told: str) -> None:
    assert incident_line(alert, WINDOWS).plain == told


def test_windows_that_are_worse_are_counted_for_performance() -> None:
    worse = Worsening(reference=0.1, excess=Estimate(0.05, 0.03, 0.07), p_value=1e-6, worse=True)
    windows = [final(20, worsening=worse), final(21, worsening=msgspec.structs.replace(worse, worse=False))]
    alert = incident(kind="performance", title="churn v3: performance worse since 21 Jan 2025")
    assert incident_line(alert, windows).plain == "▲ performance worse since 21 Jan 2025 (1 window)"


def test_the_gravest_that_stands_comes_first_and_what_is_over_last() -> None:
    alerts = [
        incident("closed", key="over"),
        incident(key="later", start=START + 25 * DAY, end=START + 40 * DAY),
        incident(key="grave", start=START + 30 * DAY, severity="critical", end=START + 40 * DAY),
    ]
    assert [line.plain[0] for line in incident_lines(alerts, WINDOWS)] == ["✖", "▲", "✓"]


def test_of_several_models_each_is_named() -> None:
    other = incident(key="other", model=msgspec.structs.replace(MODEL, version=4, role="challenger"))
    assert [line.plain.split(":")[0] for line in incident_lines([incident(), other], [])] == [
        "▲ v3",
        "▲ v4 challenger",
    ]


def test_many_hostile_names_are_cut() -> None:
    names = ["\x1b[31m" + "N" * 300, "a\nb", *(f"c{number}" for number in range(1_000))]
    told = incident_line(incident(features=names), []).plain
    assert told.isprintable()
    assert len(told) < 200
    assert "and 998 more" in told


def test_of_more_than_are_wanted_the_number_is_told_and_no_more_are_looked_at() -> None:
    alerts = [incident(key=f"drift/{number}") for number in range(2_000)]
    lines = [line.plain for line in incident_lines(alerts, WINDOWS, most=3)]
    assert lines[3:] == ["  and 1,997 more: churnstream alerts"]
    assert len(lines[:3]) == 3
