"""``churnstream explore``: a table's pictures and a page with them, in MLflow and, if asked for, in a folder.

Only the features, the label and counts are drawn; ids and private columns are not even kept. A crash leaves a run
marked as failed or running, and the page is written after the pictures.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from contract.errors import UserError
from contract.models.registry import out_of_reach, registry_client
from contract.schema import Schema, load_schema
from contract.settings import Settings
from contract.tables.options import AS_FOUND, ReadOptions
from training.defaults import OnBadRows
from training.explore.figures import pictures
from training.explore.page import page
from training.quality.plotting import png
from training.registered import tags
from training.registered.mlflow_runs import open_run, where
from training.steps import Tell, part, untold
from training.table.prepare import Table, read_table
from training.table.suspicions import suspicions

FOLDER = "explore"
PAGE = "index.html"


@dataclass(frozen=True)
class Explored:
    """Where the page is (a link or a path in MLflow's store, and a local file if asked for) and what it warns of."""

    rows: int
    pictures: int
    place: str
    run_id: str
    local: Path | None
    notes: tuple[str, ...]


def explore(
    settings: Settings,
    table: Path | pd.DataFrame,
    *,
    name: str | None = None,
    out: Path | None = None,
    on_bad_rows: OnBadRows = "report",
    options: ReadOptions = AS_FOUND,
    tell: Tell = untold,
) -> Explored:
    """Draw a file or a frame (called ``name`` in messages), log pictures and page, and write them to ``out``.

    A file is read by ``options``.

    Raises:
        UserError: the table cannot be used, ``out`` cannot be written, or MLflow does not answer.
    """
    schema = load_schema(settings.dataset)
    tell(0.0, "reading the table")
    rows = read_table(table, schema, name, on_bad_rows=on_bad_rows, options=options)
    title = name or (table.name if isinstance(table, Path) else "the table")
    files, notes = render(rows, schema, title, part(tell, 0.2, 0.9))
    tell(0.9, "logging the pictures")
    if out is not None:
        _write(out, files)
    client = registry_client(settings, create=True)
    from mlflow.exceptions import MlflowException

    about = {
        tags.SCHEMA: f"{schema.name} v{schema.version}",
        tags.SCHEMA_FINGERPRINT: schema.fingerprint,
        tags.DATA_HASH: rows.data_hash,
    }
    try:
        with open_run(client, "explore", about) as run:
            run.log({"rows": len(rows.y), "churn_rate": float(rows.y.mean())})
            for file, content in files.items():
                run.content(content, f"{FOLDER}/{file}")
            place = where(settings, run, f"{FOLDER}/{PAGE}")
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return Explored(len(rows.y), len(files) - 1, place, run.run_id, out / PAGE if out else None, tuple(notes))


def render(rows: Table, schema: Schema, title: str, tell: Tell = untold) -> tuple[dict[str, bytes], list[str]]:
    """Each file's content, the page last, and the notes that stand at its head."""
    drawn = []
    for number, picture in enumerate(pictures(rows, schema), start=1):
        drawn.append((picture, png(picture.figure)))
        tell(min(number / (len(schema.features) + 3), 1.0), f"picture {number + 1}")
    notes = [*(each.text for each in suspicions(rows, schema)), *rows.repairs]
    churned = int(rows.y.sum())
    about = [
        f"{len(rows.y):,} customers, {churned:,} of them churned ({churned / len(rows.y):.1%}); schema {schema.name} "
        f"v{schema.version}. Intervals are Wilson's, 95 %.",
        f"Left out because they violate the schema: {rows.rows_read - len(rows.y):,} rows. "
        f"Rows that repeat a customer's id: {rows.duplicates:,}. Data hash {rows.data_hash[:16]}.",
    ]
    files = {picture.file: content for picture, content in drawn}
    return files | {PAGE: page(f"Exploring {title}", about, notes, drawn).encode()}, notes


def _write(folder: Path, files: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
    except OSError as error:
        raise UserError(f"the pictures cannot be written to {folder} ({error.strerror}); give another --out") from None
