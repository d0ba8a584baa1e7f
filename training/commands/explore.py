"""``churnstream explore``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from contract.worker.flags import Dataset, Encoding, Sheet, StreamName, TrackingUri, Verbose


def explore(
    table: Annotated[Path, typer.Option("--data", help="Table with labels: CSV, Parquet or Excel.")],
    sheet: Sheet = None,
    encoding: Encoding = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a copy of the page and the pictures.")] = None,
    on_bad_rows: Annotated[
        Literal["stop", "skip", "report"],
        typer.Option(help="Rows that violate the schema: stop, skip them, or report them."),
    ] = "report",
    stream: StreamName = None,
    dataset: Dataset = None,
    tracking_uri: TrackingUri = None,
    verbose: Verbose = False,
) -> None:
    """Draw a table on one page: each feature and the churn rate by it, correlations and missing values.

    The page and its pictures are logged to MLflow. Columns that the schema calls private never appear.

    \b
    Example:
      churnstream explore --data customers.csv --out explored
    """
    from rich.console import Console

    from contract.settings import load_settings
    from contract.tables.options import ReadOptions
    from contract.worker.logs import configure_logging
    from training.commands.progress import Bar

    configure_logging(verbose)
    settings = load_settings(stream=stream, dataset=dataset, mlflow_tracking_uri=tracking_uri)
    with Bar("drawing") as bar:
        from training.explore.explore import explore as run

        options = ReadOptions(sheet, encoding)
        found = run(settings, table, out=out, on_bad_rows=on_bad_rows, options=options, tell=bar.progress)
    console = Console()
    for note in found.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"{found.pictures} pictures of {found.rows:,} customers.", highlight=False, markup=False)
    console.print(f"Page: {found.local or found.place}", highlight=False, markup=False, soft_wrap=True)
