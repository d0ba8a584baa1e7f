"""Follows an alias while the scorer works: looks at it again and again, and hands over each version it comes to."""

import gc
import logging
import threading
from abc import ABC, abstractmethod

from contract.errors import UserError
from contract.models.registry import FoundVersion, registry_outages
from contract.settings import Settings
from contract.worker.outage import Outage
from scorer.models.loaded import Model, ModelSource

_log = logging.getLogger("churnstream.swap")
_MOST_OBJECTS = 100_000
"""New objects after which garbage is looked for; Python's own 700 are a dozen times in a batch."""


class AliasFollower(ABC):
    """Looks at ``alias`` on one thread. Whatever fails, what is at work stays at work.

    A version that fails its checks is turned away until the alias has moved away from it and back; an outage of the
    registry is waited out. Nothing is kept on disk.
    """

    def __init__(self, settings: Settings, alias: str, source: ModelSource) -> None:
        self._settings = settings
        self._alias = alias
        self._source = source
        self._turned_away: FoundVersion | None = None
        self._outage = Outage(_log)
        self._fault: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Look at the alias every ``settings.model_poll_ms`` until ``stop`` is set. Raises nothing."""
        while not stop.is_set():
            self.look()
            stop.wait(self._settings.model_poll_ms / 1_000)

    def look(self) -> None:
        """Look at the alias once, and follow it. Raises nothing; what is wrong is logged when it begins."""
        try:
            self._look()
        except Exception as error:
            fault = repr(error)
            if fault != self._fault:
                _log.exception("the alias @%s cannot be followed; %s", self._alias, self._meanwhile())
            self._fault = fault
        else:
            self._fault = None

    def _look(self) -> None:
        try:
            found = self._source.find()
            if found is None:
                self._go_without_alias()
            elif not self._is_known(found):
                self._take(found)
        except _registry_troubles() as error:
            self._outage.begin(
                "the model registry cannot be used (%s); %s, and it is asked again every %g s",
                str(error).partition("\n")[0],
                self._meanwhile(),
                self._settings.model_poll_ms / 1_000,
            )
        else:
            self._outage.end("the model registry can be used again")

    def _take(self, found: FoundVersion) -> None:
        try:
            model = self._source.load(found.version)
        except UserError as error:
            self._turned_away = found
            self._refuse(found, str(error))
        else:
            set_apart()
            self._hand_over(found, model)

    @abstractmethod
    def _is_known(self, found: FoundVersion) -> bool:
        """Whether nothing is to be done, because the version is at work already or is turned away."""

    @abstractmethod
    def _go_without_alias(self) -> None: ...

    @abstractmethod
    def _refuse(self, found: FoundVersion, reason: str) -> None: ...

    @abstractmethod
    def _hand_over(self, found: FoundVersion, model: Model) -> None: ...

    @abstractmethod
    def _meanwhile(self) -> str:
        """What goes on while the alias leads nowhere."""


def set_apart() -> None:
    """Keep the garbage collector from all that lives now, modules and models above all, until the next model.

    It would go through it again and again, with a pause of 0.2 s each time. It is also called less often from then on:
    the messages of a batch are objects, but none of them is garbage before the batch ends.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MOST_OBJECTS)


def _registry_troubles() -> tuple[type[Exception], ...]:
    """What is not the model's fault. A ``UserError`` that comes this far tells of a database that cannot be opened."""
    return (*registry_outages(), UserError)
