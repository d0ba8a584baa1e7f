"""``churnstream train``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from contract.split.defaults import DEFAULT_SPLIT_SEED, DEFAULT_TEST_SHARE
from contract.worker.flags import (
    Dataset,
    Encoding,
    LabelTimeColumn,
    ModelAlias,
    ModelName,
    Sheet,
    StreamName,
    TimeColumnFlag,
    TimeFormat,
    TimeZone,
    TrackingUri,
    Verbose,
)
from training.defaults import DEFAULT_SEED, NOT_PROMOTED, OnBadRows, SearchName, Split

if TYPE_CHECKING:
    from contract.settings import Settings
    from contract.tables.options import ReadOptions
    from training.selection.search import Plan

Protocol = Literal["honest", "report"]
Task = Literal["classification", "regression"]

_Name = TypeVar("_Name", bound=str)


def train(
    table: Annotated[Path, typer.Option("--data", help="Table with labels: CSV, Parquet or Excel.")],
    sheet: Sheet = None,
    encoding: Encoding = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Compare all kinds of model with all samplings, and register the best.")
    ] = False,
    kinds: Annotated[
        str | None, typer.Option(help="Compare only these kinds, separated by commas: xgboost,logistic,voting.")
    ] = None,
    samplings: Annotated[
        str | None, typer.Option(help="Samplings to compare, separated by commas: plain, weights, smote.")
    ] = None,
    search: Annotated[
        SearchName | None, typer.Option(help="How hyper-parameters are searched; random with --all.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds for the whole search; each candidate's defaults are always measured."),
    ] = None,
    trials: Annotated[int | None, typer.Option(min=0, help="Trials for each kind and sampling.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Folds fitted at once; by default one per core.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the folds, the search and the models.")] = DEFAULT_SEED,
    split: Annotated[
        Split | None,
        typer.Option(
            help="What is held out: customers, or the newest rows. By default the newest rows "
            "if there is a time column and ids do not repeat."
        ),
    ] = None,
    split_seed: Annotated[
        int, typer.Option(help="Seed of the split by customer; models of different seeds cannot be compared.")
    ] = DEFAULT_SPLIT_SEED,
    test_share: Annotated[
        float, typer.Option(help="Share of the customers, or of the rows, that is held out.")
    ] = DEFAULT_TEST_SHARE,
    gap: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="With --split time: the time between the rows to learn from and the held-out rows. "
            "By default as long as labels take.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Learn only from rows before this time, and labels known before it: ISO 8601."),
    ] = None,
    time_column: TimeColumnFlag = None,
    time_format: TimeFormat = None,
    time_zone: TimeZone = None,
    label_time_column: LabelTimeColumn = None,
    split_dir: Annotated[Path | None, typer.Option(help="Folder to write the split to, besides MLflow.")] = None,
    on_bad_rows: Annotated[
        OnBadRows, typer.Option(help="Rows that violate the schema: stop, skip, or leave out and report each.")
    ] = "report",
    protocol: Annotated[
        Protocol, typer.Option(help="report: reproduce the report's figures beside the honest ones; registers nothing.")
    ] = "honest",
    task: Annotated[
        Task, typer.Option(help="regression: fit the label as a number; registers nothing.")
    ] = "classification",
    figures: Annotated[
        bool, typer.Option("--figures/--no-figures", help="Draw figures, and measure which features matter.")
    ] = True,
    cost_fn: Annotated[
        float | None, typer.Option(help="What a missed churner costs; with --cost-fp it sets the threshold.")
    ] = None,
    cost_fp: Annotated[float | None, typer.Option(help="What a needless call costs, in the same unit.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Give it the alias despite all objections.")] = False,
    stream: StreamName = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
    verbose: Verbose = False,
) -> None:
    """Train a model on a table and register it in MLflow.

    By default, 15 % of the customers are held out or, if rows have dates, the newest 15 % of the rows. Models are only
    measured on these, once. Everything is chosen on validation folds of the other rows. Without more options, XGBoost
    is trained with its usual parameters, in seconds. With --all, eight kinds of model and two made of the best three
    compete, each plain, with class weights and with SMOTE inside the training folds. The first model becomes the
    champion. A later one does only if it is better by more than noise. A model that is no better than guessing, or too
    good to be true, does not. Exit code 3 if the model does not become champion. With --until, the table counts as it
    was known at that moment: replay the rest to see how the model would have done.

    \b
    Examples:
      churnstream train --data customers.csv
      churnstream train --data customers.csv --all --budget 600
      churnstream train --data history.csv --time-column snapshot_date --until 2024-07-01
      churnstream train --data customers.csv --kinds xgboost,logistic --search bayes --trials 30
    """
    from contract.errors import UserError
    from contract.settings import load_settings
    from contract.tables.options import ReadOptions
    from contract.worker.logs import configure_logging

    configure_logging(verbose)
    settings = load_settings(
        stream=stream, dataset=dataset, model_name=model_name, model_alias=model_alias, mlflow_tracking_uri=tracking_uri
    )
    from training.quality.costs import read_costs

    options = ReadOptions(sheet, encoding)
    costs = read_costs(cost_fn, cost_fp)
    comparing = everything or any(given is not None for given in (kinds, samplings, search, budget, trials))
    if protocol == "report" or task == "regression":
        if until is not None or test_share != DEFAULT_TEST_SHARE or split == "time" or gap is not None:
            raise UserError(
                "--protocol report and --task regression measure on the whole table; leave out --until, --test-share, "
                "--split time and --gap"
            )
        if costs is not None:
            raise UserError(
                "--protocol report and --task regression do not use costs; leave out --cost-fn and --cost-fp"
            )
        _without_registering(settings, table, options, on_bad_rows, protocol, task, seed, split_seed, comparing)
        return
    plan = _plan(kinds, samplings, search, budget, trials, jobs, seed) if comparing else None
    from training.commands.progress import Bar
    from training.commands.show import show

    with Bar("training") as bar:
        from contract.tables.times import TimeOptions
        from training.train import train as run

        result = run(
            settings,
            table,
            seed=seed,
            force=force,
            split=split,
            split_seed=split_seed,
            test_share=test_share,
            gap=gap,
            until=until,
            times=TimeOptions(time_column, time_format, time_zone, label_time_column),
            split_dir=split_dir,
            on_bad_rows=on_bad_rows,
            options=options,
            plan=plan,
            listener=bar,
            figures=figures,
            costs=costs,
        )
    show(result, settings)
    if not result.verdict.promoted:
        raise typer.Exit(NOT_PROMOTED)


def _plan(
    kinds: str | None,
    samplings: str | None,
    search: SearchName | None,
    budget: float | None,
    trials: int | None,
    jobs: int | None,
    seed: int,
) -> "Plan":
    import joblib

    from training.kinds.kinds import KINDS
    from training.kinds.sampling import SAMPLINGS
    from training.selection.search import Plan
    from training.table.split import FOLDS

    return Plan(
        search=search or "random",
        kinds=_of("--kinds", kinds, tuple(KINDS)),
        samplings=_of("--samplings", samplings, SAMPLINGS),
        budget=budget,
        trials=trials,
        seed=seed,
        jobs=jobs or min(joblib.cpu_count(), FOLDS),
    )


def _of(option: str, given: str | None, known: tuple[_Name, ...]) -> tuple[_Name, ...]:
    """The known names among those given with commas, in their own order."""
    from contract.errors import UserError

    names = set(known) if given is None else {name.strip() for name in given.split(",") if name.strip()}
    unknown = sorted(names - set(known))
    if unknown or not names:
        raise UserError(
            f"{option} got {unknown[0] if unknown else 'nothing'!r}; give one or more of {', '.join(known)}, separated "
            "by commas"
        )
    return tuple(name for name in known if name in names)


def _without_registering(
    settings: "Settings",
    table: Path,
    options: "ReadOptions",
    on_bad_rows: OnBadRows,
    protocol: Protocol,
    task: Task,
    seed: int,
    split_seed: int,
    comparing: bool,
) -> None:
    """The report's protocol or the regression: figures in MLflow and on the screen, and no model."""
    from rich.console import Console

    from contract.errors import UserError
    from contract.schema import load_schema

    if protocol == "report" and task == "regression":
        raise UserError("--protocol report includes the regression; give only one of --protocol and --task")
    if comparing:
        raise UserError(
            "--protocol report and --task regression do not compare kinds of model; leave out --all, --kinds, "
            "--samplings, --search, --budget and --trials"
        )
    from training.commands.progress import Bar
    from training.steps import part

    schema = load_schema(settings.dataset)
    with Bar("training") as bar:
        from training.protocol import regression, study
        from training.table.prepare import read_table

        rows = read_table(table, schema, on_bad_rows=on_bad_rows, options=options)
        run = study.run if protocol == "report" else regression.run
        lines = run(
            settings, rows, schema, seed=seed, split_seed=split_seed, tell=part(bar.progress, 0.05, 1.0)
        ).show_lines()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        console.print(line)
