"""What a whole stream on this machine does: what its champion learns from, what is replayed, how it is measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # the flags of commands come from here, and are to be instant
    from churnstream.live.watch import Snapshot


@dataclass(frozen=True)
class Act:
    """A part of a simulated stream, from ``start`` to ``end`` (event time in ms): what happens, and what is seen."""

    name: str
    start: int
    end: int
    happens: str
    seen: str


@dataclass(frozen=True)
class RunPlan:
    """Everything that tells one run on this machine from another.

    ``prepare`` is called once with the run's own folder, before anything is started; it writes what the commands need
    there and returns the arguments of ``churnstream train`` and ``churnstream replay``. ``variables`` are the stream's
    settings, such as ``CHURNSTREAM_WINDOW`` and ``CHURNSTREAM_DATASET``; where the stream lies is not among them.
    ``told`` are lines shown first: what is simulated, and what was guessed; ``concluding`` gives those for the end,
    when all has been measured. ``training_seconds`` is the longest wall time of the training. ``own_dates``: event
    times follow from a table, large gaps with them, and no gap is a wrong clock. ``acts`` are those of a simulation, in
    their order: told first, and measured one by one at the end.
    """

    prepare: Callable[[Path], tuple[list[str], list[str]]]
    variables: Mapping[str, str]
    told: tuple[str, ...] = field(default=())
    concluding: "Callable[[Snapshot], Sequence[str]]" = lambda _snapshot: ()
    training_seconds: float = 300
    own_dates: bool = False
    acts: tuple[Act, ...] = ()
