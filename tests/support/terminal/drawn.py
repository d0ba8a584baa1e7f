"""What a terminal of a given size shows."""

import io

from rich.cells import cell_len
from rich.console import Console, RenderableType


def drawn(content: RenderableType, width: int, height: int = 24) -> list[str]:
    """The lines of ``content`` on a terminal of so many columns and lines, without colour.

    Raises:
        AssertionError: a line is wider than the terminal, or holds a sign that does something.
    """
    console = Console(
        width=width,
        height=height,
        file=io.StringIO(),
        color_system=None,
        highlight=False,
        markup=False,
        emoji=False,
        force_terminal=False,
    )
    console.print(content)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(cell_len(line) <= width for line in lines), f"a line is wider than {width}: {lines}"
    assert all(sign.isprintable() for line in lines for sign in line), lines
    return [line.rstrip() for line in lines]
