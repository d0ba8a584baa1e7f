"""``churnstream compare``: two models on the same rows that neither has learned from.

The comparison is a run of its own; a crash leaves it marked as failed or running.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from contract.arrays import Labels
from contract.errors import UserError
from contract.models.registry import load_registered, out_of_reach, positive_probabilities, registry_client
from contract.schema import Schema, load_schema
from contract.settings import Settings
from contract.tables.options import AS_FOUND, ReadOptions
from training.defaults import DEFAULT_BOOTSTRAP_SEED
from training.quality.clusters import Customers
from training.quality.evaluate import evaluate
from training.quality.intervals import Difference, McNemar, ScoredRows, bootstrap, mcnemar, paired_bootstrap
from training.registered import tags
from training.registered.compare_rows import Common, kept_rows, unseen_rows
from training.registered.mlflow_runs import EXPERIMENT, open_run, where
from training.registered.validation_file import VALIDATION_ARTIFACT, read_validation
from training.registered.versions import CANDIDATES, FORMS, Version, describe, find, is_run_id, is_version
from training.steps import Tell, untold
from training.table.prepare import read_table

if TYPE_CHECKING:
    from mlflow import MlflowClient

FIGURE = "figures/comparison.png"


@dataclass(frozen=True)
class Contrast:
    """Two models' metrics with intervals, first and second; differences are the first's minus the second's."""

    metrics: tuple[dict[str, float], dict[str, float]]
    intervals: tuple[dict[str, tuple[float, float]], dict[str, tuple[float, float]]]
    differences: dict[str, Difference]
    mcnemar: McNemar


@dataclass(frozen=True)
class Compared:
    """What was found, for whom and on which rows, and where the picture is (a link or a path)."""

    titles: tuple[str, str]
    rows: str
    contrast: Contrast
    run_id: str
    figure: str


@dataclass(frozen=True)
class _Sides:
    titles: tuple[str, str]
    y: Labels
    models: tuple[ScoredRows, ScoredRows]
    rows: str
    customers: Customers | None


def contrast(
    y: Labels, first: ScoredRows, second: ScoredRows, *, seed: int, customers: Customers | None = None
) -> Contrast:
    """Compare two models' probabilities for the same rows, each at its own threshold."""
    return Contrast(
        metrics=(
            evaluate(y, first.probabilities, first.threshold),
            evaluate(y, second.probabilities, second.threshold),
        ),
        intervals=(
            bootstrap(y, first.probabilities, first.threshold, seed=seed, customers=customers),
            bootstrap(y, second.probabilities, second.threshold, seed=seed, customers=customers),
        ),
        differences=paired_bootstrap(y, first, second, seed=seed, customers=customers),
        mcnemar=mcnemar(y, first, second, customers),
    )


def compare_models(
    settings: Settings,
    first: str,
    second: str,
    table: Path | pd.DataFrame | None = None,
    *,
    options: ReadOptions = AS_FOUND,
    seed: int = DEFAULT_BOOTSTRAP_SEED,
    tell: Tell = untold,
) -> Compared:
    """Compare two registered versions, or two runs' candidates, and log the comparison.

    Versions are compared on rows of ``table`` (a file is read by ``options``) that neither has seen, or, without one,
    on the held-out rows that are kept with them. Candidates that were not registered are compared on their out-of-fold
    probabilities.

    Raises:
        UserError: a model is not there, there are no rows that both can be measured on, or MLflow does not answer.
    """
    schema = load_schema(settings.dataset)
    client = registry_client(settings)
    from mlflow.exceptions import MlflowException

    from training.quality.figures import comparison

    try:
        tell(0.0, "reading models and rows")
        sides = _sides(client, settings, schema, (first, second), table, options)
        tell(0.5, "measuring both models")
        found = contrast(sides.y, *sides.models, seed=seed, customers=sides.customers)
        tell(0.9, "drawing")
        name = f"compare {_short(sides.titles[0])} {_short(sides.titles[1])}"
        with open_run(client, name, {tags.SCHEMA_FINGERPRINT: schema.fingerprint}) as run:
            run.log(_logged(found), {"first": sides.titles[0], "second": sides.titles[1], "rows": sides.rows})
            pairs = (sides.titles[0], sides.models[0]), (sides.titles[1], sides.models[1])
            run.figure(comparison(sides.y, pairs, found.differences), FIGURE)
            place = where(settings, run, FIGURE)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return Compared(sides.titles, sides.rows, found, run.run_id, place)


def _sides(
    client: "MlflowClient",
    settings: Settings,
    schema: Schema,
    named: tuple[str, str],
    table: Path | pd.DataFrame | None,
    options: ReadOptions,
) -> _Sides:
    named = _by_id(client, named[0]), _by_id(client, named[1])
    first, second = (_version(client, settings, text) for text in named)
    if first is not None and second is not None:
        return _of_versions(client, schema, (first, second), table, options)
    if not all(is_run_id(text) for text in named):
        candidate = named[0] if first is None else named[1]
        raise UserError(
            f"run {candidate} has no registered version, and a version is compared with versions only; compare two "
            f"candidates, or two versions"
        )
    if table is not None:
        raise UserError("candidates are compared on their out-of-fold probabilities; leave --data out")
    return _of_candidates(client, named)


def _by_id(client: "MlflowClient", text: str) -> str:
    """``text`` if it is a version's name or a run's id, else the id of the newest run that is called so."""
    name = text.strip()
    if is_version(name) or is_run_id(name):
        return name
    unknown = UserError(f"{text!r} names no model; give {FORMS}, or {CANDIDATES}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None or "'" in name or not name:
        raise unknown
    called = f"attributes.run_name = '{name}'"
    found = client.search_runs(
        [experiment.experiment_id], called, order_by=["attributes.start_time DESC"], max_results=1
    )
    if not found:
        raise unknown
    return str(found[0].info.run_id)


def _version(client: "MlflowClient", settings: Settings, text: str) -> Version | None:
    """The version that is meant; None for a run without one."""
    if not is_run_id(text):
        return find(client, settings, text)
    found = client.search_model_versions(f"run_id = '{text}'")
    mine = [version for version in found if version.name == settings.model_name] or list(found)
    if not mine:
        return None
    return describe(client, settings.model_copy(update={"model_name": mine[0].name}), int(mine[0].version))


def _of_versions(
    client: "MlflowClient",
    schema: Schema,
    versions: tuple[Version, Version],
    table: Path | pd.DataFrame | None,
    options: ReadOptions,
) -> _Sides:
    first, second = versions
    if (first.settings.model_name, first.number) == (second.settings.model_name, second.number):
        raise UserError(f"both names mean {first.title}; name two models: {FORMS}")
    common: Common
    if table is None:
        common = kept_rows(client, first, second, schema)
    else:
        times = any(version.by_time for version in versions)
        common = unseen_rows(client, versions, read_table(table, schema, options=options, times=times), schema)
    models = []
    for version in versions:
        loaded = load_registered(version.settings, version.number, schema)
        models.append(ScoredRows(positive_probabilities(loaded.classifier, common.X), loaded.card.threshold))
    return _Sides((first.title, second.title), common.y, (models[0], models[1]), common.source, common.customers)


def _of_candidates(client: "MlflowClient", run_ids: tuple[str, str]) -> _Sides:
    if run_ids[0] == run_ids[1]:
        raise UserError(f"both names mean run {run_ids[0]}; name two runs")
    (first, one), (second, other) = (_candidate(client, run_id.strip()) for run_id in run_ids)
    if first.tags.get(tags.SPLIT_HASH) != second.tags.get(tags.SPLIT_HASH) or not (
        len(one[0]) == len(other[0]) and (one[0] == other[0]).all()
    ):
        raise UserError(
            f"{first.title} and {second.title} were validated on different rows; compare candidates of one training, "
            f"or register both and compare the versions"
        )
    rows = f"{len(one[0]):,} rows, out of fold"
    return _Sides((first.title, second.title), one[0], (one[1], other[1]), rows, one[2])


@dataclass(frozen=True)
class _ComparedVersion:
    title: str
    tags: Mapping[str, str]


def _candidate(
    client: "MlflowClient", run_id: str
) -> tuple[_ComparedVersion, tuple[Labels, ScoredRows, Customers | None]]:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise UserError(f"there is no run {run_id} in MLflow; give {CANDIDATES}") from None
    validation = read_validation(client, run_id)
    threshold = run.data.metrics.get("threshold")
    if validation is None or threshold is None:
        raise UserError(
            f"run {run_id} ({run.info.run_name}) has no {VALIDATION_ARTIFACT} or no threshold, so it cannot be "
            f"compared; give {CANDIDATES}"
        )
    y, scores, customers = validation
    return _ComparedVersion(str(run.info.run_name), run.data.tags), (y, ScoredRows(scores, threshold), customers)


def _logged(found: Contrast) -> dict[str, float]:
    values = {"mcnemar_p": found.mcnemar.p}
    values |= {"only_first_right": found.mcnemar.only_first, "only_second_right": found.mcnemar.only_second}
    for name, difference in found.differences.items():
        values |= {f"difference/{name}": difference.value}
        values |= {f"difference/{name}_low": difference.low, f"difference/{name}_high": difference.high}
        for place, side in enumerate(("first", "second")):
            values[f"{side}/{name}"] = found.metrics[place][name]
    return values


def _short(title: str) -> str:
    """``v3`` for ``churn v3``; a candidate's name as it is."""
    last = title.rsplit(" ", 1)[-1]
    return last if last[1:].isdecimal() else title
