"""What a replay sends: a table of the user's, or the synthetic bank."""

from dataclasses import dataclass, replace
from pathlib import Path

from contract.schema import Schema
from contract.tables.options import AS_FOUND, ReadOptions
from producer.repeated import RepeatedSource
from producer.sources import RowSource, open_table
from producer.synthetic import SyntheticBank


@dataclass(frozen=True)
class Opened:
    """A source, the name that a replay of it has unless told otherwise, and what was repaired in it."""

    source: RowSource
    name: str
    repairs: tuple[str, ...] = ()


def open_source(
    table: Path | None, rows: int, seed: int, schema: Schema, passes: int = 1, options: ReadOptions = AS_FOUND
) -> Opened:
    """The table if there is one, else ``rows`` customers of the synthetic bank; all of it ``passes`` times.

    A table is read by ``options``.

    Raises:
        UserError: the table cannot be replayed, or the synthetic bank has not the schema's features, or
            ``passes`` is below 1.
    """
    if table is None:
        found = Opened(SyntheticBank(rows, seed, schema=schema), f"synthetic-{rows}-{seed}")
    else:
        opened = open_table(table, schema, options=options)
        found = Opened(opened, table.stem, tuple(f"--data {table}: {repair}" for repair in opened.repairs))
    if passes == 1:
        return found
    return replace(found, source=RepeatedSource(found.source, passes), name=f"{found.name}-{passes}-passes")
