"""Follows the champion's alias while the scorer works: a new version takes over between two batches or requests.

One thread looks at the alias, loads and checks; readers read one attribute. Whatever fails, the model at work stays at
work: a version that fails its checks is refused until the alias has moved away from it and back, an outage of the
registry is waited out, an alias that is gone changes nothing. Nothing is kept on disk: after a crash the scorer starts
with the version that has the alias then.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from contract.errors import UserError
from contract.models.registry import FoundVersion, model_title
from contract.settings import Settings
from contract.worker.clock import Clock, SystemClock
from scorer.models.following import AliasFollower, set_apart
from scorer.models.loaded import Model, ModelRegistry, ModelSource, import_libraries, load_found
from scorer.signals import MODEL_REFUSED, MODEL_VERSION, SWAPS

_log = logging.getLogger("churnstream.swap")


@dataclass(frozen=True, slots=True)
class Serving:
    """The model at work, and since when (wall time in ms)."""

    model: Model
    since: int


class Refusal(msgspec.Struct, frozen=True):
    """The version that the alias names now and that is not taken, and why."""

    version: int
    reason: str


class Champion(AliasFollower):
    """The version that has the alias ``settings.model_alias``, or the last good one that had it.

    Every attribute may be read from any thread; a reader that needs the model and its time together reads ``current``
    once. ``load`` comes before ``run``, or not at all; ``run`` works on one thread.

    ``source`` is MLflow unless given; ``on_refusal`` is told version and reason of each refusal, on ``run``'s thread.

    Raises:
        UserError: the data set's schema cannot be read.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        source: ModelSource | None = None,
        clock: Clock | None = None,
        on_refusal: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__(settings, settings.model_alias, source or ModelRegistry(settings))
        self.current: Serving | None = None
        self.refused: Refusal | None = None
        self._clock = clock or SystemClock()
        self._on_refusal = on_refusal
        self._at_work: FoundVersion | None = None
        self._gone = False

    @property
    def model(self) -> Model | None:
        """None until the first good one is loaded."""
        current = self.current
        return None if current is None else current.model

    @property
    def since(self) -> int | None:
        """Wall time in ms at which ``model`` took over here."""
        current = self.current
        return None if current is None else current.since

    def load(self) -> None:
        """Load the first one, now.

        Raises:
            UserError: the registry does not answer, has no such model or alias, or holds a model that is refused.
        """
        found, model = load_found(self._source, self._settings)
        set_apart()
        self._hand_over(found, model)

    def load_when_there(self, stop: threading.Event) -> None:
        """Load the first one as soon as there is one, and ask every ``settings.model_poll_ms`` until then.

        Why there is none yet is logged, each reason once. Returns without one where ``stop`` is set.
        """
        # takes seconds, which nobody has to wait for once there is a model
        import_libraries()
        said = ""
        while not stop.is_set():
            try:
                self.load()
            except UserError as error:
                if str(error) != said:
                    _log.warning("waiting for a model to score with: %s", error)
                said = str(error)
                stop.wait(self._settings.model_poll_ms / 1_000)
            else:
                return

    def _is_known(self, found: FoundVersion) -> bool:
        was_gone, self._gone = self._gone, False
        if found == self._turned_away:
            return True
        if found != self._at_work:
            return False
        self._forget_refusal()
        if was_gone:
            _log.info("%s has the alias again", model_title(self._settings, found.version))
        return True

    def _go_without_alias(self) -> None:
        self._forget_refusal()
        if not self._gone:
            _log.warning(
                "no version of model %s has the alias @%s; %s",
                self._settings.model_name,
                self._alias,
                self._meanwhile(),
            )
        self._gone = True

    def _refuse(self, found: FoundVersion, reason: str) -> None:
        self.refused = Refusal(found.version, reason)
        MODEL_REFUSED.set(found.version)
        SWAPS.labels("refused").inc()
        _log.warning(
            "%s does not take over: %s. %s; v%d is tried again when @%s has moved away and back",
            model_title(self._settings, found.version),
            reason,
            self._meanwhile(),
            found.version,
            self._alias,
        )
        if self._on_refusal:
            self._on_refusal(found.version, reason)

    def _hand_over(self, found: FoundVersion, model: Model) -> None:
        before = self._at_work
        self._forget_refusal()
        self._at_work = found
        self.current = Serving(model, self._clock.now())
        MODEL_VERSION.set(found.version)
        SWAPS.labels("taken").inc()
        after = f" took over from v{before.version}" if before else " scores"
        _log.info("%s%s", model_title(self._settings, found.version), after)

    def _forget_refusal(self) -> None:
        self.refused = self._turned_away = None
        MODEL_REFUSED.set(0)

    def _meanwhile(self) -> str:
        if self._at_work is None:
            return "there is no model yet"
        return f"{model_title(self._settings, self._at_work.version)} goes on scoring"
