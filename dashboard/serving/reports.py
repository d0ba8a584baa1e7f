"""Reports on demand: ``churnstream report`` as a process of its own, one at a time, its pages kept for a while."""

import asyncio
import contextlib
import logging
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from contract.masking import without_secrets
from contract.messages import ModelRef
from contract.worker.clock import Clock
from dashboard.signals import REPORT_SECONDS, REPORTS

MOST_WAITING = 20
_MOST_KEPT = 20
_MOST_KEPT_BYTES = 200_000_000
_MOST_FAILURES = 100
_FAILURE_KEPT_MS = 30_000
_SECONDS = 600.0
"""A report takes some 20 s of one processor, of which a busy machine may have little to give."""
_SECONDS_TO_END = 2.0
_MOST_SAID_BYTES = 64_000
_MOST_SAID_CHARACTERS = 1_000
_log = logging.getLogger("churnstream.dashboard")


class WantedReport(msgspec.Struct, frozen=True):
    """A window's report: of ``model``, from ``start`` (event time, ms), as the window was at ``revision``."""

    model: ModelRef
    start: int
    revision: int


class ReadyReport(msgspec.Struct, frozen=True):
    """The page is at ``path``."""

    path: Path


class AwaitedReport(msgspec.Struct, frozen=True):
    """It is being made, or ``before`` others are first."""

    before: int


class FailedReport(msgspec.Struct, frozen=True):
    """There is none, because of ``why`` (one sentence)."""

    why: str


Answer = ReadyReport | AwaitedReport | FailedReport
Command = Callable[[WantedReport, Path], Sequence[str]]
"""The command line that writes a report to a path."""


class ReportDesk:
    """Takes wishes and has them made, on the event loop of its ``work``.

    20 may wait; 20 pages and 200 MB are kept in a folder of its own, those that nobody asked for longest go first. A
    failure is told for 30 seconds; who asks after that has it tried again.
    """

    def __init__(
        self, command: Command, environment: Mapping[str, str], clock: Clock, seconds: float = _SECONDS
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._clock = clock
        self._seconds = seconds
        self._waiting: OrderedDict[WantedReport, None] = OrderedDict()
        self._made: OrderedDict[WantedReport, tuple[Path, int]] = OrderedDict()
        self._failed: OrderedDict[WantedReport, tuple[int, str]] = OrderedDict()
        self._something_to_do = asyncio.Event()
        self._number = 0

    def ask(self, wanted: WantedReport) -> Answer:
        """The report, or how it stands; one that is not there yet is begun."""
        if wanted in self._made:
            self._made.move_to_end(wanted)
            return ReadyReport(self._made[wanted][0])
        at, why = self._failed.get(wanted, (None, ""))
        if at is not None and self._clock.monotonic() - at < _FAILURE_KEPT_MS:
            return FailedReport(why)
        if wanted not in self._waiting:
            if len(self._waiting) >= MOST_WAITING:
                return FailedReport(f"{MOST_WAITING} reports are waiting. Try again in a few minutes.")
            self._waiting[wanted] = None
            self._something_to_do.set()
        return AwaitedReport(list(self._waiting).index(wanted))

    async def work(self) -> None:
        """Make what is asked for, until this is cancelled; then the process at work is ended and all pages go."""
        # no folder before there is something for it: a process that is killed leaves it behind
        await self._something_to_do.wait()
        with tempfile.TemporaryDirectory(prefix="churnstream-reports-", ignore_cleanup_errors=True) as folder:
            while True:
                await self._something_to_do.wait()
                while self._waiting:
                    wanted = next(iter(self._waiting))
                    await self._make_one(wanted, Path(folder))
                    del self._waiting[wanted]
                self._something_to_do.clear()

    async def _make_one(self, wanted: WantedReport, folder: Path) -> None:
        self._number += 1
        path = folder / f"{self._number}.html"
        begin = self._clock.monotonic()
        why = await self._run(wanted, path)
        if not why and not path.is_file():
            why = "The command succeeded but wrote no report."
        if why:
            REPORTS.labels("failed").inc()
            path.unlink(missing_ok=True)
            self._failed[wanted] = (self._clock.monotonic(), why)
            while len(self._failed) > _MOST_FAILURES:
                self._failed.popitem(last=False)
        else:
            REPORTS.labels("made").inc()
            REPORT_SECONDS.observe((self._clock.monotonic() - begin) / 1_000)
            self._failed.pop(wanted, None)
            self._made[wanted] = (path, path.stat().st_size)
            self._forget_oldest()

    async def _run(self, wanted: WantedReport, path: Path) -> str:
        """Make it; gives why there is none, empty where it was made."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command(wanted, path),
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return f"The command that makes reports cannot be started ({error.strerror or type(error).__name__})."
        try:
            async with asyncio.timeout(self._seconds):
                said = await _end_of(process.stderr)
                code = await process.wait()
        except TimeoutError:
            return f"It was not ready within {self._seconds:g} seconds. Try again, or run `churnstream report`."
        finally:
            await _end(process)
        if code == 0:
            return ""
        _log.warning("no report could be made (exit code %d)", code)
        return _last_line(said) or f"The command ended with exit code {code} and no message."

    def _forget_oldest(self) -> None:
        while len(self._made) > 1 and (
            len(self._made) > _MOST_KEPT or sum(size for _, size in self._made.values()) > _MOST_KEPT_BYTES
        ):
            _, (path, _) = self._made.popitem(last=False)
            path.unlink(missing_ok=True)


async def _end_of(stream: asyncio.StreamReader | None) -> bytes:
    """The last bytes of what a process says."""
    kept = b""
    while stream is not None and (part := await stream.read(_MOST_SAID_BYTES)):
        kept = (kept + part)[-_MOST_SAID_BYTES:]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_SECONDS_TO_END):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    told = without_secrets(lines[-1] if lines else "").removeprefix("error: ")[:_MOST_SAID_CHARACTERS]
    return told[:1].upper() + told[1:]
