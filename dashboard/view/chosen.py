"""What is shown, of all that is known: which model, which of its versions, and the windows on the time axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from contract.alerts import ModelVerdict
from contract.messages import ModelRef
from contract.versions import ServingVersions, TrainedVersion
from contract.windows import Window
from dashboard.stream.state import StreamState
from dashboard.view.selected import Selected
from dashboard.view.words import EARLIEST, LATEST, is_count


@dataclass(frozen=True)
class Chosen:
    """``name`` of the model, None where none is known; ``champion``: its version at work, as far as is known.

    ``windows`` are those of the axis, in order of end and each with a start of its own. ``alone``: they are of one
    version that was asked for. ``misplaced``: windows left out because their times or counts cannot be right.
    ``unknown``: what was asked for and is not there.
    """

    known: StreamState
    name: str | None
    champion: int | None
    windows: tuple[Window, ...]
    alone: bool
    misplaced: int
    unknown: tuple[str, ...]

    @property
    def serving(self) -> ServingVersions | None:
        return None if self.name is None else self.known.serving.get(self.name)

    @property
    def model(self) -> ModelRef | None:
        """Whom the verdict is of: the version asked for, or the champion at work."""
        if self.name is None:
            return None
        if self.alone and self.windows:
            return self.windows[-1].model
        return None if self.champion is None else ModelRef(self.name, self.champion)

    @property
    def verdict(self) -> ModelVerdict | None:
        """The newest of ``model``."""
        if self.model is None:
            return None
        return next((one for one in self.known.verdicts.values() if one.model == self.model), None)

    @cached_property
    def by_start(self) -> dict[int, int]:
        """The place of each window on the axis, by its start."""
        return {window.start: place for place, window in enumerate(self.windows)}

    @cached_property
    def judged(self) -> Window | None:
        """The newest window whose inputs were compared with those of training."""
        return next((one for one in reversed(self.windows) if one.drift.judged), None)

    @cached_property
    def labelled(self) -> Window | None:
        """The newest window with labels enough to be judged by; where there is none, the newest with a label at all."""
        enough = (one for one in reversed(self.windows) if one.relation is not None or one.worsening is not None)
        found = next(enough, None)
        return found or next((one for one in reversed(self.windows) if one.labelled), None)

    def trained(self, version: int) -> TrainedVersion | None:
        return None if self.name is None else self.known.versions.get((self.name, version))

    @cached_property
    def whole_judged(self) -> Window | None:
        """As ``judged``, with the counts by which it was."""
        window = self.judged
        kept = None if window is None else self.known.window(window.model, window.start)
        return window if kept is None else kept.window


def chosen(known: StreamState, selected: Selected) -> Chosen:
    """What ``selected`` names, or what is usual where that is not there."""
    unknown = []
    names = _names(known)
    name = selected.model
    if name is not None and name not in names:
        unknown.append("model")
        name = None
    if name is None:
        name = _at_work_last(known, names)
    models = [one for one in known.models() if one.name == name]
    shown = [one for one in models if one.role == "champion"]
    alone = False
    if selected.version is not None and not unknown:
        asked = [one for one in models if (one.version, one.role) == (selected.version, selected.role)]
        alone = bool(asked)
        if asked:
            shown = asked
        else:
            unknown.append("version")
    if not shown:
        shown = models
    windows, misplaced = _in_turn([known.windows(one) for one in shown])
    return Chosen(known, name, _champion(known, name, models), windows, alone, misplaced, tuple(unknown))


def _names(known: StreamState) -> set[str]:
    return {
        *(one.name for one in known.models()),
        *known.serving,
        *(name for name, _ in known.versions),
        *(one.model.name for one in known.verdicts.values()),
        *(model.name for told in known.incidents.values() if (model := told[-1].alert.model) is not None),
    }


def _at_work_last(known: StreamState, names: Iterable[str]) -> str | None:
    """The name with the newest window of a champion; without windows, one that has a champion."""
    ends = dict.fromkeys(names, (False, 0, False))
    for name in ends:
        serving = known.serving.get(name)
        ends[name] = (False, 0, serving is not None and serving.champion is not None)
    for model in known.models():
        newest = next((one for one in reversed(known.windows(model)) if _can_be(one)), None)
        if newest is not None:
            ends[model.name] = max(ends[model.name], (model.role == "champion", newest.end, ends[model.name][2]))
    return min(ends, key=lambda name: (_reversed(ends[name]), name), default=None)


def _reversed(rank: tuple[bool, int, bool]) -> tuple[bool, int, bool]:
    return not rank[0], -rank[1], not rank[2]


def _champion(known: StreamState, name: str | None, models: Sequence[ModelRef]) -> int | None:
    """As the registry says; else the one whose newest window has most of the newest records."""
    serving = None if name is None else known.serving.get(name)
    if serving is not None and serving.champion is not None:
        return serving.champion.version
    best: tuple[tuple[int, int, int], int] | None = None
    for model in models:
        newest = next((one for one in reversed(known.windows(model)) if _can_be(one)), None)
        if model.role == "champion" and newest is not None:
            recent = newest.records if newest.slide_records is None else newest.slide_records
            rank = (newest.end, recent, model.version)
            best = max(best, (rank, model.version)) if best is not None else (rank, model.version)
    if best is not None:
        return best[1]
    told = [one.model.version for one in known.verdicts.values() if one.model.name == name]
    return max(told, default=None)


def _in_turn(series: Iterable[Sequence[Window]]) -> tuple[tuple[Window, ...], int]:
    """One window for each start, that of the version with most of its records; and how many cannot be right.

    Where a version takes over within a window, both have a part of its records.
    """
    best: dict[int, Window] = {}
    misplaced = 0
    for windows in series:
        for window in windows:
            if not _can_be(window):
                misplaced += 1
                continue
            other = best.get(window.start)
            if other is None or (window.records, window.model.version) > (other.records, other.model.version):
                best[window.start] = window
    return tuple(sorted(best.values(), key=lambda window: (window.end, window.start))), misplaced


def _can_be(window: Window) -> bool:
    """Whether times and counts are such as a window can have."""
    counts = (window.records, window.labelled, *window.dead_letters.values())
    return EARLIEST <= window.start < window.end <= LATEST and all(map(is_count, counts))
