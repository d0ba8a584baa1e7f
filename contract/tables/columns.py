"""Where a schema's columns stand in a table's header. Pure.

Only the schema's own names are shown, and names that are like them: the first line of a file without a header may name
a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from contract.errors import UserError
from contract.schema import Schema
from contract.tables.dialect import alike


@dataclass(frozen=True)
class ColumnPositions:
    """Positions of id, features, label and times, in this order.

    ``repairs`` as in ``contract.tables.reading.SchemaTable``.
    """

    positions: tuple[int, ...]
    repairs: tuple[str, ...]


def find_columns(header: Sequence[str], schema: Schema, origin: str, times: Sequence[str] = ()) -> ColumnPositions:
    """Find the schema's columns by name, and those of ``times`` after them, blanks around names apart.

    Raises:
        UserError: a column is missing, or is there twice.
    """
    trimmed = [name.strip() for name in header]
    wanted = [schema.id_column, *(feature.table_column for feature in schema.features), schema.label.column, *times]
    missing = [column for column in wanted if column not in trimmed]
    if missing and set(missing) <= set(times):
        raise UserError(_no_time(missing, trimmed, origin))
    if missing:
        raise UserError(_missing(missing, wanted, trimmed, schema, origin))
    twice = next((column for column in wanted if trimmed.count(column) > 1), None)
    if twice is not None:
        raise UserError(f"{origin} has two columns {twice!r}; rename or remove one")
    positions = tuple(trimmed.index(column) for column in wanted)
    repairs = []
    padded = [trimmed[position] for position in positions if header[position] != trimmed[position]]
    if padded:
        repairs.append(f"blanks around column names are removed ({', '.join(map(repr, padded))})")
    return ColumnPositions(positions, tuple(repairs))


def _no_time(missing: list[str], header: list[str], origin: str) -> str:
    listed = ", ".join(map(repr, missing))
    return (
        f"{origin} has no column {listed}, which should say when its rows happened; it has {', '.join(header)}; name "
        f"another with --time-column or --label-time-column, or in the schema"
    )


def _missing(missing: list[str], wanted: list[str], header: list[str], schema: Schema, origin: str) -> str:
    near = {
        column: found
        for column in missing
        for found in header
        if alike(found) == alike(column)  # so it says nothing that the schema does not
    }
    listed = ", ".join(map(repr, missing))
    if near:
        likes = ", ".join(f"{found!r} instead of {column!r}" for column, found in near.items())
        return (
            f"{origin} has no column {listed}, which schema {schema.name} needs; it has {likes}: rename it, or give "
            f"another schema with --dataset"
        )
    if len(missing) * 2 > len(wanted):
        return (
            f"{origin} has no column {listed}: its first line has {len(wanted) - len(missing)} of the {len(wanted)} "
            f"columns of schema {schema.name}; give a table with a header line that names {', '.join(wanted)}, or "
            f"another schema with --dataset"
        )
    return (
        f"{origin} has no column {listed}, which schema {schema.name} needs; it has {', '.join(header)}; rename or add "
        f"the column, or give another schema with --dataset"
    )
