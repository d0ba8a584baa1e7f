"""Flags that both of the scorer's commands take."""

from typing import Annotated

import typer

ModelAlias = Annotated[str | None, typer.Option(help="Alias of the version that scores.")]
TrackingUri = Annotated[str | None, typer.Option(help="MLflow, where the model is registered.")]
