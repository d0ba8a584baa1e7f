"""Reports on demand: one at a time, few waiting, few kept, and a sentence where there is none."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from contract.messages import ModelRef
from contract.testing import ManualClock
from dashboard.serving.reports import MOST_WAITING, AwaitedReport, FailedReport, ReadyReport, ReportDesk, WantedReport

MODEL = ModelRef("churn", 3)
WRITES = "import sys; open(sys.argv[1], 'w').write('the report')"


def wanted(start: int = 0, revision: int = 0) -> WantedReport:
    return WantedReport(MODEL, start, revision)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(bounded())


@contextlib.asynccontextmanager
async def working(script: str, clock: ManualClock | None = None, seconds: float = 60.0) -> AsyncIterator[ReportDesk]:
    """A desk at work, whose command is a script that is given the path."""

    def command(_wanted: WantedReport, path: Path) -> list[str]:
        return [sys.executable, "-c", script, str(path)]

    desk = ReportDesk(command, {}, clock or ManualClock(), seconds)
    task = asyncio.create_task(desk.work())
    try:
        yield desk
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def answered(desk: ReportDesk, report: WantedReport) -> ReadyReport | FailedReport:
    while isinstance(answer := desk.ask(report), AwaitedReport):
        await asyncio.sleep(0.01)
    return answer


def test_a_report_is_made_once_and_kept() -> None:
    async def test() -> None:
        async with working(WRITES) as desk:
            assert desk.ask(wanted()) == AwaitedReport(0)
            first = await answered(desk, wanted())
            assert isinstance(first, ReadyReport)
            assert first.path.read_text() == "the report"
            assert desk.ask(wanted()) == first
            # the window has changed since
            assert desk.ask(wanted(revision=1)) == AwaitedReport(0)

    run(test)


def test_they_are_made_one_after_the_other_and_nobody_is_put_in_front() -> None:
    async def test() -> None:
        async with working(WRITES) as desk:
            assert [desk.ask(wanted(start)) for start in range(3)] == [AwaitedReport(before) for before in range(3)]
            assert desk.ask(wanted(1)) == AwaitedReport(1)
            await answered(desk, wanted(2))
            assert isinstance(desk.ask(wanted(0)), ReadyReport)

    run(test)


def test_few_wait() -> None:
    async def test() -> None:
        async with working("import time; time.sleep(60)") as desk:
            for start in range(MOST_WAITING):
                assert isinstance(desk.ask(wanted(start)), AwaitedReport)
            answer = desk.ask(wanted(MOST_WAITING))
            assert isinstance(answer, FailedReport)
            assert "20 reports are waiting" in answer.why

    run(test)


def test_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.serving.reports._MOST_KEPT", 2)

    async def test() -> None:
        async with working(WRITES) as desk:
            made = [await answered(desk, wanted(start)) for start in range(3)]
            there = [isinstance(one, ReadyReport) and one.path.exists() for one in made]
            assert there == [False, True, True]
            assert desk.ask(wanted(0)) == AwaitedReport(0)

    run(test)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import sys; sys.exit('error: no such window; see `churnstream doctor`')", "No such window; see"),
        ("import sys; sys.exit('a\\nerror: token=hunter2hunter2 is wrong\\n\\n')", "Token=*** is wrong"),
        ("import sys; sys.exit(3)", "ended with exit code 3"),
        ("", "wrote no report"),
        ("import sys; sys.exit('<img src=x>' * 1000)", "<img src=x>"),
    ],
)
def test_a_failure_is_one_sentence_of_the_command_s(script: str, why: str) -> None:
    async def test() -> None:
        async with working(script) as desk:
            answer = await answered(desk, wanted())
            assert isinstance(answer, FailedReport)
            assert why in answer.why
            assert len(answer.why) <= 1_000

    run(test)


def test_a_failure_is_tried_again_when_it_is_asked_for_later() -> None:
    async def test() -> None:
        clock = ManualClock()
        async with working("import sys; sys.exit('error: Kafka is away')", clock) as desk:
            await answered(desk, wanted())
            clock.advance(29_000)
            assert desk.ask(wanted()) == FailedReport("Kafka is away")
            clock.advance(2_000)
            assert desk.ask(wanted()) == AwaitedReport(0)

    run(test)


def test_one_that_takes_too_long_is_ended_and_the_next_is_made() -> None:
    script = f"import sys, time; time.sleep(0 if sys.argv[1].endswith('2.html') else 60); {WRITES}"

    async def test() -> None:
        async with working(script, seconds=1.0) as desk:
            desk.ask(wanted(0))
            desk.ask(wanted(1))
            slow = await answered(desk, wanted(0))
            assert isinstance(slow, FailedReport)
            assert "within 1 seconds" in slow.why
            assert isinstance(await answered(desk, wanted(1)), ReadyReport)

    run(test)


def test_a_command_that_is_not_there_is_said() -> None:
    async def test() -> None:
        desk = ReportDesk(lambda _wanted, _path: ["/nowhere/churnstream"], {}, ManualClock())
        task = asyncio.create_task(desk.work())
        answer = await answered(desk, wanted())
        task.cancel()
        assert isinstance(answer, FailedReport)
        assert "cannot be started" in answer.why

    run(test)


def test_at_the_end_the_process_is_ended_and_the_pages_are_gone(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    script = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(ended)!r}, 'w').close(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "open(sys.argv[1], 'w').close()\n"
        "time.sleep(60)"
    )
    paths: list[Path] = []

    async def test() -> None:
        def command(_wanted: WantedReport, path: Path) -> list[str]:
            paths.append(path)
            return [sys.executable, "-c", script, str(path)]

        desk = ReportDesk(command, {}, ManualClock())
        task = asyncio.create_task(desk.work())
        desk.ask(wanted())
        while not (paths and paths[0].exists()):
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert ended.exists()
        assert not paths[0].parent.exists()

    run(test)
