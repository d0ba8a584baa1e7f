"""How far a piece of work is: whoever does it tells the share that is done and what comes next. Pure."""

from collections.abc import Callable

Tell = Callable[[float, str], None]
"""Takes the share of the work that is done, from 0 to 1, and what is done next, as ``fitting fold 2 of 5``."""


def untold(_done: float, _doing: str) -> None:
    """Of whom nobody wants to know."""


def part(tell: Tell, start: float, end: float) -> Tell:
    """For a piece of the work: its own shares from 0 to 1 become those from ``start`` to ``end`` of the whole."""

    def told(done: float, doing: str) -> None:
        tell(start + done * (end - start), doing)

    return told
