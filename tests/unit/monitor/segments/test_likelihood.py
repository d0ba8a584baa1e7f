"""The signed root holds its level with few churners, counts the reference's chance, and has a dead zone."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from monitor.segments.likelihood import TiltedLabels, signed_root
from tests.support.sizes import size

CHANCE = np.array([0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8])
BASE = np.log(CHANCE / (1 - CHANCE))


def drawn(rng: np.random.Generator, each: int, windows: int, direction: np.ndarray, shift: float = 0.0) -> TiltedLabels:
    """Windows of ``each`` records a group."""
    churners = rng.binomial(each, expit(BASE + shift * direction), (windows, len(CHANCE)))
    records = np.full((windows, len(CHANCE)), float(each))
    return TiltedLabels(records, BASE, direction, (churners * direction).sum(axis=1))


@pytest.mark.parametrize("direction", [np.ones_like(CHANCE), 1 - 2 * CHANCE], ids=["level", "against scores"])
def test_at_thirty_churners_the_level_holds(direction: np.ndarray) -> None:
    rng = np.random.default_rng(11)
    windows = size(ci=40_000, full=1_000_000)
    alpha = 1e-3
    # 14 * 2.12 = 30 expected churners
    root = signed_root(drawn(rng, 14, windows, direction), drawn(rng, 42, windows, direction), np.zeros(windows), 0.0)
    furthest = 4 * np.sqrt(alpha / windows)
    for tail in (root, -root):
        share = float((tail > stats.norm.isf(alpha)).mean())
        assert 0.8 * alpha - furthest <= share <= 1.25 * alpha + furthest


def test_a_shift_known_only_so_far_counts_as_chance() -> None:
    rng = np.random.default_rng(12)
    windows, deviation = 20_000, 0.3
    direction = np.ones_like(CHANCE)
    off = rng.normal(0.0, deviation, windows)
    chance = expit(BASE + off[:, np.newaxis])
    records = np.full((windows, len(CHANCE)), 100.0)
    window = TiltedLabels(records, BASE, direction, rng.binomial(100, chance).sum(axis=1).astype(np.float64))
    reference = drawn(rng, 300, windows, direction)
    told = signed_root(window, reference, np.full(windows, deviation**2), 0.0)
    not_told = signed_root(window, reference, np.zeros(windows), 0.0)
    assert float((np.abs(told) > 2.576).mean()) == pytest.approx(0.01, abs=0.003)
    assert float((np.abs(not_told) > 2.576).mean()) > 0.05


def test_within_the_dead_zone_nothing_is_found() -> None:
    rng = np.random.default_rng(13)
    direction = np.ones_like(CHANCE)
    window, reference = drawn(rng, 100_000, 50, direction, 0.09), drawn(rng, 100_000, 50, direction)
    assert (signed_root(window, reference, np.zeros(50), 0.0) > 5).all()
    assert np.abs(signed_root(window, reference, np.zeros(50), 0.1)).max() < 1.5
    beyond = drawn(rng, 100_000, 50, direction, -0.2)
    assert (signed_root(beyond, reference, np.zeros(50), 0.1) < -5).all()


@pytest.mark.parametrize("window_total", [0.0, 100.0])
@pytest.mark.parametrize("reference_total", [0.0, 100.0])
def test_segments_without_churners_or_of_churners_alone_have_finite_roots(
    window_total: float, reference_total: float
) -> None:
    one = TiltedLabels(np.full((1, 1), 100.0), np.array([-1.0]), np.ones(1), np.array([window_total]))
    other = TiltedLabels(np.full((1, 1), 100.0), np.array([-1.0]), np.ones(1), np.array([reference_total]))
    root = float(signed_root(one, other, np.array([0.01]), 0.1)[0])
    assert np.isfinite(root)
    assert np.sign(root) == np.sign(window_total - reference_total)
