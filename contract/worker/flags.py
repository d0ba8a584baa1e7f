"""Flags that several commands take."""

from typing import Annotated

import typer

BootstrapServers = Annotated[
    str | None, typer.Option(show_default="127.0.0.1:9092", help="Kafka's address; default: KAFKA_BOOTSTRAP_SERVERS.")
]
StateDir = Annotated[str | None, typer.Option(help="Folder of stores, spool and reports.")]
StreamName = Annotated[str | None, typer.Option("--stream", help="Name of one of several streams.")]
TopicPrefix = Annotated[str | None, typer.Option(help="Prefix of every topic and group.")]
Partitions = Annotated[int | None, typer.Option(help="Partitions of topics that are created.")]
Dataset = Annotated[str | None, typer.Option(help="Schema: a shipped name or a TOML file.")]
ModelName = Annotated[str | None, typer.Option(help="Registered model.")]
ModelAlias = Annotated[str | None, typer.Option(help="Alias of the version that scores.")]
TrackingUri = Annotated[str | None, typer.Option(help="MLflow's address; default: MLFLOW_TRACKING_URI.")]
AlertRulesFile = Annotated[
    str | None, typer.Option(help="TOML file that says which alerts are made, and where they go.")
]
Instance = Annotated[str | None, typer.Option(help="Stable name of this worker, for quick restarts.")]
MetricsPort = Annotated[int | None, typer.Option(help="Serve metrics for Prometheus on this port; 0: any free port.")]
LogFormatFlag = Annotated[str | None, typer.Option("--log-format", help="text, or json for machines.")]
Sheet = Annotated[str | None, typer.Option("--sheet", help="Sheet of a workbook: its name, or its number from 1.")]
Encoding = Annotated[str | None, typer.Option("--encoding", help="Encoding of a text table: cp1252, utf-16, …")]
TimeColumnFlag = Annotated[
    str | None,
    typer.Option("--time-column", help="Column that says when each row's record came; default: the schema's."),
]
TimeFormat = Annotated[
    str | None, typer.Option(help="Format of these times for strptime, such as %d.%m.%y; default: detected.")
]
TimeZone = Annotated[
    str | None, typer.Option(show_default="UTC", help="Zone of times without an offset, such as Europe/Vienna.")
]
LabelTimeColumn = Annotated[
    str | None, typer.Option("--label-time-column", help="Column that says when each label was known.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what happens.")]
