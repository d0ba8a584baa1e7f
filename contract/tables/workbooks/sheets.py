"""Which sheet of a workbook is the table. Pure.

Names of sheets are shown in messages, because without them one could not choose; they are no cells.
"""

from collections.abc import Iterable, Sequence

from contract.errors import UserError

_MOST_SHOWN = 12
_LONGEST_SHOWN = 40


def chosen_sheet(names: Sequence[str], wanted: str, origin: str) -> int:
    """The position (from 0) of the sheet that ``--sheet`` names, or numbers from 1; a name goes before a number.

    Raises:
        UserError: there is no such sheet.
    """
    if wanted in names:
        return names.index(wanted)
    alike = [place for place, name in enumerate(names) if name.strip().casefold() == wanted.strip().casefold()]
    if len(alike) == 1:
        return alike[0]
    if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    raise UserError(
        f"{origin} has no sheet {wanted!r}; its {len(names)} sheets are {_listed(names)}: give one of these names with "
        f"--sheet, or a number from 1 to {len(names)}"
        if names
        else f"{origin} has no sheet with cells; give another workbook"
    )


def only_filled(names: Sequence[str], filled: Iterable[int], origin: str) -> int:
    """The position of the only sheet that holds anything.

    Raises:
        UserError: none does, or more than one.
    """
    found = list(filled)
    if not found:
        raise UserError(f"{origin} is empty; give a workbook with a sheet that has a header row and rows")
    if len(found) > 1:
        some = [names[place] for place in found]
        raise UserError(
            f"{origin} has {len(found)} sheets with content, {_listed(some)}, and it is not clear which one to read; "
            f"name it, as in --sheet {shown(some[0])!r}"
        )
    return found[0]


def said(names: Sequence[str], place: int) -> list[str]:
    """The clause that tells which of several sheets is read."""
    return [f"only {shown(names[place])!r} of its {len(names)} sheets is read"] if len(names) > 1 else []


def shown(name: str) -> str:
    """A sheet's name in a message: on one line, and not endless."""
    line = "".join(character if character.isprintable() else " " for character in name)
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}…"


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(repr(shown(name)) for name in names[:_MOST_SHOWN])
    return listed if len(names) <= _MOST_SHOWN else f"{listed} and {len(names) - _MOST_SHOWN} more"
