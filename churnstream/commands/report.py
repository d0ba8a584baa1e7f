"""``churnstream report``: the drift report of any window, of a stream at work or of one that a demo has kept."""

from pathlib import Path
from typing import Annotated

import typer

from contract.worker.flags import BootstrapServers, Dataset, ModelName, StateDir, StreamName, TopicPrefix, TrackingUri
from monitor.cli import ReportFile, ReportRole, ReportStart, ReportVersion


def report(
    start: ReportStart,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Folder of an earlier demo or backtest: start its Kafka and read its stream."),
    ] = None,
    model: ModelName = None,
    version: ReportVersion = None,
    role: ReportRole = "champion",
    out: ReportFile = None,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    dataset: Dataset = None,
    state_dir: StateDir = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Make Evidently's drift report of any window, as one HTML file.

    Reads the topics `windows` and `panes`, and the version's reference sample from MLflow. No monitor has to run. The
    samples of a final window are deleted. Once Kafka has removed them, the command says where in MLflow the report is.
    With --dir it reads the stream of an earlier demo or backtest with the settings of that run.
    """
    import os

    from churnstream.demo.kept import forget_surroundings, kept_stream
    from monitor import cli

    def make(out: Path | None) -> None:
        cli.report(
            start,
            model=model,
            version=version,
            role=role,
            out=out,
            bootstrap_servers=bootstrap_servers,
            stream=stream,
            topic_prefix=topic_prefix,
            dataset=dataset,
            state_dir=state_dir,
            tracking_uri=tracking_uri,
        )

    if folder is None:
        make(out)
        return
    target = None if out is None else out.resolve()
    with kept_stream(folder) as variables:
        # where no .env of another stream is
        forget_surroundings(folder)
        os.environ.update(variables)
        make(target)
