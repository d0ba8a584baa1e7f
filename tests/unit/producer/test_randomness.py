import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producer.randomness import uniforms

WHOLE = uniforms("a stream", 0, 1_000)


@given(first=st.integers(0, 900), count=st.integers(0, 100))
def test_any_part_of_a_stream_equals_that_part_of_the_whole(first: int, count: int) -> None:
    np.testing.assert_array_equal(uniforms("a stream", first, count), WHOLE[first : first + count])


def test_streams_differ_by_name_and_lie_in_the_unit_interval() -> None:
    other = uniforms("another stream", 0, 1_000)

    assert abs(np.corrcoef(WHOLE, other)[0, 1]) < 0.15
    assert 0 <= other.min() < 0.01
    assert 0.99 < other.max() < 1
