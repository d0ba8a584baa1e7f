"""``churnstream train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.train import TrainingResult

DEFAULT_SEED = 42


def train(
    table: Annotated[Path, typer.Option("--data", help="CSV or Parquet table with labels.")],
    seed: Annotated[int, typer.Option(help="Seed of the folds and of the model.")] = DEFAULT_SEED,
    force: Annotated[bool, typer.Option("--force", help="Give it the alias even if it is not proven better.")] = False,
    dataset: Annotated[str | None, typer.Option(help="Schema: a shipped name or a TOML file.")] = None,
    model_name: Annotated[str | None, typer.Option(help="Name to register it under.")] = None,
    model_alias: Annotated[str | None, typer.Option(help="Alias of the version that scores.")] = None,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow, where it is registered.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what happens.")] = False,
) -> None:
    """Train a model on a table and register it in MLflow.

    A fifth of the customers is held out, and only measured on. Threshold and calibration are chosen on validation folds
    of the others. The first model becomes the champion; a later one only if it is better by more than noise.

    \b
    Example:
      churnstream train --data customers.csv
    """
    from rich.console import Console

    from contract.process import configure_logging
    from contract.settings import load_settings

    configure_logging(verbose)
    settings = load_settings(
        dataset=dataset, model_name=model_name, model_alias=model_alias, mlflow_tracking_uri=tracking_uri
    )
    with Console(stderr=True).status("training"):
        from training.train import train as run

        result = run(settings, table, seed=seed, force=force)
    show(result)


def show(result: "TrainingResult") -> None:
    """Print metrics of the held-out rows, the verdict, and what to do next."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    metrics = result.metrics
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1),
        title=f"{result.model_name} v{result.version} on {result.test_rows:,} held-out customers",
        title_justify="left",
    )
    for heading in ("ROC AUC", "Brier", "F1", "prec.", "recall", "acc.", "TN", "FP", "FN", "TP"):
        table.add_column(heading, justify="right")
    table.add_row(
        *(f"{metrics[key]:.3f}" for key in ("roc_auc", "brier", "f1", "precision", "recall", "accuracy")),
        *(f"{metrics[key]:,.0f}" for key in ("tn", "fp", "fn", "tp")),
    )
    console.print(table)
    console.print(
        f"Trained on {result.train_rows:,} rows, threshold {result.threshold:.3f}, calibration {result.calibration}.",
        highlight=False,
    )
    console.print(result.verdict.reason, highlight=False, markup=False, soft_wrap=True)
    after = "churnstream score" if result.verdict.promoted else "churnstream train --force, if it shall score anyway"
    console.print(f"Next: {after}", highlight=False, markup=False)
