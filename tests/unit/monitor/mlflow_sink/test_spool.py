import subprocess
import sys
from pathlib import Path

import pytest

from contract.windows import Window
from monitor.mlflow_sink.spool import Spool, SpoolFullError
from tests.support.windows import final, window

APPEND_FOREVER = """
import sys
from pathlib import Path
from monitor.mlflow_sink.spool import Spool
from tests.support.windows import window

spool = Spool(Path(sys.argv[1]), 100_000)
for day in range(100_000):
    spool.append(window(day))
    print(day, flush=True)
"""


def waiting(spool: Spool) -> list[Window]:
    return [spooled.window for spooled in spool]


def test_windows_come_back_in_order_also_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    windows = [window(2), window(1), final(2), window(0)]
    for each in windows:
        spool.append(each)
    assert waiting(spool) == windows
    restarted = Spool(tmp_path, 100)
    assert waiting(restarted) == windows
    restarted.append(window(9))
    assert waiting(Spool(tmp_path, 100)) == [*windows, window(9)]


def test_the_order_goes_on_after_all_has_been_removed_but_the_newest(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    for day in range(3):
        spool.append(window(day))
    for spooled in list(spool)[:2]:
        spool.remove(spooled)
        spool.remove(spooled)
    spool = Spool(tmp_path, 100)
    spool.append(window(0))
    assert waiting(spool) == [window(2), window(0)]


def test_the_same_window_waits_once_and_each_state_of_it_for_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    states = [window(), window(revision=1), final(), final(revision=1)]
    for each in [*states, *states]:
        spool.append(each)
    assert waiting(spool) == states
    Spool(tmp_path, 100).append(states[0])
    assert len(Spool(tmp_path, 100)) == len(states)


def test_a_full_spool_refuses_new_windows_only(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2)
    spool.append(window(0))
    assert not spool.full
    spool.append(window(1))
    assert spool.full
    spool.append(window(1))
    with pytest.raises(SpoolFullError):
        spool.append(window(2))
    spool.remove(next(iter(spool)))
    spool.append(window(2))
    assert waiting(spool) == [window(1), window(2)]


def test_half_written_and_foreign_files_are_no_windows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path, 100)
    spool.append(window(0))
    spool.append(window(1))
    first, second = sorted(tmp_path.glob("*.json"))
    (tmp_path / "0000000000000007-abc.part").write_bytes(second.read_bytes()[:100])
    first.write_bytes(first.read_bytes()[:100])
    spool = Spool(tmp_path, 100)
    assert waiting(spool) == [window(1)]
    assert len(spool) == 1
    assert "cannot be read" in caplog.text
    assert not list(tmp_path.glob("*.part"))
    assert len(list(tmp_path.glob("*.unreadable"))) == 1


def test_what_append_returned_for_survives_sigkill(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", APPEND_FOREVER, str(tmp_path)], stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert writer.stdout is not None
    confirmed = [int(writer.stdout.readline()) for _ in range(50)]
    writer.kill()
    confirmed += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.wait()
    days = waiting(Spool(tmp_path, 100_000))
    assert days[: len(confirmed)] == [window(day) for day in confirmed]
    assert len(days) - len(confirmed) in (0, 1)  # the last one may have been killed before it could say so
