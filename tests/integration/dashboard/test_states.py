"""The page in a real browser, over a real broker, in each state that a stream can be in.

With ``CHURNSTREAM_PICTURES=folder`` pictures of all of them are kept there; those in the docs are made so
(``scripts/page_pictures``).
"""

import pytest
from playwright.sync_api import Browser

from tests.integration.dashboard.conftest import Shown
from tests.support.dashboard.hostile import HOSTILE, hostile
from tests.support.dashboard.sent import PRIVATE
from tests.support.dashboard.states import STATES, verdict_of_state
from tests.support.dashboard.watched import PHONE, WatchedPage, watched_page
from tests.support.sizes import size

LOOKED_AT = size(
    ci=("empty", "without_model", "young", "healthy", "drifted", "worse", "hostile"),
    full=(*STATES, "hostile"),
)
WITHOUT_VERDICT = {"empty", "registered", "without_model"}


@pytest.mark.parametrize("state", LOOKED_AT)
def test_a_state_is_told_in_words_to_everybody(shown: Shown, browser: Browser, state: str) -> None:
    stream = shown(state)
    expected = verdict_of_state(stream.messages)
    with watched_page(browser, stream.process.address) as page:
        page.open()
        if state not in WITHOUT_VERDICT:
            page.wait_for_charts()
            assert expected is not None
            word, _, since = expected.title.partition(" since ")
            heading = page.page.get_by_role("heading", level=1).inner_text()
            assert word in heading
            assert since in heading
            assert word in page.page.title()
        page.picture(state)
        nothing_is_wrong(page)
        assert "\n".join(page.violations()) == ""
        assert PRIVATE not in page.page.content()
        page.page.emulate_media(color_scheme="dark")
        page.page.wait_for_function("() => document.body.classList.contains('body--dark')")
        page.picture(f"{state}-dark")
        assert "\n".join(page.violations()) == ""
        page.page.emulate_media(color_scheme="light")
        page.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
        page.picture(f"{state}-phone")
        nothing_is_wrong(page)
        assert "\n".join(page.violations()) == ""


def test_texts_that_mean_harm_are_texts(shown: Shown, browser: Browser) -> None:
    stream = shown("hostile")
    with watched_page(browser, stream.process.address) as page:
        page.open()
        page.wait_for_charts()
        nothing_is_wrong(page)
        for one in ("Age", "churn"):
            assert HOSTILE[one] in page.text, one
        newest = page.page.get_by_role("link", name="Open the newest window").first
        newest.click()
        page.page.locator(".panel").wait_for()
        for summary in page.page.locator("main summary, .panel summary").all():
            summary.evaluate("one => one.click()")
        nothing_is_wrong(page)
        assert "\n".join(page.violations()) == ""
        page.picture("hostile-window")
        page.open(f"/?feature={'%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E'}")
        page.page.locator(".panel").wait_for()
        nothing_is_wrong(page)
        page.open("/?window=%3Cscript%3Ewindow.pwned%3D1%3C/script%3E&metric=%3Csvg%20onload%3Dwindow.pwned%3D1%3E")
        nothing_is_wrong(page)
        # hovering over the charts shows names and values
        page.wait_for_charts()
        box = page.page.locator("canvas").first.bounding_box()
        assert box is not None
        for part in (0.15, 0.4, 0.6, 0.75, 0.9):
            page.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + part * box["height"])
        nothing_is_wrong(page)
        assert PRIVATE not in page.page.content()


def nothing_is_wrong(page: WatchedPage) -> None:
    """No script of a message has run, nothing was said on the console, nobody else was asked, and all of it fits."""
    assert not page.scripts_ran
    assert page.polluted == []
    assert page.wrong == []
    assert page.asked == {"127.0.0.1"}
    assert "\n".join(page.too_wide()) == ""


def test_hostile_names_reach_what_they_stand_for() -> None:
    assert any(HOSTILE["Age"].encode() in (one.value or b"") for one in hostile())
