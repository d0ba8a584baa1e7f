"""``churnstream promote``, ``churnstream rollback`` and ``churnstream challenge``."""

from typing import Annotated

import typer

from contract.worker.flags import BootstrapServers, Dataset, ModelAlias, ModelName, StreamName, TopicPrefix, TrackingUri
from training.defaults import NOT_PROMOTED


def promote(
    version: Annotated[str, typer.Argument(help="A version's number, such as 3 or churn/3, or an alias: @challenger.")],
    force: Annotated[bool, typer.Option("--force", help="Give it the alias despite all objections.")] = False,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live",
            help="Also count its answers on the stream as challenger. This is the default for @challenger.",
            show_default=False,
        ),
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Make a registered version the champion, if it is better than the champion by more than noise.

    The two are compared once, on the rows that were held out when the version was trained. Asking again gives the
    same answer. A challenger's answers on the stream count as well, and may be looked at as often as you like. A
    version that is no better than guessing, or too good to be true, is refused, even if there is no champion. Exit
    code 3 if it is not promoted.

    \b
    Examples:
      churnstream promote 3
      churnstream promote @challenger
    """
    from rich.console import Console

    from contract.settings import load_settings
    from training.commands.progress import Bar

    settings = load_settings(
        bootstrap_servers=bootstrap_servers,
        stream=stream,
        topic_prefix=topic_prefix,
        dataset=dataset,
        model_name=model_name,
        model_alias=model_alias,
        mlflow_tracking_uri=tracking_uri,
    )
    with Bar("comparing"):
        from training.registered.next_step import promote_anyway
        from training.registered.promotion import promote as run

        verdict = run(settings, version, force=force, live=live)
    console = Console()
    console.print(verdict.reason, highlight=False, markup=False, soft_wrap=True)
    if not verdict.promoted:
        after = promote_anyway(settings, version)
        console.print(f"Next: {after}", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(NOT_PROMOTED)


def rollback(
    stream: StreamName = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Give the champion's alias back to the version that had it before.

    \b
    Example:
      churnstream rollback
    """
    from rich.console import Console

    from contract.settings import load_settings

    settings = load_settings(
        stream=stream, dataset=dataset, model_name=model_name, model_alias=model_alias, mlflow_tracking_uri=tracking_uri
    )
    with Console(stderr=True).status("rolling back"):
        from training.registered.promotion import rollback as run

        done = run(settings)
    console = Console()
    for reason in done.passed_over:
        console.print(f"passed over: {reason}", highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"@{settings.model_alias} is {settings.model_name} v{done.now} again; it was {settings.model_name} "
        f"v{done.before}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def challenge(
    version: Annotated[
        str, typer.Argument(help="A version's number, such as 3 or churn/3, or an alias.", show_default=False)
    ] = "",
    end: Annotated[bool, typer.Option("--end", help="Take the alias away: the champion scores alone.")] = False,
    stream: StreamName = None,
    dataset: Dataset = None,
    model_name: ModelName = None,
    model_alias: ModelAlias = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """Have a registered version score beside the champion, so that live traffic judges it.

    It gets the alias `challenger`. Each scorer loads it within CHURNSTREAM_MODEL_POLL_MS, and publishes its answers to
    the same records under the role `challenger`. They are joined and measured separately, and decide nothing. Its time
    is limited to a share of the champion's (CHURNSTREAM_CHALLENGER_BUDGET). It is dropped if it needs more.

    \b
    Examples:
      churnstream challenge 3
      churnstream challenge --end
    """
    from rich.console import Console

    from contract.errors import UserError
    from contract.settings import load_settings

    if end == bool(version):
        raise UserError("give a version, such as `churnstream challenge 3`, or --end")
    settings = load_settings(
        stream=stream, dataset=dataset, model_name=model_name, model_alias=model_alias, mlflow_tracking_uri=tracking_uri
    )
    with Console(stderr=True).status("looking at the registry"):
        from training.registered.challenge import challenge as run
        from training.registered.challenge import end_challenge

        said = end_challenge(settings) if end else run(settings, version)
    Console().print(said, highlight=False, markup=False, soft_wrap=True)
