"""What a whole stream on this machine does: what its champion learns from, what is replayed, how it is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class RunPlan:
    """Everything that tells one run on this machine from another.

    ``prepare`` is called once with the run's own folder, before anything is started; it writes what the commands need
    there and returns the arguments of ``churnstream train`` and ``churnstream replay``. ``variables`` are the stream's
    settings, such as ``CHURNSTREAM_WINDOW`` and ``CHURNSTREAM_DATASET``; where the stream lies is not among them.
    ``told`` are lines shown first: what is simulated, and what was guessed.
    """

    prepare: Callable[[Path], tuple[list[str], list[str]]]
    variables: Mapping[str, str]
    told: tuple[str, ...] = field(default=())
