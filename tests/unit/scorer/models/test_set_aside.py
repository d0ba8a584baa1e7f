"""Work on a thread that can be left behind."""

import threading

import pytest

from scorer.models.set_aside import OverdueError, WorkThread
from tests.support.polling import eventually


def test_it_gives_what_the_work_comes_to_and_raises_what_it_raises() -> None:
    thread = WorkThread("work")
    assert thread.call(lambda: 1, 30.0) == 1
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0, 30.0)
    assert thread.call(threading.current_thread, 30.0).daemon
    thread.close()
    eventually(lambda: not thread.is_alive)


def test_work_that_hangs_is_left_behind_and_ends_when_it_can() -> None:
    thread, release = WorkThread("work"), threading.Event()
    with pytest.raises(OverdueError):
        thread.call(release.wait, 0.001)
    thread.close()
    assert thread.is_alive
    release.set()
    eventually(lambda: not thread.is_alive)
