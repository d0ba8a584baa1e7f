import re

import pytest
from matplotlib import color_sequences, colormaps
from matplotlib.colors import to_hex, to_rgb

from dashboard.charts.palette import OKABE_ITO, REASONS, SEQUENTIAL, SEQUENTIAL_AT, STEPS, Scheme, variables


def test_okabe_and_ito_are_those_of_matplotlib() -> None:
    assert list(OKABE_ITO.values()) == [to_hex(colour) for colour in color_sequences["okabe_ito"]]


def test_the_heat_maps_colours_are_those_of_matplotlib() -> None:
    assert [to_hex(colormaps["YlOrBr"](at)) for at in SEQUENTIAL_AT] == list(SEQUENTIAL)
    assert len(SEQUENTIAL) == len(STEPS) + 1


def _luminance(colour: str) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(scheme: Scheme) -> None:
    named = variables(scheme)
    grounds = [named[name] for name in named if name in ("ground", "surface", "sunken") or name.endswith("-tint")]
    assert min(contrast(named[text], ground) for text in ("ink", "muted", "link") for ground in grounds) >= 4.5
    assert min(contrast("#000000", named[tone]) for tone in ("good", "notice", "bad", "unknown")) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_heat_map_is_read_by_lightness_alone(scheme: Scheme) -> None:
    steps = [_luminance(variables(scheme)[f"heat-{step}"]) for step in range(len(SEQUENTIAL))]
    assert steps == sorted(steps, reverse=scheme == "light")


def test_both_schemes_name_the_same_colours() -> None:
    assert variables("light").keys() == variables("dark").keys()
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in variables("dark").values())
    assert f"reason-{REASONS - 1}" in variables("light")
    assert f"reason-{REASONS}" not in variables("light")
