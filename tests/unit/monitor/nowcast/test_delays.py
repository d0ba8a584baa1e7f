"""Delay curves: what of each class has come by an age, by hand, with a step where silence begins to count."""

import numpy as np
import pytest

from monitor.nowcast.delays import DelayCurves
from monitor.panes import HOUR

AGES = np.array([0.0, 1.0, 2.0, 3.0, 100.0]) * HOUR


def _at(curves: DelayCurves, label: int, ages: np.ndarray) -> np.ndarray:
    return curves.arrived(label, ages, ages + HOUR / 1_000).at(0.0).share


def test_labels_of_an_hour_come_evenly_within_it() -> None:
    curves = DelayCurves.of({1: 500, 2: 500}, {0: 750, 1: 250}, 2_500)
    assert _at(curves, 0, AGES) == pytest.approx([0, 0, 0.5, 1, 1], abs=2e-3)
    assert _at(curves, 1, AGES + HOUR / 2) == pytest.approx([0.375, 0.875, 1, 1, 1], abs=2e-3)
    assert curves.never == pytest.approx(0.2)


def test_the_mean_over_ages_is_the_integral() -> None:
    curves = DelayCurves.of({0: 1_000}, {2: 1_000}, 2_000)
    negative, positive = (
        curves.arrived(label, np.array([0.0]), np.array([4.0 * HOUR])).at(0.0).share[0] for label in (0, 1)
    )
    assert negative == pytest.approx(7 / 8, abs=1e-3)
    assert positive == pytest.approx(3 / 8, abs=1e-3)


def test_at_a_pace_labels_come_as_if_their_records_were_older_but_the_horizon_stays() -> None:
    curves = DelayCurves.of(dict.fromkeys(range(20), 100), dict.fromkeys(range(40), 50), 4_000, 30 * HOUR)
    ages = np.array([4.0, 11.0]) * HOUR
    found = curves.arrived(0, ages, ages + HOUR)
    older = curves.arrived(0, ages * np.exp(0.2), (ages + HOUR) * np.exp(0.2))
    assert found.at(0.2).share == pytest.approx(older.at(0.0).share, abs=1e-9)
    assert found.at(0.2).slope == pytest.approx((found.at(0.3).share - found.at(0.1).share) / 0.2, rel=1e-6)
    assert found.at(-5.0).share.tolist() == found.at(-0.6).share.tolist()
    silent = DelayCurves.of({30: 100}, {5: 100}, 200, 30 * HOUR).arrived(0, 29 * HOUR + ages * 0, 30 * HOUR + ages * 0)
    assert silent.at(0.6).share.tolist() == [0.0, 0.0]


def test_silence_counts_at_once_at_the_horizon() -> None:
    horizon = 2 * HOUR + HOUR // 2
    curves = DelayCurves.of({1: 100, 2: 900}, {1: 100}, 1_100, horizon)
    ages = np.array([2 * HOUR, horizon - 2 * HOUR / 1_000, horizon])
    assert _at(curves, 0, ages) == pytest.approx([0.1, 0.1, 1], abs=2e-3)


def test_a_delay_before_its_record_counts_as_none() -> None:
    curves = DelayCurves.of({-24: 10}, {-1: 10}, 20)
    assert _at(curves, 1, np.array([0.0, HOUR])) == pytest.approx([0, 1], abs=0.1)


def test_the_share_is_as_uncertain_as_that_of_a_sample() -> None:
    generator = np.random.default_rng(3)
    ages = np.array([1.0, 2.0]) * HOUR
    shares = []
    for _ in range(400):
        hours, labels = np.unique_counts(generator.integers(0, 4, 300))
        shares.append(
            _at(DelayCurves.of({0: 1}, dict(zip(hours.tolist(), labels.tolist(), strict=True)), 301), 1, ages)
        )
    told = DelayCurves.of({0: 1}, dict.fromkeys(range(4), 75), 301).arrived(1, ages, ages + HOUR / 1_000).covariance
    # 400 draws know a variance to within 7 % (one standard error)
    assert np.cov(np.array(shares).T) == pytest.approx(told, rel=0.28)


def test_a_class_that_was_never_seen_comes_like_the_other() -> None:
    curves = DelayCurves.of({1: 500}, {}, 500)
    negative, positive = (curves.arrived(label, AGES, AGES + HOUR) for label in (0, 1))
    assert positive.shares.tolist() == negative.shares.tolist()
    assert positive.covariance.max() > 100 * negative.covariance.max()
    mirrored = DelayCurves.of({}, {1: 500}, 500)
    assert mirrored.arrived(0, AGES, AGES + HOUR).shares.tolist() == positive.shares.tolist()


def test_under_a_horizon_a_class_that_was_never_seen_follows_from_it() -> None:
    no_negative = DelayCurves.of({}, {1: 500}, 500, 3 * HOUR)
    assert _at(no_negative, 0, AGES) == pytest.approx([0, 0, 0, 1, 1], abs=1e-3)
    no_positive = DelayCurves.of({3: 500}, {}, 500, 3 * HOUR)
    assert 0 < _at(no_positive, 1, AGES)[1] < _at(no_positive, 1, AGES)[2] < 1


def test_too_early_is_before_the_least_delay_alone() -> None:
    curves = DelayCurves.of({5: 10}, {2: 10}, 20)
    ages = np.array([0.0, HOUR])
    assert curves.arrived(0, ages, ages + HOUR).too_early
    assert curves.arrived(1, ages, ages + HOUR).too_early
    assert not curves.arrived(1, ages, ages + 2 * HOUR).too_early


def test_nothing_seen_is_nothing_known() -> None:
    curves = DelayCurves.of({}, {}, 100, 3 * HOUR)
    assert not curves.known
    with pytest.raises(ValueError, match="unknown"):
        curves.arrived(0, AGES, AGES + HOUR)
