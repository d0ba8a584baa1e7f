"""The command ``churnstream``. Commands import what they need when they run, so that ``--help`` is instant."""

import io
import os
import sys
import traceback
from collections.abc import Callable
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
producer_cli.data.command()(infer_cli.infer)

_DATA, _RUN, _LOOK, _FIX = "Data and models", "Run a stream", "Look at a stream", "Find and fix problems"
_PANELS: dict[str, tuple[Callable[..., None], ...]] = {
    "Start here": (demo_cli.demo, backtest_cli.backtest),
    _DATA: (
        explore_cli.explore,
        training_cli.train,
        review_cli.review,
        compare_cli.compare,
        promotion_cli.promote,
        promotion_cli.rollback,
        promotion_cli.challenge,
        retrain_cli.retrain,
    ),
    _RUN: (
        stack_cli.init,
        scorer_cli.score,
        monitor_cli.join,
        monitor_cli.monitor,
        serve_cli.serve,
        producer_cli.replay,
        stack_cli.showcase,
    ),
    _LOOK: (
        status_cli.status,
        dashboard_cli.dashboard,
        demo_cli.mlflow,
        report_cli.report,
        alerts_cli.alerts,
        windows_cli.windows,
        schema_cli.schema,
    ),
    _FIX: (demo_cli.doctor, letters_cli.dead_letters, letters_cli.redrive, reset_cli.reset),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(producer_cli.data, name="data", rich_help_panel=_DATA)
app.add_typer(kafka_cli.app, name="kafka", rich_help_panel=_RUN)


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
    """Score a stream of customers for churn on Kafka, and monitor how well the model still works.

    New here? `churnstream demo` shows everything on a simulated bank, and `churnstream backtest history.csv` on your
    own table. Both bring their own Kafka. Each command has its own --help.
    """


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
