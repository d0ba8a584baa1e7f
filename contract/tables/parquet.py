"""Parquet files and frames as tables: values have kinds of their own, so text is never read as a number.

A Parquet file is read a batch at a time; memory is bounded by a row group's pages.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract.errors import UserError
from contract.tables.cells import Cells


class ParquetTable:
    """A ``contract.tables.reading.RawTable`` of a Parquet file."""

    parses_text = False
    points_expected = True
    blank_rows = 0

    def __init__(self, path: Path, origin: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        self._origin = origin
        self.repairs: list[str] = []
        try:
            self.header = tuple(str(name) for name in pq.read_schema(path).names)
        except PermissionError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError):
            raise self._unreadable() from None

    def chunks(self, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        """The columns at ``positions`` and no others, at most ``rows`` rows at a time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = [self.header[position] for position in positions]
        try:
            with pq.ParquetFile(self._path) as file:
                for batch in file.iter_batches(rows, columns=columns):
                    yield [_values(batch.column(name)) for name in columns]
        except PermissionError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError):
            raise self._unreadable() from None

    def _unreadable(self) -> UserError:
        return UserError(f"{self._origin} is not a readable Parquet file; write it again, or give a CSV file")


class FrameTable:
    """A ``contract.tables.reading.RawTable`` of a frame in memory; its text is taken as a CSV file's."""

    parses_text = True
    points_expected = True
    blank_rows = 0

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.repairs: list[str] = []
        self.header = tuple(str(name) for name in frame.columns)

    def chunks(self, positions: Sequence[int], rows: int) -> Iterator[list[Cells]]:
        """The columns at ``positions``, at most ``rows`` rows at a time."""
        for first in range(0, len(self._frame), rows):
            part = self._frame.iloc[first : first + rows]
            yield [_frame_values(part.iloc[:, position]) for position in positions]


def _values(column: Any) -> Cells:
    """A column's values as Python's own kinds, null as None; numbers without gaps stay an array."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
    if column.null_count == 0 and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        numbers: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return numbers
    values: list[Any] = column.to_pylist()
    return values


def _frame_values(column: "pd.Series[Any]") -> Cells:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column.to_numpy()
    return column.astype(object).tolist()
