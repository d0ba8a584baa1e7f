"""The command ``churnstream``. Commands import what they need when they run, so that ``--help`` is instant."""

import io
import os
import sys
import traceback
from typing import Annotated

import typer

from churnstream import __version__
from churnstream.commands import alerts as alerts_cli
from churnstream.commands import backtest as backtest_cli
from churnstream.commands import dashboard as dashboard_cli
from churnstream.commands import demo as demo_cli
from churnstream.commands import kafka as kafka_cli
from churnstream.commands import letters as letters_cli
from churnstream.commands import report as report_cli
from churnstream.commands import reset as reset_cli
from churnstream.commands import schema as schema_cli
from churnstream.commands import stack as stack_cli
from churnstream.commands import status as status_cli
from churnstream.commands import windows as windows_cli
from churnstream.failures import explained
from contract.errors import UserError
from contract.masking import without_secrets
from monitor import cli as monitor_cli
from producer import cli as producer_cli
from scorer import cli as scorer_cli
from scorer import serve_cli
from training.commands import compare as compare_cli
from training.commands import explore as explore_cli
from training.commands import infer as infer_cli
from training.commands import promotion as promotion_cli
from training.commands import retrain as retrain_cli
from training.commands import review as review_cli
from training.commands import train as training_cli

TELEMETRY_OFF = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}

app = typer.Typer(
    name="churnstream",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(kafka_cli.app, name="kafka")
producer_cli.data.command()(infer_cli.infer)
app.add_typer(producer_cli.data, name="data")
app.command()(training_cli.train)
app.command()(retrain_cli.retrain)
app.command()(explore_cli.explore)
app.command()(compare_cli.compare)
app.command()(review_cli.review)
app.command()(promotion_cli.promote)
app.command()(promotion_cli.rollback)
app.command()(promotion_cli.challenge)
app.command()(producer_cli.replay)
app.command()(scorer_cli.score)
app.command()(serve_cli.serve)
app.command()(monitor_cli.join)
app.command()(monitor_cli.monitor)
app.command()(report_cli.report)
app.command()(dashboard_cli.dashboard)
app.command()(alerts_cli.alerts)
app.command()(status_cli.status)
app.command()(letters_cli.dead_letters)
app.command()(letters_cli.redrive)
app.command()(schema_cli.schema)
app.command()(windows_cli.windows)
app.command()(demo_cli.demo)
app.command()(backtest_cli.backtest)
app.command()(demo_cli.mlflow)
app.command()(demo_cli.doctor)
app.command()(reset_cli.reset)
app.command()(stack_cli.init)
app.command()(stack_cli.showcase)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"churnstream {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Score a stream of customers for churn on Kafka, and monitor how well the model still works."""


def main() -> None:
    """Run the command line.

    A user's mistake, a full disk and the like are one message on stderr and exit code 2, Ctrl-C is exit code 130. What
    else goes wrong is a traceback and exit code 1. No secret is in either.
    """
    for stream in (sys.stdout, sys.stderr):
        # a terminal that lacks a sign must not end a command
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for name, value in TELEMETRY_OFF.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        line = explained(error)
        told = traceback.format_exc() if line is None else f"error: {line}\n"
        print(without_secrets(told), end="", file=sys.stderr)
        sys.exit(1 if line is None else 2)
