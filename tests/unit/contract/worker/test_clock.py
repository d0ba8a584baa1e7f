"""Clocks: what a test sets, and what nobody can set."""

from contract.testing import ManualClock, RunningClock
from contract.worker.clock import SystemClock


def test_setting_wall_time_moves_no_interval() -> None:
    clock = ManualClock(1_000)
    clock.advance(5)
    clock.time -= 3_600_000
    assert (clock.now(), clock.monotonic()) == (1_005 - 3_600_000, 5)


def test_monotonic_time_never_goes_back() -> None:
    for clock in (SystemClock(), RunningClock(0)):
        readings = [clock.monotonic() for _ in range(100)]
        assert readings == sorted(readings)
