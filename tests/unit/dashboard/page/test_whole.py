from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dashboard.page.nodes import Node
from dashboard.page.whole import whole
from dashboard.view.model import Page
from dashboard.view.selected import Selected
from tests.support.dashboard.pages import broken_page, opened_window, shown_feature, shown_page

BAD = "<img src=x onerror=alert(1)>" + "x" * 300
OWN_NAMES = {
    *("class", "id", "href", "type", "role", "tabindex", "key", "for", "value", "style", "scope", "open", "panel"),
    *("popover", "popovertarget", "target", "rel", "overview", "zoom", "label", "table", "options", "height"),
    *("data-column", "aria-hidden", "aria-label", "aria-labelledby", "aria-live", "aria-atomic", "aria-current"),
    "aria-disabled",
}


def _drawn(page: Page, selected: Selected | None = None, opened: Any = None) -> Node:
    return whole(page, selected or Selected(), opened or {}, (None, None, 0))


def _texts(drawn: Node) -> str:
    return " ".join(node.text for node in drawn.walk() if node.text)


def _find(drawn: Node, tag: str) -> Iterator[Node]:
    return (node for node in drawn.walk() if node.tag == tag)


def _panel(drawn: Node) -> Node:
    return next(node for node in drawn.walk() if node.attrs.get("class") == "panel")


def _opened_page(column: str = "Age") -> Page:
    page = shown_page(10, columns=(column, "Balance"))
    return msgspec.structs.replace(page, window=opened_window(page, column=column))


def _feature_page() -> Page:
    page = shown_page(10)
    return msgspec.structs.replace(page, feature=shown_feature(page))


PAGES = {"shown": shown_page, "none yet": lambda: shown_page(0), "broken": broken_page, "window": _opened_page}
PAGES["feature"] = _feature_page


@pytest.mark.parametrize("name", PAGES)
def test_headings_go_down_one_by_one(name: str) -> None:
    levels = [int(node.tag[1]) for node in _drawn(PAGES[name]()).walk() if node.tag in ("h1", "h2", "h3", "h4")]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False))


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_not_used_twice(name: str) -> None:
    ids = [node.attrs["id"] for node in _drawn(PAGES[name]()).walk() if "id" in node.attrs]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", PAGES)
def test_siblings_have_keys_of_their_own(name: str) -> None:
    for node in _drawn(PAGES[name]()).walk():
        keys = [(child.tag, child.key) for child in node.children if child.key]
        assert len(keys) == len(set(keys)), node


def test_the_verdict_is_said_by_sign_word_and_colour_and_read_aloud() -> None:
    drawn = _drawn(shown_page())
    line = next(node for node in drawn.walk() if node.attrs.get("class") == "verdict-line")
    spoken = next(node for node in drawn.walk() if "aria-live" in node.attrs and node.children[0].tag == "h1")
    assert line in spoken.walk()
    assert [child.text for child in line.children] == ["●", "HEALTHY", "since 1 Jan 2025"]
    assert "good" in str(line.children[0].attrs["class"])


def test_texts_from_data_are_texts_whatever_they_look_like() -> None:
    raw = msgspec.json.encode(_opened_page()).replace(b'"Age', b'"' + BAD.encode()).replace(b"France", BAD.encode())
    drawn = _drawn(msgspec.json.decode(raw, type=Page))
    assert BAD in _texts(drawn)
    for node in drawn.walk():
        assert node.attrs.keys() <= OWN_NAMES
        assert BAD not in node.tag
        assert all(BAD not in part for listener in node.on for part in listener)


def test_without_windows_it_says_what_will_be_there() -> None:
    drawn = _drawn(shown_page(0))
    assert not list(_find(drawn, "time-charts"))
    assert "The charts begin here with the first window that is measured." in _texts(drawn)
    broken = _drawn(broken_page())
    assert "Kafka does not answer." in _texts(broken)
    assert "The charts come back as soon as the broker answers." in _texts(broken)


def test_embedded_it_has_no_bar_and_no_footer() -> None:
    plain, embedded = _drawn(shown_page()), _drawn(shown_page(), Selected(embed=True))
    assert [list(_find(drawn, "header")) != [] for drawn in (plain, embedded)] == [True, False]
    assert [list(_find(drawn, "footer")) != [] for drawn in (plain, embedded)] == [True, False]


def test_tables_get_their_rows_when_they_are_opened() -> None:
    closed, opened = _drawn(shown_page()), _drawn(shown_page(), opened={"course": True})
    rows = [[len(node.attrs["table"]["rows"]) for node in _find(drawn, "number-table")] for drawn in (closed, opened)]
    assert rows == [[0, 0, 0], [10, 0, 0]]


def test_an_open_window_shows_what_is_known_of_it() -> None:
    drawn = _panel(_drawn(_opened_page(), Selected(window=1)))
    said = _texts(drawn)
    for text in (
        "5 – 8 Jan 2025",
        "0.610",
        "(expected 260)",
        "Age: median 37 → 45",
        "Geography = France ● changed",
    ):
        assert text in said
    assert "windows/0 @ 12" in said
    assert len(list(_find(drawn, "column-bars"))) == 1
    assert not list(_find(_panel(_drawn(_opened_page(), opened={"column Age": False})), "column-bars"))


def test_links_of_the_page_keep_what_else_is_chosen() -> None:
    drawn = _drawn(_opened_page(), Selected(metric="brier", window=1_735_689_600_000, embed=True))
    close = next(node for node in drawn.walk() if node.key == "close")
    assert close.attrs["href"] == "?metric=brier&embed=1"


def test_only_links_that_leave_the_page_open_a_tab_of_their_own() -> None:
    links = {node.text: node.attrs for node in _find(_drawn(shown_page()), "a")}
    assert "target" not in links["CSV"]
    assert links["MLflow"]["rel"] == "noopener noreferrer"
