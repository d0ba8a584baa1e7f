"""A version as a message: the cells of its reference with their counts, and the figures of its training. Pure."""

import msgspec

from contract.versions import TrainedCell, TrainedColumn, TrainedVersion
from monitor.inputs.cells import ReferenceColumn
from monitor.inputs.middle import NO_MIDDLE, Middle
from monitor.inputs.rule import InputReference
from monitor.model_facts.registry import VersionFigures
from monitor.panes import short_text

MOST_BYTES = 4_000_000
"""A message at most: a topic takes more than twice that. A schema of 1,000 numeric features has 2 MB."""


def trained_version(
    name: str,
    number: int,
    reference: InputReference,
    figures: VersionFigures | None,
    experiment: str | None = None,
    runs: dict[str, str] | None = None,
) -> TrainedVersion:
    """The message; ``figures`` None: the version is gone from the registry.

    Above ``MOST_BYTES``, which long names of categories can bring about, the columns of most bytes have no cells.
    """
    columns = {
        each: _column(column, reference.middles.get(each, NO_MIDDLE)) for each, column in reference.columns.items()
    }
    message = TrainedVersion(
        name=name,
        version=number,
        created=None if figures is None else figures.created,
        threshold=None if figures is None else figures.threshold,
        rows=0 if figures is None else figures.rows,
        held_out={} if figures is None else dict(figures.held_out),
        reference_rows=reference.rows,
        columns=columns,
        experiment=experiment,
        runs=runs or {},
    )
    return msgspec.structs.replace(message, columns=_within(columns, MOST_BYTES - 100_000))


def _column(column: ReferenceColumn, middle: Middle) -> TrainedColumn:
    known = column.known_values()
    if not known:
        return TrainedColumn(**middle._asdict())
    cells = tuple(
        TrainedCell(float(low), float(high)) if column.has_numbers else TrainedCell(category=short_text(str(low)))
        for low, high in known
    )
    return TrainedColumn(**middle._asdict(), cells=cells, counts=tuple(int(count) for count in column.counts))


def _within(columns: dict[str, TrainedColumn], most: int) -> dict[str, TrainedColumn]:
    sizes = {name: len(msgspec.json.encode(column)) + len(name.encode()) for name, column in columns.items()}
    total, kept = sum(sizes.values()), dict(columns)
    for name in sorted(sizes, key=lambda each: (-sizes[each], each)):
        if total <= most:
            break
        kept[name] = msgspec.structs.replace(columns[name], cells=(), counts=())
        total -= sizes[name]
    return kept
