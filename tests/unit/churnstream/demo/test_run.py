"""When a demo waits, and what it says meanwhile."""

import io
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from churnstream.commands.demo import demo
from churnstream.demo import run
from churnstream.demo.page import DemoPage


class _TerminalText(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def demos(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[run.LocalRun]]:
    """The demos that the command would run."""
    found: list[run.LocalRun] = []
    monkeypatch.setattr(run, "run_demo", lambda demo, _console: found.append(demo))
    before = signal.getsignal(signal.SIGTERM)
    yield found
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("stdout", "no_wait", "waits"),
    [(_TerminalText(), False, True), (_TerminalText(), True, False), (io.StringIO(), False, False)],
)
def test_it_waits_on_a_terminal_unless_told_otherwise(
    demos: list[run.LocalRun],
    stdout: io.StringIO,
    no_wait: bool,
    waits: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", stdout)
    demo(data=None, rows=500, seed=1, base=tmp_path, no_wait=no_wait)
    (found,) = demos
    assert found.waits is waits
    assert found.reopen == f"churnstream dashboard --dir {tmp_path / found.folder.name}"


class _PageAddress:
    address = "http://127.0.0.1:8099"


class _CtrlC:
    """In the place of an event that nobody sets."""

    def wait(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_the_page_stays_open_until_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "Event", _CtrlC)
    said = io.StringIO()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run.wait_for_ctrl_c(cast(DemoPage, _PageAddress()), Console(file=said))
    finally:
        signal.signal(signal.SIGINT, previous)
    assert "the model's page: http://127.0.0.1:8099 stays open until Ctrl-C" in said.getvalue()
