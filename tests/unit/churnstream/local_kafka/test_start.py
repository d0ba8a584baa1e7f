"""How long a broker that starts is waited for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from churnstream.local_kafka import broker
from churnstream.local_kafka.broker import LocalKafka


class SlowStart(LocalKafka):
    """Answers when it is asked for the ``answers_at``-th time; logs each of the first ``lines`` times."""

    def __init__(self, directory: Path, answers_at: int, lines: int) -> None:
        super().__init__(directory)
        self._asked, self._answers_at, self._lines = 0, answers_at, lines

    def _admin(self) -> Any:
        return None

    def _answered(self, admin: Any, timeout: float) -> bool:  # noqa: ARG002
        self._asked += 1
        if self._asked <= self._lines:
            with self.log_path.open("a") as log:
                log.write("loading\n")
        return self._asked >= self._answers_at


@pytest.fixture(autouse=True)
def _quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute passes with each look at it."""
    looks = iter(range(0, 1_000_000, 30))
    monkeypatch.setattr(broker, "time", SimpleNamespace(monotonic=lambda: next(looks)))


def wait(subject: SlowStart) -> None:
    alive: Any = SimpleNamespace(poll=lambda: None)
    subject._wait_until_it_answers(alive, timeout=60)


def test_one_that_still_logs_is_waited_for_on_a_busy_machine(tmp_path: Path) -> None:
    wait(SlowStart(tmp_path, answers_at=4, lines=3))


@pytest.mark.parametrize("lines", [1, 10_000], ids=["silent", "logs on and on"])
def test_one_that_never_answers_is_given_up(lines: int, tmp_path: Path) -> None:
    with pytest.raises(broker._DidNotStartError, match="did not answer"):
        wait(SlowStart(tmp_path, answers_at=1_000, lines=lines))
