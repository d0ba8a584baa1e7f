import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from churnstream.processes.orphans import OrphanGuard
from tests.support.polling import eventually

OWNER = """
import subprocess, sys, threading, time
from churnstream.processes.orphans import OrphanGuard
guard = OrphanGuard()
children = [subprocess.Popen(["sleep", "300"], stdout=subprocess.DEVNULL) for _ in range(2)]
# from a thread that ends at once: the child belongs to the process, not to the thread
thread = threading.Thread(target=guard.watch, args=[children[0].pid])
thread.start()
thread.join()
guard.watch(children[1].pid)
guard.forget(children[1].pid)
print(*[child.pid for child in children], flush=True)
time.sleep(300)
"""


@pytest.fixture
def children() -> Iterator[tuple[subprocess.Popen[str], psutil.Process, psutil.Process]]:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    watched, forgotten = (psutil.Process(int(pid)) for pid in owner.stdout.readline().split())
    yield owner, watched, forgotten
    owner.kill()
    owner.communicate()
    for process in (watched, forgotten):
        if process.is_running():
            process.kill()


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_a_watched_process_dies_with_its_owner(
    children: tuple[subprocess.Popen[str], psutil.Process, psutil.Process], ending: signal.Signals
) -> None:
    owner, watched, forgotten = children
    assert not gone(watched)
    owner.send_signal(ending)
    owner.wait()
    eventually(lambda: gone(watched), message="the watched child is gone")
    assert not gone(forgotten)


def test_a_closed_guard_lets_its_processes_go() -> None:
    with subprocess.Popen(["sleep", "300"]) as child:
        with OrphanGuard() as guard:
            guard.watch(child.pid)
        assert child.poll() is None
        child.kill()
