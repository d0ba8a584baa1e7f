"""What a replay sends: a table of the user's, or the synthetic bank."""

from dataclasses import dataclass
from pathlib import Path

from contract.schema import Schema
from producer.sources import RowSource, open_table
from producer.synthetic import SyntheticBank


@dataclass(frozen=True)
class Opened:
    """A source, the name that a replay of it has unless told otherwise, and what was repaired in it."""

    source: RowSource
    name: str
    repairs: tuple[str, ...] = ()


def open_source(table: Path | None, rows: int, seed: int, schema: Schema) -> Opened:
    """The table if there is one, else ``rows`` customers of the synthetic bank.

    Raises:
        UserError: the table cannot be replayed, or the synthetic bank has not the schema's features.
    """
    if table is None:
        return Opened(SyntheticBank(rows, seed, schema=schema), f"synthetic-{rows}-{seed}")
    opened = open_table(table, schema)
    return Opened(opened, table.stem, tuple(f"--data {table}: {repair}" for repair in opened.repairs))
