"""One column of a table that no schema describes yet, in a form that is small however wide the table is.

Numbers are doubles, texts are codes of the different ones, dates are moments; the cells themselves are not kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from contract.arrays import Floats, Mask
from contract.bounds import LARGEST_NUMBER
from contract.tables.cells import identifier

NOTHING = -1
"""Code of a cell that holds nothing."""
MOST_TEXTS = 2_000
"""So many of a column's different texts are looked at, evenly over all of them."""
_NEARLY = 0.98
_DENSE = 1.05

Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Dates:
    """A column's moments in ms since 1970, NaN where there is none; None where they can be read in two ways.

    ``said`` is how they are read, or why they cannot be.
    """

    moments: Floats | None
    said: str


@dataclass(frozen=True, eq=False)
class Column:
    """A column's name and what its ``rows`` cells hold.

    ``values`` are its numbers, NaN for nothing and for what is none, where nearly all cells are numbers; else ``texts``
    are the different texts, sorted, and ``text_codes`` their places, ``NOTHING`` for nothing. ``strangers`` counts
    cells that are no number where nearly all are; ``numbers`` those that are one where not nearly all are. ``trouble``
    is why amounts could not be read.
    """

    name: str
    rows: int
    missing: int
    values: Floats | None = None
    texts: pa.Array | None = None
    text_codes: Codes | None = None
    strangers: int = 0
    numbers: int = 0
    dates: Dates | None = None
    trouble: str | None = None
    different_ids: int | None = None

    @property
    def present(self) -> Floats:
        """The finite numbers, those that are as good as infinite left out; none where the column holds texts."""
        values = np.empty(0) if self.values is None else self.values
        return values[np.abs(values) <= LARGEST_NUMBER]

    @property
    def filled(self) -> int:
        """Number of cells that hold something."""
        return self.rows - self.missing

    @cached_property
    def _numbers(self) -> tuple[Floats, Codes]:
        values = np.empty(0) if self.values is None else self.values
        known = ~np.isnan(values)
        levels, places = np.unique(values[known], return_inverse=True)
        codes = np.full(len(values), NOTHING, dtype=np.int32)
        codes[known] = places
        return levels, codes

    @cached_property
    def different(self) -> int:
        """Number of different values."""
        if self.different_ids is not None:
            return self.different_ids
        return len(self._numbers[0]) if self.texts is None else len(self.texts)

    @cached_property
    def codes(self) -> Codes:
        """The place of each cell's value in ``distinct``, ``NOTHING`` where it holds nothing."""
        return self._numbers[1] if self.text_codes is None else self.text_codes

    @property
    def distinct(self) -> tuple[str, ...]:
        """The different values as texts, whole numbers without a fraction; in the order of ``codes``."""
        return self.texts_of(range(self.different))

    @property
    def sample(self) -> tuple[str, ...]:
        """At most ``MOST_TEXTS`` of the different values, evenly over all of them."""
        count = len(self._numbers[0]) if self.texts is None else len(self.texts)
        return self.texts_of(np.unique(np.linspace(0, count - 1, min(count, MOST_TEXTS)).astype(int)).tolist())

    def texts_of(self, places: Sequence[int]) -> tuple[str, ...]:
        """The values at ``places`` of ``distinct``."""
        if self.texts is None:
            return tuple(identifier(float(self._numbers[0][place])) for place in places)
        return tuple(self.texts[place].as_py() for place in places)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """How often each of ``distinct`` is there."""
        return np.bincount(self.codes[self.codes != NOTHING], minlength=self.different)

    @property
    def is_text(self) -> bool:
        return self.values is None

    @cached_property
    def is_whole(self) -> bool:
        """Whether all numbers are whole, and there are some."""
        present = self.present
        return bool(len(present) and np.all(present == np.floor(present)))

    @property
    def is_unique(self) -> bool:
        """Whether no two rows have the same, and none nothing."""
        return self.different == self.rows

    @property
    def is_nearly_unique(self) -> bool:
        """Whether nearly every cell that holds something holds another."""
        return self.filled > 1 and self.different >= _NEARLY * self.filled

    @cached_property
    def is_running(self) -> bool:
        """Whether it numbers the rows: nearly each is one more than the one before."""
        if not self.is_whole or self.rows < 3 or self.values is None:
            return False
        return bool(np.mean(np.diff(self.values) == 1) >= _NEARLY)

    @cached_property
    def numbers_rows(self) -> bool:
        """Whether it is as numbers that were given to the rows one after another, in whatever order they stand."""
        if not self.is_whole or not self.is_nearly_unique:
            return False
        present = self.present
        return bool(present.max() - present.min() + 1 <= _DENSE * self.different)

    def is_value(self, text: str) -> Mask:
        """Which cells hold the value ``text``."""
        place = self.distinct.index(text)
        return np.asarray(self.codes == place, dtype=bool)
