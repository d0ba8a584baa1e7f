"""Incidents: one line each, with its history."""

from contract.alerts import ALERT_KINDS, BY_WALL_TIME
from contract.messages import ModelRef
from dashboard.view.incidents import MOST_OVER
from tests.support.dashboard.told import NOW, ToldStream, incident
from tests.support.messages import DAY, START
from tests.support.windows import final


def test_standing_ones_first_the_gravest_of_them_first() -> None:
    told = ToldStream(
        incident("drift", 1),
        incident("performance", 0, severity="critical"),
        incident("relation", 9, state="closed"),
        incident("segment", 8, state="retracted"),
        incident("volume", 2),
    )
    lines = told.page().incidents
    assert [(line.state, line.kind) for line in lines] == [
        ("standing", "performance"),
        ("standing", "number of records"),
        ("standing", "customers changed"),
        ("closed", "relation changed"),
        ("retracted", "segment"),
    ]
    assert [line.sign for line in lines] == ["✖", "▲", "▲", "✓", "↶"]


def test_an_incidents_history_in_words_and_dates() -> None:
    told = ToldStream(*(final(day) for day in range(5)))
    told.tell(incident(), at=NOW)
    told.tell(incident(state="updated", end=START + 9 * DAY), at=NOW + 60_000)
    told.tell(incident(state="retracted", message="taken back"), at=NOW + 120_000)
    [line] = told.page().incidents
    assert (line.state, line.since, line.until, line.windows) == ("retracted", "1 Jan 2025", "8 Jan 2025", "1 window")
    assert [(fact.label, fact.value) for fact in line.history] == [
        ("5 Feb 2026 00:00 UTC", "opened"),
        ("5 Feb 2026 00:01 UTC", "updated"),
        ("5 Feb 2026 00:02 UTC", "taken back"),
    ]
    assert line.history[0].detail == "Drift since 21 Jan 2025 06:00 UTC."


def test_how_many_windows_it_spans() -> None:
    told = ToldStream(*(final(day) for day in range(20)), incident(day=3, end=START + 15 * DAY))
    [line] = told.page().incidents
    assert (line.windows, line.until) == ("17 windows so far", "")
    over = incident(day=3, end=START + 15 * DAY, state="closed")
    told.tell(over)
    [line] = told.page().incidents
    assert (line.windows, line.until) == ("6 windows", "16 Jan 2025")


def test_kinds_dated_by_the_clock_say_so() -> None:
    for kind in ALERT_KINDS:
        [line] = ToldStream(incident(kind)).page().incidents
        assert line.since.endswith("by the clock") == (kind in BY_WALL_TIME)
        assert line.kind


def test_those_of_other_models_are_not_shown_and_those_of_the_stream_are() -> None:
    told = ToldStream(final(), incident(model=ModelRef("other", 1)), incident("lag", model=None))
    assert [line.kind for line in told.page().incidents] == ["lag"]


def test_at_most_so_many_that_are_over_the_newest_first() -> None:
    lines = ToldStream(*(incident(day=day, state="closed") for day in range(MOST_OVER + 5))).page().incidents
    assert len(lines) == MOST_OVER
    assert lines[0].key.endswith(f"/{MOST_OVER + 4}")
