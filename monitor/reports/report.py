"""Evidently's drift report of one window, saying what the window says. Imported in the report process only (5 s).

Evidently draws; it decides nothing. Each column's test is registered with the monitor's own distance and decision, and
the share of drifted columns from which Evidently calls a data set drifted is one that a single column reaches.
"""

import logging
import math
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.core.container import MetricContainer
from evidently.core.report import Snapshot
from evidently.legacy.calculations.stattests import StatTest, register_stattest
from evidently.legacy.core import ColumnType
from evidently.legacy.renderers.html_widgets import text_widget
from evidently.sdk.models import ProjectModel
from evidently.ui.workspace import Workspace

from contract.errors import ChurnstreamError
from contract.models.bundle import SCORE_COLUMN
from contract.schema import Schema
from contract.windows import FeatureDrift, Window
from contract.worker.logs import failure
from monitor.naming import iso_time, model_title, verdict
from monitor.reports.drift_table import DriftOfAllColumns
from monitor.reports.files import project_id, report_name, workspace_id
from monitor.reports.project_page import project_page
from monitor.reports.shown import MAX_COLUMNS, as_shown, flags_of, plain, rows_of, screen

_log = logging.getLogger("churnstream.report")
_TESTS = {"ks": "K-S distance", "chi2": "total variation (chi-square)"}


class NothingToReportError(ChurnstreamError):
    """No column of the window can be shown; the message says why for each."""


def build_report(
    window: Window,
    current: pd.DataFrame,
    reference: pd.DataFrame,
    schema: Schema,
    *,
    alpha: float,
    min_distance: float,
) -> Snapshot:
    """Run the report of ``current`` (the window's sample) against ``reference``: the schema's columns and ``score``.

    Columns that are not shown are named, with the reason, in the metadata and at the top, and so is what is not shown
    of a column (``monitor.reports.shown`` has the bounds). ``alpha``, the level, and ``min_distance`` are quoted.

    Raises:
        NothingToReportError: no column is left.
    """
    sides = current, reference
    reasons = screen(*sides, schema, window.drift.features)
    try:
        return _run(window, *sides, schema, reasons, alpha, min_distance)
    except NothingToReportError:
        raise
    except Exception:
        # one column that Evidently cannot draw must not cost the others theirs
        failing = _undrawable(window, *sides, schema, reasons, alpha, min_distance)
        if not failing:
            raise
        return _run(window, *sides, schema, reasons | failing, alpha, min_distance)


def _undrawable(
    window: Window,
    current: pd.DataFrame,
    reference: pd.DataFrame,
    schema: Schema,
    reasons: dict[str, str],
    alpha: float,
    min_distance: float,
) -> dict[str, str]:
    """The columns on which a report of that column alone fails."""
    failing: dict[str, str] = {}
    tried = [name for name in (*schema.names, SCORE_COLUMN) if name not in reasons]
    for name in tried:
        others = {other: "" for other in tried if other != name}
        try:
            _run(window, current, reference, schema, reasons | others, alpha, min_distance)
        except Exception as error:
            _log.warning("window %s: column %s cannot be drawn (%s)", window.key, name, failure(error))
            failing[name] = f"Evidently cannot draw it: {type(error).__name__}"
    return failing


def _run(
    window: Window,
    current: pd.DataFrame,
    reference: pd.DataFrame,
    schema: Schema,
    reasons: dict[str, str],
    alpha: float,
    min_distance: float,
) -> Snapshot:
    shown = [name for name in (*schema.names, SCORE_COLUMN) if name not in reasons]
    if not shown:
        raise NothingToReportError("; ".join(f"{name}: {reason}" for name, reason in reasons.items()))
    rows = rows_of(current, shown, schema), rows_of(reference, shown, schema)
    categories = [name for name in shown if name in schema.categorical]
    categories += flags_of(*rows, [name for name in shown if name in schema.numeric])
    now, then, cuts = as_shown(*rows, categories)
    definition = DataDefinition(
        numerical_columns=[name for name in shown if name not in categories],
        categorical_columns=categories,
    )
    features = [name for name in shown if name != SCORE_COLUMN] or shown
    preset = DriftOfAllColumns(
        features,
        columns=shown,
        drift_share=_share(window, features),
        per_column_method={name: _register(name, window.drift.features[name]) for name in shown},
        per_column_threshold=dict.fromkeys(shown, min_distance),
    )
    head = _ReportHead(text=_summary(window, reasons, cuts, alpha, min_distance))
    return Report([head, preset], include_tests=True).run(
        Dataset.from_pandas(now, data_definition=definition),
        Dataset.from_pandas(then, data_definition=definition),
        timestamp=datetime.fromtimestamp(window.end / 1000, UTC),
        name=report_name(window),
        tags=[verdict(window.drift), *window.drift.drifted_columns[:MAX_COLUMNS]],
        metadata=_metadata(window, reasons, cuts, len(now), len(then)),
    )


def add_to_workspace(workspace: Workspace, experiment: str, window: Window, report: Snapshot) -> None:
    """Put a report into Evidently's workspace, in the project of the experiment; it replaces the window's last one."""
    project = project_id(experiment)
    if workspace.get_project(project) is None:
        workspace.add_project(ProjectModel(id=project, name=experiment))
    if not workspace.get_dashboard(project).panels:
        workspace.save_dashboard(project, project_page(experiment))
    try:
        workspace.state.write_snapshot(project, workspace_id(window), report.to_snapshot_model())
    except OSError:
        # a half-written one would keep Evidently's pages from showing the others
        with suppress(OSError):
            workspace.delete_run(project, workspace_id(window))
        raise


def remove_from_workspace(workspace: Workspace, experiment: str, ids: Iterable[Any]) -> None:
    """Delete reports from the workspace; those that are not there are no error."""
    project = project_id(experiment)
    present = set(workspace.list_runs(project)) if workspace.get_project(project) is not None else set()
    for report_id in present.intersection(ids):
        workspace.delete_run(project, report_id)


class _ReportHead(MetricContainer):  # type: ignore[misc]  # evidently ships no types
    """The text at the top of the report; no metric."""

    text: str

    def generate_metrics(self, context: Any) -> list[Any]:  # noqa: ARG002
        return []

    def render(self, context: Any, child_widgets: Any = None) -> list[Any]:  # noqa: ARG002
        return [text_widget(text=self.text)]


def _register(column: str, drift: FeatureDrift) -> str:
    """Register a test that answers with the monitor's decision, in place of the last window's; returns its name."""

    def decided(_reference: Any, _current: Any, _type: Any, _threshold: Any) -> tuple[float, bool]:
        return drift.distance, drift.drifted

    name = f"churnstream_{column}"
    test = StatTest(
        name=name,
        display_name=f"{_TESTS[drift.test]}, adjusted p = {drift.p_adjusted:.2g}",
        allowed_feature_types=[ColumnType.Numerical, ColumnType.Categorical],
    )
    register_stattest(test, default_impl=decided)
    return name


def _share(window: Window, counted: list[str]) -> float:
    drifted = set(window.drift.drifted_columns)
    if drifted and drifted.isdisjoint(counted):
        return 0.0  # none of what drifted is counted, such as the score: the headline must say so all the same
    return math.floor(1_000 / len(counted)) / 1_000


def _metadata(
    window: Window, reasons: dict[str, str], cuts: dict[str, str], current: int, reference: int
) -> dict[str, str]:
    texts = {
        "model": window.model.name,
        "version": str(window.model.version),
        "role": window.model.role,
        "window_start": iso_time(window.start),
        "window_end": iso_time(window.end),
        "status": window.status,
        "revision": str(window.revision),
        "verdict": verdict(window.drift),
        "records": str(window.records),
        "customers": "" if window.customers is None else str(window.customers),
        "rows_current": str(current),
        "rows_reference": str(reference),
    }
    if reasons:
        texts["screened_out"] = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    if cuts:
        texts["cut"] = "; ".join(f"{name}: {cut}" for name, cut in cuts.items())
    return texts


def _of_customers(window: Window) -> str:
    return "" if window.customers is None else f" of {window.customers} customers (the newest of each is compared)"


def _summary(window: Window, reasons: dict[str, str], cuts: dict[str, str], alpha: float, min_distance: float) -> str:
    columns = window.drift.drifted_columns
    said = f"**Drifted**: {', '.join(map(plain, columns))}." if columns else "**Stable**: no column has drifted."
    if not window.drift.judged:
        said = "**Not judged**: too few customers."
    features = [feature for name, feature in window.drift.features.items() if name != SCORE_COLUMN]
    drifted = sum(feature.drifted for feature in features)
    lines = [
        f"# {plain(model_title(window.model))}, {iso_time(window.start)} to {iso_time(window.end)}",
        f"{said} {window.records} records{_of_customers(window)}, {window.status}, revision {window.revision}.",
        f"A column has drifted if its p-value, after Holm's correction, is below {alpha:g} and its distance is not "
        f"surely below {min_distance:g}. The data set has drifted if one column has, or if the relation of two columns "
        f"has changed. Distances and p-values are computed by the monitor, not by Evidently.",
    ]
    if window.drift.judged and features:
        lines.insert(2, f"{drifted} of {len(features)} features have drifted (share {window.drift.share:.3g}).")
    for title, texts in (("Not shown", reasons), ("Not shown in full", cuts)):
        if texts:
            named = "; ".join(f"{plain(name)} ({plain(text)})" for name, text in texts.items())
            lines.append(f"{title}: {named}.")
    return "\n\n".join(lines)
