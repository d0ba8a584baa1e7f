import json
import subprocess
import sys
from pathlib import Path

import pytest

from contract.messages import encode
from contract.windows import WindowMessage
from monitor.mlflow_sink.spool import Spool, SpoolFullError
from tests.support.windows import cumulative, final, window

APPEND_FOREVER = """
import sys
from pathlib import Path
from monitor.mlflow_sink.spool import Spool
from tests.support.windows import window

spool = Spool(Path(sys.argv[1]), 100_000)
for day in range(100_000):
    spool.append(window(day), day)
    print(day, flush=True)
"""


def waiting(spool: Spool) -> list[WindowMessage]:
    return [spooled.message for spooled in spool]


def test_windows_come_back_in_order_also_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    messages = [window(2), window(1), cumulative(1), final(2), window(0)]
    for offset, each in enumerate(messages, 99_998):
        spool.append(each, offset)
    assert waiting(spool) == messages
    restarted = Spool(tmp_path, 100)
    assert waiting(restarted) == messages
    restarted.append(window(9), 100_007)
    assert waiting(Spool(tmp_path, 100)) == [*messages, window(9)]


def test_the_first_offset_is_that_of_the_message_to_wait_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    assert spool.first_offset is None
    for day, offset in ((0, 12), (1, 10), (2, 11)):
        spool.append(window(day), offset)
    assert spool.first_offset == 10
    for spooled in list(spool)[:2]:
        spool.remove(spooled)
        spool.remove(spooled)
    spool = Spool(tmp_path, 100)
    assert spool.first_offset == 11
    assert waiting(spool) == [window(2)]


def test_the_same_message_waits_once_and_each_state_of_a_window_for_itself(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    states = [window(), window(revision=1), final(revision=2), final(revision=3), cumulative(0), cumulative(1)]
    for offset, each in enumerate([*states, *states]):
        spool.append(each, offset)
    assert waiting(spool) == states
    Spool(tmp_path, 100).append(states[0], 50)
    assert len(Spool(tmp_path, 100)) == len(states)


def test_what_waited_at_the_start_can_be_dropped_and_what_came_since_stays(tmp_path: Path) -> None:
    Spool(tmp_path, 100).append(window(0), 7)
    spool = Spool(tmp_path, 100)
    spool.append(window(1), 0)
    assert spool.remove_left() == 1
    assert waiting(spool) == [window(1)]
    assert spool.remove_left() == 0


def test_windows_that_the_release_before_spooled_come_first_and_get_their_revision_of_this_one(tmp_path: Path) -> None:
    states = [window(), final(revision=0), final(revision=1)]
    for number, each in enumerate(states, 3):
        fields = json.loads(encode(each))
        for later in ("inferred", "nowcast"):
            del fields[later]
        (tmp_path / f"{number:016d}-{number:024x}.json").write_text(json.dumps(fields | {"cumulative": None}))
    spool = Spool(tmp_path, 100)
    spool.append(window(1), 0)
    assert waiting(spool) == [window(), final(revision=1), final(revision=2), window(1)]
    assert spool.first_offset == 0
    for spooled in spool:
        spool.remove(spooled)
    assert not list(tmp_path.iterdir())


def test_a_full_spool_refuses_new_windows_only(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 2)
    spool.append(window(0), 0)
    assert not spool.full
    spool.append(window(1), 1)
    assert spool.full
    spool.append(window(1), 1)
    with pytest.raises(SpoolFullError):
        spool.append(window(2), 2)
    spool.remove(next(iter(spool)))
    spool.append(window(2), 2)
    assert waiting(spool) == [window(1), window(2)]


def test_half_written_and_foreign_files_are_no_windows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path, 100)
    spool.append(window(0), 0)
    spool.append(window(1), 1)
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
