"""What a replay sends: a table of the user's, by its own dates if it has any, or the synthetic bank."""

from dataclasses import dataclass, replace
from pathlib import Path

from contract.errors import UserError
from contract.schema import Schema
from contract.tables.options import AS_FOUND, ReadOptions
from producer.history import HistorySource
from producer.repeated import RepeatedSource
from producer.sources import ALL_ROWS, RowSelection, RowSource, open_table
from producer.synthetic import SyntheticBank


@dataclass(frozen=True)
class Opened:
    """A source, the name that a replay of it has unless told otherwise, what was repaired in it, and what is said."""

    source: RowSource
    name: str
    repairs: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def history(self) -> HistorySource | None:
        """The source, if its rows say when they happened."""
        return self.source if isinstance(self.source, HistorySource) else None


def open_source(
    table: Path | None,
    rows: int,
    seed: int,
    schema: Schema,
    passes: int = 1,
    options: ReadOptions = AS_FOUND,
    selection: RowSelection = ALL_ROWS,
) -> Opened:
    """The table if there is one, else ``rows`` customers of the synthetic bank; all of it ``passes`` times.

    A table is read by ``options``. One whose schema names a ``time`` is a history; ``selection`` of it is sent, once.

    Raises:
        UserError: the table cannot be replayed, or the synthetic bank has not the schema's features, or
            ``passes`` is below 1, or part of a table without times was asked for.
    """
    if table is not None and schema.time is not None:
        if passes != 1:
            raise UserError(
                f"--passes sends customers again at other times, but the rows of {table} have their own times; leave "
                "out --passes, or ignore those times with --no-own-dates"
            )
        history = HistorySource(table, schema, selection, options)
        return Opened(history, table.stem, tuple(f"--data {table}: {repair}" for repair in history.repairs))
    if table is None and selection.is_part:
        raise UserError("--since, --until and --only select rows of a table; give a table with --data")
    if table is None:
        found = Opened(SyntheticBank(rows, seed, schema=schema), f"synthetic-{rows}-{seed}")
    else:
        opened = open_table(table, schema, options=options, selection=selection)
        repairs = tuple(f"--data {table}: {repair}" for repair in opened.repairs)
        found = Opened(opened, table.stem, repairs, opened.said)
    if passes == 1:
        return found
    return replace(found, source=RepeatedSource(found.source, passes), name=f"{found.name}-{passes}-passes")
