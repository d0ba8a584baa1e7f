"""What a user may say of how a table is to be read, where the file does not say it itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadOptions:
    """``sheet``: a workbook's sheet by its name, or by its number from 1. ``encoding``: of a text, by Python's name."""

    sheet: str | None = None
    encoding: str | None = None


AS_FOUND = ReadOptions()
"""Nothing said: all is told from the file."""
