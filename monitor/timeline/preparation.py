"""Gets models ready to be judged, each for itself, so that one whose reference cannot be had now holds up no other."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from contract.messages import ModelRef
from contract.worker.outage import Outage
from monitor.naming import model_title

_MOST_THREADS = 4
_RETRY_SECONDS = 1.0
_log = logging.getLogger("churnstream.timeline")


class ModelReferences(Protocol):
    """What the windows of each model are judged by. Safe between threads."""

    def is_ready(self, model: ModelRef) -> bool:
        """Whether its windows can be judged, or it is known that they cannot. Never blocks."""
        ...

    def prepare(self, model: ModelRef) -> None:
        """Get a model ready; blocks. Raises whatever keeps it from being had now."""
        ...


class Preparation:
    """Tries each model that is wanted until it is ready, in at most four threads, which end when nothing is left to do.

    The models that wait are those of panes that are read, a few at a time; ``on_ready`` is called in such a thread.
    """

    def __init__(self, references: ModelReferences, on_ready: Callable[[], None]) -> None:
        self._references = references
        self._on_ready = on_ready
        self._changed = threading.Condition()
        self._waiting: dict[ModelRef, float] = {}
        self._wanted: dict[ModelRef, Outage] = {}
        self._threads = 0
        self._closed = False

    def want(self, models: Iterable[ModelRef]) -> None:
        """Begin with those that are neither ready nor tried already. Never blocks."""
        with self._changed:
            for model in models:
                if model in self._wanted or self._closed or self._references.is_ready(model):
                    continue
                self._wanted[model] = Outage(_log)
                self._waiting[model] = 0.0
                if self._threads < _MOST_THREADS:
                    self._threads += 1
                    # one that hangs in MLflow's transport must not keep the process from ending
                    threading.Thread(target=self._work, name="references", daemon=True).start()
            self._changed.notify_all()

    def close(self) -> None:
        """Try nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (model := self._next()) is not None:
            outage = self._wanted[model]
            try:
                self._references.prepare(model)
            except Exception as error:  # whatever keeps MLflow from answering may pass
                outage.begin(
                    "no reference of %s yet (%s); its windows wait, those of other models do not",
                    model_title(model),
                    error,
                )
                self._again(model)
                continue
            outage.end(f"the reference of {model_title(model)} is loaded")
            with self._changed:
                del self._wanted[model]
            self._on_ready()

    def _again(self, model: ModelRef) -> None:
        with self._changed:
            self._waiting[model] = time.monotonic() + _RETRY_SECONDS
            self._changed.notify_all()

    def _next(self) -> ModelRef | None:
        """The model to try next, once its time has come; None ends the thread."""
        with self._changed:
            while self._waiting and not self._closed:
                model = min(self._waiting, key=self._waiting.__getitem__)
                wait = self._waiting[model] - time.monotonic()
                if wait <= 0:
                    del self._waiting[model]
                    return model
                self._changed.wait(wait)
            self._threads -= 1
            return None
