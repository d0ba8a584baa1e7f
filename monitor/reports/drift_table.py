"""Evidently's drift preset, as a window is to be read. Imported in the report process only (5 s).

The headline counts the features, as the window's ``share`` does; the table has the score, too. Its rows show how values
are distributed, but not the values one after the other, because a sample's rows have no order in time.
"""

from collections.abc import Sequence
from typing import Any

from evidently.legacy.metrics import DataDriftTable, DatasetDriftMetric
from evidently.legacy.options import ColorOptions
from evidently.metrics.column_statistics import DriftedColumnsCount
from evidently.presets import DataDriftPreset

_SEQUENCE = "DATA DRIFT"
"""What Evidently calls the plot of values by their row's number."""
_REFERENCE = "reference_distribution"
_REFERENCE_COLOUR = ColorOptions().get_reference_data_color()
"""Of the reference where a row is opened; in the table itself Evidently draws both sides in the window's."""


class DriftOfAllColumns(DataDriftPreset):  # type: ignore[misc]  # evidently ships no types
    """``features`` are what the headline counts, of all ``columns``; from ``drift_share`` of them on it calls the data
    set drifted.
    """

    features: tuple[str, ...] = ()

    def __init__(self, features: Sequence[str], **preset: Any) -> None:
        self.features = tuple(features)
        super().__init__(**preset)

    def generate_metrics(self, context: Any) -> list[Any]:
        """As the preset's, with the features alone counted."""
        metrics = super().generate_metrics(context)
        counted = DriftedColumnsCount(columns=list(self.features), **self._tested("method", "threshold"))
        return [counted if isinstance(each, DriftedColumnsCount) else each for each in metrics]

    def render(self, context: Any, child_widgets: Any = None) -> list[Any]:  # noqa: ARG002
        """The headline of the features, and the table of all columns on one page: Evidently's would put the eleventh on
        a second one.
        """
        tested = self._tested("stattest", "stattest_threshold")
        share = tested.pop("drift_share")
        of_features = DatasetDriftMetric(columns=list(self.features), drift_share=share, **tested)
        of_all = DataDriftTable(columns=self.columns, **tested)
        headline = context.get_legacy_metric(of_features, None, None)[1]
        table = context.get_legacy_metric(of_all, None, None)[1]
        for widget in table:
            if "rowsPerPage" in widget.params:
                _as_read(widget)
        return [*headline, *table]

    def _tested(self, method: str, threshold: str) -> dict[str, Any]:
        return {
            "drift_share": self.drift_share,
            f"per_column_{method}": self.per_column_method,
            f"per_column_{threshold}": self.per_column_threshold,
        }


def _as_read(widget: Any) -> None:
    rows = widget.params["data"]
    widget.params["rowsPerPage"] = len(rows)
    drifted = sum(row["data_drift"] == "Detected" for row in rows)
    widget.title = f"All columns, including the score: {drifted} of {len(rows)} have drifted"
    for column in widget.params["columns"]:
        if column["field"] == _REFERENCE:
            column["options"]["color"] = _REFERENCE_COLOUR
    dropped = set()
    for row in rows:
        parts = row["details"]["parts"]
        dropped |= {part["id"] for part in parts if part["title"] == _SEQUENCE}
        row["details"]["parts"] = [part for part in parts if part["title"] != _SEQUENCE]
    widget.additionalGraphs = [graph for graph in widget.additionalGraphs if graph.id not in dropped]
