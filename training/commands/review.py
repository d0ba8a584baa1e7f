"""``churnstream review``."""

from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import ModelName, StreamName, TrackingUri


def review(
    version: Annotated[
        str, typer.Argument(help="A version's number, such as 3 or churn/3, or an alias: @challenger.")
    ] = "@champion",
    out: Annotated[Path | None, typer.Option(help="File to write; by default review-MODEL-VERSION.html.")] = None,
    look: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    stream: StreamName = None,
    model_name: ModelName = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Write what a model review asks for to one HTML file, which loads nothing from elsewhere.

    Data, split, rows left out and why, candidates, calibration, thresholds by cost, stability over time, error rates of
    groups, what the model goes by, limits of use and lineage. Training wrote the facts. The version's aliases and tags
    are the current ones.

    \b
    Examples:
      churnstream review
      churnstream review 3 --out review.html
    """
    from rich.console import Console

    from contract.settings import load_settings

    settings = load_settings(stream=stream, model_name=model_name, mlflow_tracking_uri=tracking_uri)
    with Console(stderr=True).status("writing"):
        from training.review.stored import write_review

        written = write_review(settings, version, out)
    Console().print(f"Review of {written.title}: {written.path}", highlight=False, markup=False, soft_wrap=True)
    if look:
        typer.launch(str(written.path.resolve()))
