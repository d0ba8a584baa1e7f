import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from contract.errors import UserError
from producer.delays import LabelDelay, parse_delay
from producer.randomness import uniforms

DAY = 86_400_000
DRAWS = uniforms("delays", 0, 50_000)
SPECS = [
    "constant:mean=3d,max=60d",
    "uniform:mean=3d",
    "exponential:mean=3d,max=60d",
    "lognormal:mean=3d,sigma=0.8,max=60d",
    "gamma:mean=3d,shape=2,max=60d",
]


@pytest.mark.parametrize("spec", SPECS)
def test_delays_have_their_mean(spec: str) -> None:
    delays = parse_delay(spec).sample(DRAWS)

    assert delays.mean() == pytest.approx(3 * DAY, rel=0.02)
    assert delays.dtype == np.int64


@pytest.mark.parametrize(
    ("spec", "cdf"),
    [
        ("uniform:mean=3d", stats.uniform(0, 6).cdf),
        ("exponential:mean=3d,max=900d", stats.expon(scale=3).cdf),
        ("lognormal:mean=3d,sigma=0.8,max=900d", stats.lognorm(0.8, scale=3 * np.exp(-0.32)).cdf),
        ("gamma:mean=3d,shape=2,max=900d", stats.gamma(2, scale=1.5).cdf),
    ],
)
def test_delays_have_their_distribution(spec: str, cdf: object) -> None:
    days = parse_delay(spec).sample(DRAWS) / DAY

    assert stats.kstest(days, cdf).statistic < 0.01


@given(
    spec=st.sampled_from(SPECS),
    maximum=st.integers(3, 10),
    draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=20),
)
def test_no_delay_is_negative_or_above_the_maximum(spec: str, maximum: int, draws: list[float]) -> None:
    delay = parse_delay(spec.removesuffix(",max=60d") + f",max={maximum}d")

    sample = delay.sample(np.array(draws))

    assert sample.min() >= 0
    assert sample.max() <= maximum * DAY


def test_a_duration_is_a_constant_delay() -> None:
    assert parse_delay("36h") == LabelDelay("constant", DAY * 3 // 2, DAY * 3 // 2)
    assert parse_delay("36h").sample(DRAWS[:3]).tolist() == [DAY * 3 // 2] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", "write DISTRIBUTION:mean=3d"),
        ("weibull:mean=3d", "constant, uniform, exponential, lognormal, gamma"),
        ("gamma:", "write DISTRIBUTION:mean=3d"),
        ("gamma:shape=2", "the mean is missing; add mean=3d"),
        ("gamma:mean=three", "mean: 'three' is not a duration"),
        ("gamma:mean=3d,max=1d", "max is below mean"),
        ("gamma:mean=3d,shape=-1", "shape got -1"),
        ("gamma:mean=3d,sigma=1", "'sigma' is not known; gamma takes mean, max, shape"),
        ("exponential:mean=3d,mean=4d", "'mean' is given twice"),
        ("exponential:mean", "'mean' is not an option"),
    ],
)
def test_a_delay_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_delay(text)
