"""What a command shows while it works: on a terminal, and where there is none."""

import io
import threading

import pytest
from rich.console import Console

from training.commands.progress import EVERY, Bar, HowFar, spoken
from training.steps import part


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Sleeper:
    """A sleep that ends when the test lets it, and moves the clock by as much as was asked for."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._turn, self._slept = threading.Semaphore(0), threading.Semaphore(0)
        self.asked: list[float] = []

    def __call__(self, over: threading.Event, seconds: float) -> bool:
        self.asked.append(seconds)
        self._slept.release()
        while not self._turn.acquire(timeout=0.01):
            if over.is_set():
                return True
        self._clock.now += seconds
        return False

    def pass_on(self) -> None:
        """Lets one sleep pass, and comes back when the next one has begun."""
        assert self._slept.acquire(timeout=30)
        self._turn.release()
        assert self._slept.acquire(timeout=30)
        self._slept.release()


def test_the_time_left_is_what_the_rest_takes_at_the_pace_so_far() -> None:
    clock = HandClock()
    far = HowFar(clock)
    assert far.left is None
    clock.now += 20
    far.take(0.25, "fold 2 of 5")
    assert far.left == pytest.approx(60)
    clock.now += 10
    assert far.left == pytest.approx(50)
    assert far.line("training") == "training: 25%, fold 2 of 5; 30 s so far, about 50 s left"
    clock.now += 200  # longer than expected: nothing is promised
    assert far.left is None
    assert far.line("training") == "training: 25%, fold 2 of 5; 4 min so far"


def test_a_share_that_was_told_too_high_stands_and_the_time_left_grows() -> None:
    clock = HandClock()
    far = HowFar(clock)
    clock.now += 10
    far.take(0.5, "quick ones")
    far.take(0.1, "slow ones")
    assert far.done == 0.5
    assert far.left == pytest.approx(90)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (125, "2 min"), (7_100, "118 min"), (11_100, "3 h 05 min")]
)
def test_seconds_as_people_say_them(seconds: float, said: str) -> None:
    assert spoken(seconds) == said


def test_a_part_of_the_work_tells_its_share_of_the_whole() -> None:
    told: list[tuple[float, str]] = []
    inner = part(part(lambda done, doing: told.append((done, doing)), 0.5, 1.0), 0.0, 0.5)
    inner(0.5, "half of a quarter")
    assert told == [(0.625, "half of a quarter")]


def test_where_there_is_no_terminal_a_line_comes_every_ten_seconds_even_if_nothing_is_told() -> None:
    clock = HandClock()
    sleeper, written = Sleeper(clock), io.StringIO()
    with Bar("training", Console(file=written), clock=clock, wait=sleeper) as bar:
        bar.progress(0.5, "fitting fold 1 of 5")
        assert written.getvalue() == ""
        sleeper.pass_on()
        sleeper.pass_on()
    assert set(sleeper.asked) == {EVERY} == {10.0}
    assert written.getvalue().splitlines() == [
        "training: 50%, fitting fold 1 of 5; 10 s so far",
        "training: 50%, fitting fold 1 of 5; 20 s so far",
    ]


def test_what_ends_before_ten_seconds_says_nothing_there() -> None:
    written = io.StringIO()
    with Bar("training", Console(file=written)) as bar:
        bar.progress(0.5, "all of it")
    assert written.getvalue() == ""


def test_a_terminal_shows_a_bar_with_the_share_and_the_time_left_and_nothing_is_left_of_it() -> None:
    clock = HandClock()
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=120, color_system=None)
    with Bar("training", console, clock=clock) as bar:
        clock.now += 30
        bar.progress(0.5, "fitting fold [3] of 5")
        clock.now += 10
        bar.refresh()
        shown = written.getvalue()
    assert "training: fitting fold [3] of 5" in shown
    assert "50%" in shown
    assert "40 s, about 20 s left" in shown
    assert written.getvalue().endswith("\x1b[2K")
