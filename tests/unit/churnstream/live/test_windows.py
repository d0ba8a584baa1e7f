"""The table of windows at every width, with whatever stands in the messages."""

import msgspec
import pytest

from churnstream.live.windows import changed_cell, windows_table
from contract.windows import Estimate, Outlook, Window, Worsening
from tests.support.messages import DAY, START
from tests.support.terminal.drawn import drawn
from tests.support.windows import drift, final, nowcast, performance, window

WIDTHS = (40, 60, 80, 120, 200)
WORSE = Worsening(reference=0.1, excess=Estimate(0.05, 0.03, 0.07), p_value=1e-6, worse=True)
FINE = msgspec.structs.replace(WORSE, worse=False)


def rows(*windows: Window, width: int) -> list[str]:
    return drawn(windows_table(windows), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_each_window_has_one_line_that_says_what_changed(width: int) -> None:
    told = rows(window(nowcast=nowcast()), final(1, drift=drift({"Age": 0.2, "Tenure": 0.1}, ("Age",))), width=width)
    assert told[0].endswith("changed")
    assert told[1].endswith("nothing")
    assert told[2].endswith("Age")
    assert told[1].startswith("1–8 Jan")
    assert ("50% provisional" if width >= 100 else "50% prov.") in told[1]
    assert "100% final" in told[2]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (60, "labels F1 estimated Brier changed"),
        (80, "labels F1 nowcast estimated Brier changed"),
        (120, "records labels F1 nowcast estimated Brier Brier est. accuracy changed"),
        (200, "records labels F1 nowcast estimated Brier Brier est. accuracy ROC AUC precision recall changed"),
    ],
)
def test_the_wider_the_terminal_the_more_is_told(width: int, columns: str) -> None:
    told = rows(window(nowcast=nowcast()), final(1), width=width)
    assert " ".join(told[0].split()) == f"window, 2025 {columns}"
    assert ("0.700±0.040" if width >= 80 else "0.70±0.04") in told[2]


def test_an_estimate_that_is_withdrawn_is_shown_as_such() -> None:
    assert "withdrawn" in rows(final(untrusted_since=START), width=60)[1]


def test_a_window_below_the_least_records_is_not_called_unchanged() -> None:
    unjudged = final(drift=msgspec.structs.replace(drift({"Age": 0.1}), judged=False))
    assert rows(unjudged, width=60)[1].endswith("too few")


def test_a_realised_metric_outside_of_what_was_estimated_has_an_arrow_also_without_colour() -> None:
    low, high = (final(day, performance=performance(f1), worsening=FINE) for day, f1 in ((0, 0.5), (1, 0.9)))
    told = rows(low, high, final(2, performance=performance(0.71), worsening=FINE), width=60)
    assert ["0.500↓" in told[1], "0.900↑" in told[2], "0.710 " in told[3]] == [True] * 3
    assert "outside the estimated range" in " ".join(told[4:])
    # without labels enough to judge by, it says nothing
    assert "↓" not in "".join(rows(final(performance=performance(0.5)), width=60))


def test_worse_performance_stands_before_the_columns_that_drifted() -> None:
    drifted = drift({"Age": 0.2, "Balance": 0.3, "score": 0.9}, ("Age", "Balance", "score"))
    assert changed_cell(final(drift=drifted, worsening=WORSE), 40).plain == "worse, Balance, Age, score"
    assert changed_cell(final(drift=drifted, worsening=WORSE), 14).plain == "worse +3"
    outlook = Outlook(basis="nowcast", reference=0.1, excess=Estimate(0.05, 0.03, 0.07), p_value=1e-6, worse=True)
    assert changed_cell(window(outlook=outlook), 40).plain == "worse expected"


def test_partial_windows_are_marked_and_the_mark_is_explained() -> None:
    begins = final(0, slide=DAY, records=300, slide_records=300)
    whole = final(6, slide=DAY, slide_records=300)
    told = rows(begins, whole, width=60)
    assert told[1].startswith("1–8 Jan* ")
    assert told[2].startswith("7–14 Jan ")
    assert "* the stream begins or ends within it" in " ".join(told[3:])


def test_with_several_models_each_row_names_its_own() -> None:
    challenger = msgspec.structs.replace(final().model, role="challenger", version=4)
    told = rows(final(), final(model=challenger), width=80)
    assert [" v3 " in told[1], " v4 challenger " in told[2]] == [True, True]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_thousand_drifted_columns_of_hostile_names_fit_into_a_line(width: int) -> None:
    names = (
        "[red]Age[/red]",
        "\x1b[31mred\x1b]0;title\x07",
        "\u202eرصيد الائتمان 💳",
        "女👩🏽‍🦰" * 60,
        "N" * 300,
        "two\nlines\u2028three",
        ":smile: \ud800",
        *(f"column {number} with a long name" for number in range(1_000)),
    )
    wide = final(drift=drift({name: 1 - place / 2_000 for place, name in enumerate(names)}, names))
    told = rows(wide, width=width)
    assert "+10" in told[1]
    if width >= 80:
        assert "[red]Age[/red]" in told[1]
    for first in names[1:7]:
        alone = final(drift=drift({first: 0.5}, (first,)))
        assert len(rows(alone, width=width)) == len(rows(final(), width=width))


def test_what_a_broken_sender_writes_does_not_end_the_view() -> None:
    odd = final(
        start=-(10**18),
        end=10**18,
        records=10**18,
        labelled=-5,
        performance=performance(1e300),
        estimated=msgspec.structs.replace(final().estimated, f1=Estimate(1e300, -1e308, 1e308)),
    )
    for width in WIDTHS:
        assert rows(odd, final(slide=0), width=width)
