"""Which columns are dates or times, and the moments they hold: those that the replay would read of them.

Numbers are times only where their size and the column's name say so, because amounts and account numbers can be as
large.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.arrays import Floats
from contract.dates.columns import TimeColumn
from contract.errors import UserError
from contract.tables.time_forms import NOTHING, OTHER, UNITS, written
from contract.tables.times import LEAST_TIME, UNREADABLE, TimeColumnReader
from training.infer.column import Codes, Dates
from training.infer.names import names_id, names_moment

_MOST = 0.9
_PROBED = 300
_STRAY = 0.01
_EARLIEST, _LATEST = np.datetime64("2000-01-01", "ms"), np.datetime64("2060-01-01", "ms")
_SURE = "digits of year, month and day"
"""Numbers in this form are dates whatever their name, if all of them are days that there are."""
_NUMBERS = frozenset(unit.name for unit in UNITS)


def read_dates(name: str, different: Sequence[Any], codes: Codes) -> Dates | None:
    """The moments of a column of dates, None where it is none; ``different`` are its cells, ``codes`` each row's."""
    forms = Counter(written(cell).form for cell in different[:: max(1, len(different) // _PROBED)])
    del forms[NOTHING]
    form, count = forms.most_common(1)[0] if forms else (OTHER, 0)
    written_out = sum(many for each, many in forms.items() if each not in _NUMBERS and each != OTHER)
    if max(written_out, count if form in _NUMBERS else 0) < _MOST * forms.total() or not forms:
        return None
    if form in _NUMBERS and (names_id(name) or not (names_moment(name) or form == _SURE)):
        return None
    reader = TimeColumnReader(TimeColumn(name), "")
    cells = [different[code] for code in codes.tolist()]
    reader.look(cells)
    try:
        times = reader.decide().read(cells).times
    except UserError as error:
        return Dates(None, str(error).partition(f"column {name!r}")[2].lstrip(": "))
    known = times >= LEAST_TIME
    if form in _NUMBERS and not (_plausible(times[known]) and np.mean(times == UNREADABLE) < _STRAY):
        return None
    moments: Floats = np.where(known, times.astype(np.float64), np.nan)
    return Dates(moments, reader.said.partition(f"{name!r} are ")[2])


def _plausible(times: npt.NDArray[np.int64]) -> bool:
    """Whether numbers, read as times, are of our days and not all the same."""
    moments = times.astype("datetime64[ms]")
    return len(moments) > 0 and bool(np.all((moments >= _EARLIEST) & (moments < _LATEST)))
