"""``churnstream kafka``: Apache Kafka on this machine, with nothing to install."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from churnstream.local_kafka.broker import LocalKafka

DEFAULT_PORT = 9092

app = typer.Typer(
    help="Run Apache Kafka on this machine: one real node, on 127.0.0.1 only. It needs neither Docker nor Java.",
    no_args_is_help=True,
)
Directory = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        file_okay=False,
        show_default="kafka in CHURNSTREAM_STATE_DIR, which is ~/.local/state/churnstream/kafka",
        help="Folder for the broker's data, configuration and log.",
    ),
]


@app.command()
def fetch() -> None:
    """Download Kafka now (45 MB, once per user), so that later starts need no network."""
    from churnstream.local_kafka import runtime as kafka_runtime

    folder = kafka_runtime.fetch()
    kafka_runtime.java()
    print(f"Apache Kafka {kafka_runtime.KAFKA_VERSION} is in {folder}")


@app.command()
def start(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free port.")
    ] = DEFAULT_PORT,
    directory: Directory = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Give up if the broker's log does not grow for so many seconds.")
    ] = 60.0,
) -> None:
    """Start a broker that keeps running after this command and its shell have ended.

    Its data stays in the folder, and a broker that is started there again continues with it. Topics are not created
    automatically on first use. churnstream's commands create the topics they need.
    """
    broker = _broker(directory, port or None)
    broker.start(timeout, on_wait=lambda line: print(f"still starting: {line}", file=sys.stderr))
    print(f"Kafka answers at {broker.bootstrap_servers} (pid {broker.pid}), log in {broker.log_path}")
    if broker.port != DEFAULT_PORT:
        print(f"For the other commands: export KAFKA_BOOTSTRAP_SERVERS={broker.bootstrap_servers}")


@app.command()
def stop(directory: Directory = None) -> None:
    """Stop the broker of a folder. Its data stays; delete the folder to get rid of it."""
    broker = _broker(directory)
    pid = broker.pid
    broker.stop()
    print(f"no broker runs in {broker.directory}" if pid is None else f"stopped the broker in {broker.directory}")


@app.command()
def status(directory: Directory = None) -> None:
    """Show whether a broker runs in a folder, and where. Exit code 0: it answers; 1: it does not answer or run."""
    broker = _broker(directory)
    pid = broker.pid
    if pid is None:
        print(f"no broker runs in {broker.directory}; start one with: churnstream kafka start")
        raise typer.Exit(1)
    answers = broker.answers()
    verb = "answers" if answers else "does not answer"
    print(f"Kafka {verb} at {broker.bootstrap_servers} (pid {pid}), log in {broker.log_path}")
    raise typer.Exit(0 if answers else 1)


def _broker(directory: Path | None, port: int | None = None) -> "LocalKafka":
    from churnstream.local_kafka.broker import LocalKafka
    from contract.settings import load_settings

    return LocalKafka(directory or load_settings().state_dir / "kafka", port, detached=True)
