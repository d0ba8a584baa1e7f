"""A second version that scores the same records beside the champion, on a budget, so that live traffic judges it.

Nothing of it can change what the champion says: it is asked when the champion has answered, in a thread of its own,
and waited for as long as its budget lasts. What is not covered: it shares process and interpreter with the champion, so
one that crashes the process, takes all of its memory, or hangs in native code that keeps the interpreter's lock takes
the scorer with it. Remove the alias then.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from contract.kafka.log_throttle import LogThrottle
from contract.messages import ModelRef
from contract.models.aliases import CHALLENGER
from contract.models.registry import FoundVersion, model_title
from contract.settings import Settings
from scorer.models.challenger_signals import CHALLENGER_DROPPED, CHALLENGER_FAILURES, CHALLENGER_VERSION, DropReason
from scorer.models.following import AliasFollower
from scorer.models.isolation import BrokenModelError
from scorer.models.loaded import Model, ModelRegistry, ModelSource
from scorer.models.scores import Scores
from scorer.models.set_aside import OverdueError, WorkThread

GRACE_SECONDS = 1.0
"""What it may take beyond its share, all in all: a first call, a pause of the machine."""
FREE_SECONDS = 0.005
"""What it may take for a batch, however small the batch is."""
MOST_FAILED_IN_A_ROW = 10
"""Records on which it may fail, one after the other, before it is dropped."""
MOST_LEFT_BEHIND = 3
"""Threads in which a dropped one hangs, before no further one is taken."""

Answer = TypeVar("Answer")
_log = logging.getLogger("churnstream.challenger")
_failures_log = logging.getLogger("churnstream.challenger.failures")
# one that fails on every second record must not fill the disk
_failures_log.addFilter(LogThrottle(seconds=60))


@dataclass
class _Bout:
    """One version's time as challenger. ``credit``: seconds that it may still take beyond its share."""

    found: FoundVersion
    model: Model
    thread: WorkThread
    credit: float
    failed_in_a_row: int = 0


class Challenger(AliasFollower):
    """The version that has the alias ``challenger``, as long as it keeps to its budget.

    One that takes longer than ``settings.challenger_budget`` times what the champion takes, that fails on more than
    ten records in a row or that is refused is dropped, with one warning, and tried again when the alias has moved away
    and back, or to another version, or the scorer starts anew. One that is the champion, too, does not score twice.

    ``run`` works on one thread and ``answer`` is called on another. ``source`` is MLflow unless given; ``clock`` gives
    seconds from any point on.

    Raises:
        UserError: the data set's schema cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        champion: Callable[[], int | None],
        *,
        source: ModelSource | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``champion`` gives the number of the version that is champion here, if there is one; from any thread."""
        own = settings.model_copy(update={"model_alias": CHALLENGER})
        super().__init__(own, CHALLENGER, source or ModelRegistry(own, kept=True))
        self._champion = champion
        self._clock = clock
        self._share = settings.challenger_budget
        self._lock = threading.Lock()
        self._bout: _Bout | None = None
        self._left_behind: list[WorkThread] = []
        self._waits = False

    @property
    def version(self) -> int | None:
        """The number of the version that scores beside the champion."""
        bout = self._bout
        return None if bout is None else bout.found.version

    def answer(
        self, work: Sequence[Callable[[Scores], Sequence[Answer | None]]], champion: Scores, seconds: float
    ) -> list[Sequence[Answer | None]] | None:
        """What each of ``work`` comes to with the challenger's model; None where there is none, or it is dropped now.

        ``champion`` has scored the same records in ``seconds``. Raises nothing that the challenger is to blame for.
        """
        bout = self._bout
        if bout is None or bout.model.ref.version == champion.ref.version:
            return None
        share = max(self._share * seconds, FREE_SECONDS)
        began = self._clock()
        try:
            answers = bout.thread.call(partial(_done, work, bout.model), bout.credit + share)
        except OverdueError:
            self._drop(bout, "slow", self._too_slow(self._clock() - began, seconds), left_behind=True)
            return None
        except BrokenModelError as error:
            self._drop(bout, "failing", str(error))
            return None
        except Exception as error:
            self._drop(bout, "failing", f"it failed with {type(error).__name__}")
            return None
        taken = self._clock() - began
        bout.credit = min(bout.credit + share - taken, GRACE_SECONDS)
        if bout.credit < 0:
            self._drop(bout, "slow", self._too_slow(taken, seconds))
            return None
        return answers if self._holds(bout, answers) else None

    def _holds(self, bout: _Bout, answers: Sequence[Sequence[object | None]]) -> bool:
        failures = sum(each is None for part in answers for each in part)
        if not failures:
            bout.failed_in_a_row = 0
            return True
        CHALLENGER_FAILURES.inc(failures)
        if failures < sum(map(len, answers)):
            bout.failed_in_a_row = 0
        else:
            bout.failed_in_a_row += failures
        if bout.failed_in_a_row > MOST_FAILED_IN_A_ROW:
            self._drop(bout, "failing", f"it has scored none of the last {bout.failed_in_a_row:,} records")
            return False
        _failures_log.warning(
            "the challenger %s failed on %d records; the champion's predictions for them stand",
            self._title(bout.found),
            failures,
        )
        return True

    def _too_slow(self, taken: float, seconds: float) -> str:
        return (
            f"it took {taken:.3g} s for a batch that takes the champion {seconds:.3g} s, and has used up its "
            f"CHURNSTREAM_CHALLENGER_BUDGET ({self._share:g})"
        )

    def _drop(self, bout: _Bout, reason: DropReason, why: str, *, left_behind: bool = False) -> None:
        with self._lock:
            if self._bout is bout:
                self._bout = None
                self._turned_away = bout.found
                CHALLENGER_VERSION.set(0)
        bout.thread.close()
        if left_behind:
            self._left_behind = [thread for thread in [*self._left_behind, bout.thread] if thread.is_alive]
        self._warn(bout.found, reason, why)

    def _warn(self, found: FoundVersion, reason: DropReason, why: str) -> None:
        CHALLENGER_DROPPED.labels(reason).inc()
        _log.warning(
            "%s is no longer the challenger: %s. The champion scores alone; v%d is tried again when @%s has moved "
            "away and back, or when the scorer restarts",
            self._title(found),
            why,
            found.version,
            self._alias,
        )

    def _is_known(self, found: FoundVersion) -> bool:
        if found == self._turned_away:
            return True
        # of that model the numbers are one version's each
        if found.version == self._champion():
            self._turned_away = None
            self._end("is the champion now, and does not score twice")
            return True
        bout = self._bout
        if bout is not None and bout.found == found:
            return True
        self._left_behind = [thread for thread in self._left_behind if thread.is_alive]
        if len(self._left_behind) < MOST_LEFT_BEHIND:
            self._waits = False
            return False
        if not self._waits:
            _log.warning(
                "%s does not score beside the champion, because %d dropped challengers hang in their threads; "
                "restart the scorer",
                self._title(found),
                len(self._left_behind),
            )
        self._waits = True
        self._end("gives way")
        return True

    def _go_without_alias(self) -> None:
        self._turned_away = None
        self._end(f"no longer has the alias @{self._alias}; no version scores beside the champion")

    def _refuse(self, found: FoundVersion, reason: str) -> None:
        self._end(f"gives way to v{found.version}")
        self._warn(found, "refused", reason)

    def _hand_over(self, found: FoundVersion, model: Model) -> None:
        ref = ModelRef(model.ref.name, model.ref.version, "challenger")
        before = self._exchange(_Bout(found, replace(model, ref=ref), WorkThread("challenger"), GRACE_SECONDS))
        CHALLENGER_VERSION.set(found.version)
        self._turned_away = None
        after = f", in place of v{before.found.version}" if before else ""
        _log.info("%s scores beside the champion, as @%s%s", self._title(found), self._alias, after)

    def _end(self, why: str) -> None:
        before = self._exchange(None)
        if before is not None:
            CHALLENGER_VERSION.set(0)
            _log.info("%s %s", self._title(before.found), why)

    def _exchange(self, bout: _Bout | None) -> _Bout | None:
        with self._lock:
            before, self._bout = self._bout, bout
        if before is not None:
            before.thread.close()
        return before

    def _title(self, found: FoundVersion) -> str:
        return model_title(self._settings, found.version)

    def _meanwhile(self) -> str:
        bout = self._bout
        return (
            "the champion scores alone"
            if bout is None
            else f"{self._title(bout.found)} goes on scoring beside the champion"
        )


def _done(work: Sequence[Callable[[Scores], Sequence[Answer | None]]], model: Scores) -> list[Sequence[Answer | None]]:
    return [part(model) for part in work]
