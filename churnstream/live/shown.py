"""A stream that is followed: drawn anew on a terminal, told in lines anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from churnstream.live.told import Teller
from churnstream.live.view import dashboard
from churnstream.live.watch import Snapshot

_DRAWN_PER_SECOND = 4
PIPED_WIDTH = 160
"""A pipe has no width of its own."""


class Show(Protocol):
    """Shows ``snapshot`` after ``seconds`` of wall time; ``state`` says what goes on."""

    def __call__(self, snapshot: Snapshot, seconds: float, state: str) -> None: ...


def output() -> Console:
    """The console of a command's output: nothing in it is markup, and piped it is as wide as tables want to be."""
    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(width=PIPED_WIDTH, highlight=False, markup=False, emoji=False)


@contextmanager
def shown(console: Console, *footer: Text, own_dates: bool = False) -> Iterator[Show]:
    """Show a stream for the block. ``footer`` stays below it; in lines it is not told. ``own_dates``: as in
    ``remarks``.
    """
    if not is_drawn(console):
        teller = Teller()

        def tell(snapshot: Snapshot, seconds: float, state: str) -> None:
            for line in teller.lines(snapshot, seconds, state):
                console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)

        yield tell
        return
    with Live(console=console, refresh_per_second=_DRAWN_PER_SECOND, transient=True) as live:

        def draw(snapshot: Snapshot, seconds: float, state: str) -> None:
            live.update(dashboard(snapshot, seconds, state, *footer, own_dates=own_dates))

        yield draw


def is_drawn(console: Console) -> bool:
    """Whether it is a terminal on which lines can be written over."""
    return console.is_terminal and not console.is_dumb_terminal
