"""``churnstream replay`` and ``churnstream data synth``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from contract.split.defaults import DEFAULT_SPLIT_SEED, DEFAULT_TEST_SHARE
from contract.worker.flags import (
    BootstrapServers,
    Dataset,
    Encoding,
    LabelTimeColumn,
    Partitions,
    Sheet,
    StreamName,
    TimeColumnFlag,
    TimeFormat,
    TimeZone,
    TopicPrefix,
    Verbose,
)

DEFAULT_ROWS = 10_000
DEFAULT_SEED = 42

data = typer.Typer(help="Make sample data, and describe your own tables.", no_args_is_help=True)

_ROWS = "Customers of the synthetic bank."
_SEED = "Seed of the synthetic bank: the same one gives the same customers."


def replay(
    table: Annotated[Path | None, typer.Option("--data", help="CSV, Excel or Parquet table to replay.")] = None,
    sheet: Sheet = None,
    encoding: Encoding = None,
    rows: Annotated[int | None, typer.Option(min=1, show_default=str(DEFAULT_ROWS), help=_ROWS)] = None,
    seed: Annotated[int | None, typer.Option(show_default=str(DEFAULT_SEED), help=_SEED)] = None,
    name: Annotated[
        str | None,
        typer.Option(
            show_default="from the source",
            help="Name of this replay, part of each record's id. Records sent again under the same name are "
            "duplicates.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            show_default="2025-01-01",
            help="Event time of the first record, ISO 8601, UTC. `next` starts one day after the stream's end.",
        ),
    ] = None,
    period: Annotated[
        str | None, typer.Option(show_default="30d", help="Span of event time to spread the records over.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(show_default="full speed", help="Records per second of wall time.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            show_default="full speed", help="Seconds of event time per second of wall time: 3600 for an hour."
        ),
    ] = None,
    time_column: TimeColumnFlag = None,
    time_format: TimeFormat = None,
    time_zone: TimeZone = None,
    label_time_column: LabelTimeColumn = None,
    own_dates: Annotated[
        bool, typer.Option("--own-dates/--no-own-dates", help="Replay rows at their own times, if they have any.")
    ] = True,
    since: Annotated[
        str | None, typer.Option(help="Send only records from this time on: ISO 8601, in the column's zone.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Send only records before this time.")] = None,
    only: Annotated[
        Literal["held-out"] | None, typer.Option(help="held-out: only customers that training held out.")
    ] = None,
    split_seed: Annotated[int, typer.Option(help="Seed with which training held them out.")] = DEFAULT_SPLIT_SEED,
    test_share: Annotated[
        float, typer.Option(help="Share of the customers that training held out.")
    ] = DEFAULT_TEST_SHARE,
    other_labels: Annotated[
        Literal["refuse", "unknown"],
        typer.Option(help="Rows whose label has a third value: refuse the table, or send them without a label."),
    ] = "refuse",
    label_delay: Annotated[
        str | None,
        typer.Option(
            show_default="see below",
            help="How long after its record a label comes.",
        ),
    ] = None,
    positive_label_delay: Annotated[
        str | None,
        typer.Option(show_default="as the others", help="How long after its record a label of 1 comes."),
    ] = None,
    label_share: Annotated[
        float | None, typer.Option(show_default="1.0", help="Share of the records that ever get a label.")
    ] = None,
    negative_label_share: Annotated[
        float | None,
        typer.Option(
            show_default="as the others", help="Share of the customers who stay that ever get a label; 0: none."
        ),
    ] = None,
    weekdays: Annotated[
        str | None,
        typer.Option(show_default="all alike", help="Records from Monday to Sunday, such as 1,1,1,1,1,0.3,0.3."),
    ] = None,
    passes: Annotated[
        int, typer.Option(min=1, help="Send each customer this many times, each time as a new record.")
    ] = 1,
    drift: Annotated[
        list[str] | None, typer.Option(help="Drift to inject, see below. May be given several times.")
    ] = None,
    scenario_file: Annotated[
        Path | None,
        typer.Option("--scenario", help="TOML file with these options (label_delay = …) and drift. Flags override it."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Skip what the stream has passed, to continue after Ctrl-C or with new rows."),
    ] = False,
    end: Annotated[
        bool,
        typer.Option("--end/--no-end", help="Send an end of stream after the last record, so that all windows close."),
    ] = True,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    partitions: Partitions = None,
    dataset: Dataset = None,
    verbose: Verbose = False,
) -> None:
    """Send customers, and later their labels, to Kafka as if it were happening now.

    Rows become records on `customers`, spread over simulated time. Each record's label follows on `labels` after its
    delay. If the schema or --time-column names a time column, records are sent at their own times. With
    --label-time-column, so are labels. Private columns are never read. Ctrl-C stops the replay cleanly. The same
    command sends the same records again, and the monitor drops them as duplicates. With --resume, it continues where
    the stream is.

    \b
    Examples:
      churnstream replay --rows 20000
      churnstream replay --data customers.csv --period 90d --rate 500
      churnstream replay --rows 20000 --drift Age:shift=8,from=20d
      churnstream replay --label-delay 5d --positive-label-delay 2d --label-share 0.9
      churnstream replay --rows 1000 --passes 30 --weekdays 1,1,1,1,1,0.3,0.3
      churnstream replay --start next --drift Age:shift=8
      churnstream replay --data history.csv --time-column snapshot_date --label-time-column left_on --speed 86400
      churnstream replay --data history.csv --since 2024-07-01 --only held-out

    \b
    Drift is FEATURE:KIND=AMOUNT. You can add from= and until= (an offset
    from the start, or ISO 8601), on= (days of the week) and where= (which
    rows):
      Age:shift=8,from=20d,until=25d          add 8 years
      Balance:scale=1.3,from=20d              multiply by 1.3
      Geography:mix=0.5,to=Germany,from=20d   half of all become German
      EstimatedSalary:missing=0.1             null for a tenth
      Age:shift=5,on=sat+sun                  older customers at weekends
      flip=0.3,where=Age=40..60,from=20d      flip 30 % of these labels

    \b
    Label delay is exponential:mean=3d,max=20d unless you say otherwise:
      3d                                      always three days
      uniform:mean=3d                         0 to 6 days
      lognormal:mean=3d,sigma=0.8,max=20d     a long tail, cut at 20 days
      gamma:mean=3d,shape=2,max=20d           few at once, most by 5 days

    Exit code: 0, 1 if Kafka did not accept all messages, 2 for a mistake in the input, 130 after Ctrl-C.
    """
    from dataclasses import replace

    from contract.errors import UserError
    from contract.schema import load_schema
    from contract.settings import load_settings
    from contract.tables.options import ReadOptions
    from contract.tables.times import TimeOptions
    from contract.topics import CUSTOMERS
    from contract.worker.clock import SystemClock
    from contract.worker.logs import configure_logging
    from contract.worker.process import stop_on_signals
    from producer.continuing import NEXT, next_start, passed_before, replay_name, stream_reached
    from producer.display import progress_shown, summary, warnings
    from producer.history_told import already_past, history_warnings, told
    from producer.opening import open_source
    from producer.replay import replay as run
    from producer.scenario_options import ScenarioOptions, read_scenario
    from producer.sources import RowSelection

    if table and (rows is not None or seed is not None):
        raise UserError(
            "--rows and --seed are only for the synthetic bank; leave them out when you give a table with --data"
        )
    configure_logging(verbose)
    settings = load_settings(
        stream=stream,
        topic_prefix=topic_prefix,
        partitions=partitions,
        dataset=dataset,
        bootstrap_servers=bootstrap_servers,
    )
    times = TimeOptions(time_column, time_format, time_zone, label_time_column)
    schema = times.over(load_schema(settings.dataset))
    if table is None and times != TimeOptions():
        raise UserError(
            "--time-column and the other time options need a table, because the synthetic bank has no times; give "
            "--data FILE"
        )
    if not own_dates or table is None:
        schema = replace(schema, time=None, label_time=None)
    selection = RowSelection(since, until, only is not None, split_seed, test_share, other_labels == "unknown")
    opened = open_source(
        table,
        rows or DEFAULT_ROWS,
        DEFAULT_SEED if seed is None else seed,
        schema,
        passes,
        ReadOptions(sheet, encoding),
        selection,
    )
    source, history = opened.source, opened.history
    follows = next_start(settings) if start == NEXT and history is None else None
    given = ScenarioOptions(
        follows or start,
        period,
        rate,
        label_delay,
        positive_label_delay,
        label_share,
        negative_label_share,
        weekdays,
        speed,
        tuple(drift or ()),
    )
    own_times = None if history is None else (history.facts.first, history.facts.last)
    scenario = given.over(read_scenario(scenario_file) if scenario_file else ScenarioOptions()).build(schema, own_times)
    now = SystemClock().now()
    for line in told(history) if history else opened.said:
        typer.echo(line, err=True)
    for repair in opened.repairs:
        typer.echo(f"warning: {repair}", err=True)
    reached = stream_reached(settings) if history or resume else {}
    found = (
        (
            *history_warnings(history.facts, schema, settings, scenario.longest_label_delay, now),
            *already_past(history.facts, None if resume else reached.get(CUSTOMERS), settings.label_lateness),
        )
        if history
        else warnings(scenario, len(source), settings.label_lateness, now)
    )
    for warning in found:
        typer.echo(f"warning: {warning}", err=True)
    with progress_shown(len(source)) as progress:
        result = run(
            settings,
            source,
            scenario,
            name or replay_name(opened.name, follows),
            stop=stop_on_signals(),
            end=end,
            passed=passed_before(reached, settings) if resume else None,
            progress=progress,
        )
    typer.echo(summary(result))
    if result.failures:
        typer.echo(f"error: Kafka did not accept {result.failures:,} messages; {result.first_failure}", err=True)
    if result.interrupted:
        raise typer.Exit(130)
    if result.failures:
        raise typer.Exit(1)


@data.command()
def synth(
    out: Annotated[Path, typer.Option(help="CSV file to write.")],
    rows: Annotated[int, typer.Option(min=1, help=_ROWS)] = DEFAULT_ROWS,
    seed: Annotated[int, typer.Option(help=_SEED)] = DEFAULT_SEED,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write the synthetic bank as a CSV file: the columns of the public bank-churn table, with invented customers.

    \b
    Example:
      churnstream data synth --rows 10000 --out customers.csv
      churnstream replay --data customers.csv
    """
    from contract.errors import UserError
    from producer.synthetic import write_csv

    if out.exists() and not force:
        raise UserError(f"--out {out} already exists; give another path, or --force to replace it")
    write_csv(out, rows, seed)
    typer.echo(f"{out}: {rows:,} customers")
