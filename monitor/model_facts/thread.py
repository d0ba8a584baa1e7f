"""The thread that asks MLflow what versions are like, and gives the timeline what is not on the topic yet."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from contract.messages import ModelRef
from contract.settings import Settings
from contract.versions import SERVING, ServingVersions, TrainedVersion, VersionMessage, version_key
from contract.worker.clock import Clock
from contract.worker.outage import Outage
from monitor.inputs.rule import InputReference
from monitor.model_facts.registry import VersionFigures, runs_of
from monitor.model_facts.serving import ListedModel, serving_versions
from monitor.model_facts.trained import trained_version
from monitor.timeline.outbox import Turn
from monitor.timeline.own_messages import StandingVersion

MOST_MODELS = 100
"""Registered models whose alias is looked at."""
_AGAIN_SECONDS, _MOST_SECONDS = 60, 3_600
"""Until the next look at a version of which something is still to come, twice as long after each look."""
_RUNS = {"realised", "estimated", "inputs"}
"""Kinds of runs that each version gets."""
_log = logging.getLogger("churnstream.versions")


class LearnedFrom(Protocol):
    """A version's training run, and the sample of it that its windows are compared with."""

    @property
    def run_id(self) -> str: ...

    @property
    def reference(self) -> InputReference: ...


class VersionReferences(Protocol):
    """The samples that windows are compared with. Safe between threads."""

    def ready(self) -> list[ModelRef]:
        """The models that have one."""
        ...

    def learned(self, model: ModelRef) -> LearnedFrom | None:
        """A model's; None: it has none any more."""
        ...


class VersionRegistry(Protocol):
    """What is known of versions. Calls block, and raise whatever keeps it from answering now."""

    def model(self, name: str) -> ListedModel | None:
        """A registered model; None: there is none."""
        ...

    def version(self, name: str, number: int) -> VersionFigures | None:
        """A registered version; None: there is none."""
        ...

    def runs(self) -> tuple[str, Mapping[str, str]] | None:
        """The id of the stream's experiment, and its runs as ``runs_by_key`` names them; None: there is none."""
        ...


class _RegistrySays(NamedTuple):
    """What MLflow says of a version; ``figures`` None: it is not registered."""

    figures: VersionFigures | None
    experiment: str | None
    runs: dict[str, str]


class FactsThread:
    """Looks each ``model_poll_ms`` while its monitor is at work.

    Args:
        registry: is asked in the thread alone.
        turn: the present one, with what stands on ``versions``; None while another monitor is at work.
        tell: takes what is to be told in a turn; must not block. False: not all was taken, so it is told again.
        want: gets a champion ready to be judged, before its first records; must not block.
    """

    def __init__(
        self,
        settings: Settings,
        registry: VersionRegistry,
        references: VersionReferences,
        clock: Clock,
        turn: Callable[[], Turn[StandingVersion] | None],
        tell: Callable[[int, Sequence[VersionMessage]], bool],
        want: Callable[[Sequence[ModelRef]], None],
    ) -> None:
        self._settings = settings
        self._references = references
        self._clock = clock
        self._turn, self._tell, self._want = turn, tell, want
        self._registry = registry
        self._number = 0
        self._standing: dict[str, StandingVersion] = {}
        # when a version is looked at again, on the monotonic clock, and seconds since the look before; None: never
        self._next_look: dict[str, tuple[int, int] | None] = {}
        # what MLflow said of a version when it was told, by which its sample need not be read again
        self._found: dict[str, _RegistrySays] = {}
        self._outage = Outage(_log)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-facts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, timeout: float = 5.0) -> None:
        """Look no more; a look under way is waited for, for at most ``timeout`` s."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.model_poll_ms / 1_000):
            turn = self._turn()
            if turn is None:
                continue
            try:
                self.look(turn)
            except Exception as error:  # whatever MLflow or its transport raises may pass
                self._outage.begin(
                    "cannot read from MLflow what versions are like and which one serves (%s); trying again",
                    str(error).partition("\n")[0] or type(error).__name__,
                )
            else:
                self._outage.end("MLflow reports again which version serves")

    def look(self, turn: Turn[StandingVersion]) -> None:
        """Tell what is not on the topic. Blocks; raises whatever MLflow or its transport raises."""
        if turn.number != self._number:
            self._number = turn.number
            self._standing = {one.message.key: one for one in turn.standing}
            self._next_look.clear()
            self._found.clear()
        models = self._references.ready()
        names = dict.fromkeys([self._settings.model_name, *(model.name for model in models)])
        for name in list(names)[:MOST_MODELS]:
            self._look_at_alias(name)
        self._look_at_versions(models)

    def _look_at_alias(self, name: str) -> None:
        said = self._said(f"{name}/{SERVING}")
        listed = self._registry.model(name)
        champion = None if listed is None else listed.aliases.get(self._settings.model_alias)
        if champion is not None:
            self._want([ModelRef(name, champion)])
        found = serving_versions(
            name,
            self._settings.model_alias,
            listed,
            said if isinstance(said, ServingVersions) else None,
            self._clock.now(),
        )
        if found is not None:
            self._say(found)

    def _look_at_versions(self, models: Sequence[ModelRef]) -> None:
        now = self._clock.monotonic()
        due = {}
        for model in models:
            look = self._next_look.get(version_key(model), (now, 0))
            if look is not None and look[0] <= now:
                due[version_key(model)] = model
        if not due:
            return
        experiment, runs = self._registry.runs() or (None, {})
        for key, model in due.items():
            figures = self._registry.version(model.name, model.version)
            found = _RegistrySays(figures, experiment, runs_of(runs, model.name, model.version))
            told = self._found.get(key) == found or self._look_at_version(model, found)
            if told:
                self._found[key] = found
            seconds = min(2 * self._waited(key), _MOST_SECONDS) if told else _AGAIN_SECONDS
            whole = told and found.runs.keys() >= _RUNS
            self._next_look[key] = None if whole else (now + seconds * 1_000, seconds)

    def _waited(self, key: str) -> int:
        look = self._next_look.get(key)
        return look[1] if look is not None and look[1] else _AGAIN_SECONDS // 2

    def _look_at_version(self, model: ModelRef, found: "_RegistrySays") -> bool:
        """Whether what is known of it is on the topic, or on its way."""
        figures, experiment, runs = found
        said = self._said(version_key(model))
        if figures is None and said is not None:
            return True  # gone from the registry, which takes nothing away from what it was
        learned = self._references.learned(model)
        if learned is None or (figures is not None and figures.run_id != learned.run_id):
            # registered anew under the same number: windows are compared with the earlier one's until the next start
            return False
        if isinstance(said, TrainedVersion):
            experiment, runs = experiment or said.experiment, {**said.runs, **runs}
        return self._say(trained_version(model.name, model.version, learned.reference, figures, experiment, runs))

    def _said(self, key: str) -> VersionMessage | None:
        standing = self._standing.get(key)
        return None if standing is None else standing.message

    def _say(self, message: VersionMessage) -> bool:
        """Whether it is on the topic, or on its way."""
        new = StandingVersion.of(message)
        old = self._standing.get(message.key)
        if old is not None and old.digest == new.digest:
            return True
        if not self._tell(self._number, [message]):
            return False
        self._standing[message.key] = new
        return True
