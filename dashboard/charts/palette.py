"""The colours, from palettes made for colour blindness as matplotlib ships them, and which of them means what.

Charts name a colour as ``var(--name)``; what that is depends on light or dark, and is looked up where it is drawn.
"""

from collections.abc import Mapping
from typing import Literal

Scheme = Literal["light", "dark"]

OKABE_ITO = {
    "black": "#000000",
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "green": "#009e73",
    "yellow": "#f0e442",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "purple": "#cc79a7",
}
"""``okabe_ito`` of matplotlib: https://jfly.uni-koeln.de/color/"""
SEQUENTIAL_AT = (0.12, 0.3, 0.46, 0.62, 0.78, 0.94)
"""Where on matplotlib's ``YlOrBr`` the steps of ``SEQUENTIAL`` lie."""
SEQUENTIAL = ("#fff7be", "#fed778", "#fea736", "#ed7215", "#c04602", "#7e2c05")
"""Steps of ``YlOrBr``, in order of lightness, so that it is read without hue; from the dark end on dark ground."""
STEPS = (0.1, 0.15, 0.2, 0.3, 0.5)
"""Drift distances at which the next colour of ``SEQUENTIAL`` begins; its first is for all below that count."""

_LIGHT = {
    "ground": "#f6f7f9",
    "surface": "#ffffff",
    "sunken": "#eef0f3",
    "ink": "#15191f",
    "muted": "#525b68",
    "rule": "#d9dde3",
    "focus": "#0b57d0",
    "link": "#0b4fb3",
    "realised": OKABE_ITO["black"],
    "estimated": OKABE_ITO["blue"],
    "nowcast": OKABE_ITO["purple"],
    "level": "#6b7480",
    "mark": OKABE_ITO["vermilion"],
    "bars": "#8a94a3",
    "coverage": OKABE_ITO["green"],
    "delay": OKABE_ITO["vermilion"],
    "quiet": "#eceff3",
    "drifted": OKABE_ITO["black"],
    "drifted-ring": "#ffffff",
    "then": "#7c8796",
    "now": OKABE_ITO["orange"],
    "good-tint": "#e7f5f0",
    "notice-tint": "#fdf4e0",
    "bad-tint": "#fdece1",
    "unknown-tint": "#eef0f3",
}
_DARK = {
    "ground": "#12151a",
    "surface": "#1b2027",
    "sunken": "#242a33",
    "ink": "#eceff4",
    "muted": "#aab3c0",
    "rule": "#343c48",
    "focus": "#8ab4ff",
    "link": "#9cc2ff",
    "realised": "#ffffff",
    "estimated": OKABE_ITO["sky"],
    "nowcast": OKABE_ITO["purple"],
    "level": "#98a2b0",
    "mark": OKABE_ITO["orange"],
    "bars": "#6d7889",
    "coverage": OKABE_ITO["green"],
    "delay": OKABE_ITO["orange"],
    "quiet": "#262d37",
    "drifted": "#ffffff",
    "drifted-ring": OKABE_ITO["black"],
    "then": "#8a95a5",
    "now": OKABE_ITO["orange"],
    "good-tint": "#14302a",
    "notice-tint": "#332a14",
    "bad-tint": "#3a2317",
    "unknown-tint": "#242a33",
}
_BOTH = {
    "good": OKABE_ITO["green"],
    "notice": OKABE_ITO["orange"],
    "bad": OKABE_ITO["vermilion"],
    "unknown": "#98a2b0",
    "reason-0": OKABE_ITO["vermilion"],
    "reason-1": OKABE_ITO["sky"],
    "reason-2": OKABE_ITO["orange"],
    "reason-3": OKABE_ITO["green"],
    "reason-4": OKABE_ITO["purple"],
}
REASONS = 5
"""How many colours there are for reasons of dead letters; further ones begin anew, and differ by their pattern."""


def variables(scheme: Scheme) -> Mapping[str, str]:
    """Each colour by its name, on light or on dark ground."""
    own, steps = (_LIGHT, SEQUENTIAL) if scheme == "light" else (_DARK, SEQUENTIAL[::-1])
    return {**own, **_BOTH, **{f"heat-{step}": colour for step, colour in enumerate(steps)}}


def colour(name: str) -> str:
    """How charts and style sheets name a colour."""
    return f"var(--{name})"
