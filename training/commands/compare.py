"""``churnstream compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contract.worker.flags import Dataset, Encoding, ModelName, Sheet, StreamName, TrackingUri
from training.defaults import DEFAULT_BOOTSTRAP_SEED

if TYPE_CHECKING:
    from training.registered.compare import Compared

_SHORT = {"average_precision": "avg. precision", "calibration_error": "calibration"}


def compare(
    first: Annotated[
        str, typer.Argument(help="A version (3, churn/3), an alias (@champion) or a candidate's run (id or name).")
    ],
    second: Annotated[str, typer.Argument(help="Another one.")],
    table: Annotated[
        Path | None, typer.Option("--data", help="Table with labels. Only rows that neither model has seen are used.")
    ] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = DEFAULT_BOOTSTRAP_SEED,
    stream: StreamName = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Compare two models on the same rows, which neither has learned from.

    Shows both models' metrics and their paired differences, with 95 % intervals, and McNemar's test of the decisions.
    Logs a plot of the differences. Two candidates of a search are compared on their out-of-fold probabilities.

    \b
    Examples:
      churnstream compare 3 @champion
      churnstream compare churn/2 churn/5 --data customers.csv
      churnstream compare "xgboost smote" "forest plain"
    """
    from contract.settings import load_settings
    from contract.tables.options import ReadOptions
    from training.commands.progress import Bar

    settings = load_settings(stream=stream, dataset=dataset, model_name=model_name, mlflow_tracking_uri=tracking_uri)
    with Bar("comparing") as bar:
        from training.registered.compare import compare_models

        found = compare_models(
            settings, first, second, table, options=ReadOptions(sheet, encoding), seed=seed, tell=bar.progress
        )
    show(found)


def show(found: "Compared") -> None:
    """Print the table of metrics and differences, McNemar's test, and where the plot is."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from training.quality.intervals import METRICS

    console = Console()
    first, second = found.titles
    contrast = found.contrast
    console.print(f"{first} and {second} on {found.rows}", highlight=False, markup=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("metric", no_wrap=True)
    for heading in (first, second, "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in METRICS:
        difference = contrast.differences[name]
        mark = "*" if difference.beyond_noise else " "
        table.add_row(
            _SHORT.get(name, name.replace("_", " ")),
            *(
                f"{contrast.metrics[side][name]:.3f} {_between(low, high, '.3f')}"
                for side in (0, 1)
                for low, high in (contrast.intervals[side][name],)
            ),
            f"{difference.value:+.3f} {_between(difference.low, difference.high, '+.3f')}{mark}",
        )
    console.print(table)
    console.print(
        "In brackets: 95 % intervals. * the interval of the difference does not include 0. Lower is better for "
        "Brier, log loss and calibration error.",
        highlight=False,
    )
    test = contrast.mcnemar
    console.print(
        f"McNemar: only {first} is right on {test.only_first:,} rows, only {second} on {test.only_second:,}; "
        f"p = {test.p:.4f} ({'exact' if test.exact else 'chi-square with continuity correction'}).",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    console.print(f"Plot: {found.figure}", highlight=False, markup=False, soft_wrap=True)


def _between(low: float, high: float, form: str) -> str:
    """``(.836 .878)``; without the zeros, two models and their difference fit into 80 columns."""
    return f"({low:{form}} {high:{form}})".replace("0.", ".")
