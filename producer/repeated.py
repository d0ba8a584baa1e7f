"""The same customers again and again, as a bank that scores all of them each day or month sends them."""

from collections.abc import Iterator

import pandas as pd

from contract.errors import UserError
from contract.schema import Schema
from producer.sources import LabelCodes, RowSource


class RepeatedSource:
    """A source's rows, ``passes`` times over: each pass is new records of the same customers.

    What becomes of a customer is the same in each pass, unless drift has changed the features since.

    Raises:
        UserError: ``passes`` is below 1.
    """

    def __init__(self, source: RowSource, passes: int) -> None:
        if passes < 1:
            raise UserError(f"--passes got {passes}; give the number of times to send each customer, 1 or more")
        self._source = source
        self._passes = passes

    @property
    def schema(self) -> Schema:
        return self._source.schema

    def __len__(self) -> int:
        return len(self._source) * self._passes

    def chunks(self) -> Iterator[pd.DataFrame]:
        """All rows of one pass after the other."""
        for _ in range(self._passes):
            yield from self._source.chunks()

    def labels(self, chunk: pd.DataFrame) -> LabelCodes:
        """Those of the source."""
        return self._source.labels(chunk)
