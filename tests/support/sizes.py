"""How large the slow proofs are: a part of each in every run, the whole of it with ``CHURNSTREAM_LONG_TESTS=1``."""

import os
from typing import TypeVar

from hypothesis import HealthCheck, settings

Size = TypeVar("Size")

LONG = os.environ.get("CHURNSTREAM_LONG_TESTS") == "1"


def size(*, ci: Size, full: Size) -> Size:
    """``full`` in a long run (``make test-long``), else ``ci``, which must be enough to find what the test is for."""
    return full if LONG else ci


def load_hypothesis_profile() -> None:
    """How many examples a property has that says nothing of its own: 50, or 1,000 in a long run. None is timed."""
    settings.register_profile("ci", max_examples=50, deadline=None)
    settings.register_profile("long", max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile(size(ci="ci", full="long"))
