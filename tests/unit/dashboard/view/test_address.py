"""The page's address: what is shown, and back."""

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.view.address import address_of, selected_of
from dashboard.view.selected import METRICS, Selected
from tests.support.dashboard.told import ToldStream, verdict
from tests.support.messages import DAY, START
from tests.support.windows import final

TIMES = st.none() | st.integers(-62_135_596_800_000, 253_402_300_799_999)
NAMES = st.none() | st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)
SELECTED = st.builds(
    Selected,
    model=NAMES,
    version=st.none() | st.integers(0, 2**31 - 1),
    role=st.sampled_from(["champion", "challenger"]),
    metric=st.sampled_from(METRICS),
    window=TIMES,
    feature=NAMES,
    since=TIMES,
    until=TIMES,
    embed=st.booleans(),
)


@given(SELECTED)
def test_an_address_names_what_is_shown(selected: Selected) -> None:
    address = address_of(selected)
    assert address == "" or address.startswith("?")
    assert selected_of(dict(parse_qsl(address.removeprefix("?"), keep_blank_values=True))) == selected


def test_times_are_dates() -> None:
    assert address_of(Selected(window=START, since=START + DAY // 4, until=START + 1)) == (
        "?window=2025-01-01&since=2025-01-01T06%3A00%3A00Z&until=2025-01-01T00%3A00%3A00.001Z"
    )
    assert address_of(Selected()) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("version", "-1"),
        ("version", "٣"),
        ("version", "9" * 5_000),
        ("version", "3.0"),
        ("role", "king"),
        ("metric", "f2"),
        ("window", "yesterday"),
        ("window", "2025-02-30"),
        ("window", ""),
        ("embed", "yes"),
        ("model", ""),
        ("feature", "x" * 1_001),
        ("colour", "blue"),
    ],
)
def test_what_cannot_be_understood_is_left_out_and_named(name: str, text: str) -> None:
    good = {"embed": "1"} if name == "metric" else {"metric": "brier"}
    selected = selected_of({name: text, **good})
    assert selected.ignored == (name,)
    assert selected.metric == "brier" or selected.embed
    page = ToldStream(final(), verdict()).page(selected)
    assert [name in banner.text for banner in page.banners] == [True]


@given(st.dictionaries(st.text(max_size=20) | st.sampled_from(["window", "version", "since"]), st.text(max_size=50)))
def test_no_address_does_harm(params: dict[str, str]) -> None:
    ToldStream(final()).page(selected_of(params))
