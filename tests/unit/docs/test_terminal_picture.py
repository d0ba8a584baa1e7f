"""Pictures of terminals in docs/: what shows them loads nothing from anywhere else."""

import re
from pathlib import Path

import pytest

from scripts.record_demo import Screen, kept, most_telling, picture
from tests.support.paths import ROOT

_ADDRESS = re.compile(r"(?:https?:)?//[\w.-]+[^\s\"'<)]*")
_NAMESPACE = "http://www.w3.org/2000/svg"
LIVE = "replayed 9 scored 9 lag 0\n"


def loads_nothing(svg: str) -> bool:
    shown = re.sub(r"<text[^>]*>.*?</text>", "", svg)
    outside = [found for found in _ADDRESS.findall(shown) if found != _NAMESPACE]
    return not outside and not re.search(r"<script|<image|<foreignObject|@font-face|@import|url\((?!#)", shown)


@pytest.mark.parametrize("file", sorted((ROOT / "docs").glob("*.svg")), ids=lambda file: file.name)
def test_a_picture_in_docs_loads_nothing(file: Path) -> None:
    assert loads_nothing(file.read_text(encoding="utf-8"))


def test_a_screen_is_drawn_with_its_colours_and_nothing_in_it_is_markup() -> None:
    screen = Screen(1.0, "\x1b[1;31m✖ drift\x1b[0m <script>[red]&amp; http://127.0.0.1:8090")
    svg = picture(screen, 60, "churnstream demo")
    assert loads_nothing(svg)
    assert "✖" in svg
    assert "&lt;script&gt;[red]&amp;amp;" in svg


def test_the_screen_that_shows_most_is_taken_and_not_what_stands_at_the_end() -> None:
    plain, telling = Screen(1.0, LIVE), Screen(2.0, f"{LIVE}drift since 15 Jan 2025, 41% prov.")
    end = Screen(9.0, "act 3, drift since, performance worse, 50% prov. 0.5↓")
    assert most_telling([plain, telling, Screen(3.0, LIVE), end]) == telling


def test_a_recording_keeps_the_last_screen_and_one_in_two_seconds() -> None:
    screens = [Screen(number / 2, f"\x1b[31mscreen {number}\x1b[0m") for number in range(10)]
    told = kept(screens, 40)
    assert re.findall(r"screen \d", told) == ["screen 0", "screen 4", "screen 8", "screen 9"]
    assert "\x1b" not in told
