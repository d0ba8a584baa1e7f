"""What Evidently's page of a stream's project opens with. Imported in the report process only (5 s)."""

from evidently.sdk.models import DashboardModel, DashboardPanelPlot, DashboardTabModel, PanelMetric
from evidently.sdk.panels import line_plot_panel, text_panel

_ABOUT = (
    "Each point is a window with a report, placed at its end. A report is made when drift begins, reaches another "
    "column, has doubled, or ends. The command “churnstream report START” makes the report of any window. MLflow has "
    "the distances of all windows."
)


def project_page(experiment: str) -> DashboardModel:
    """One tab: what the page is about, the distance of each column, and how many of the features have drifted."""
    panels: list[DashboardPanelPlot] = [
        text_panel(title=f"{experiment}: drift of the windows with a report", description=_ABOUT),
        line_plot_panel(
            title="Distance to the reference, by column",
            description="0: as in training; 1: nothing in common.",
            values=[PanelMetric(metric="ValueDrift", legend="{{column}}")],
        ),
        line_plot_panel(
            title="Features that drifted",
            values=[PanelMetric(metric="DriftedColumnsCount", metric_labels={"value_type": "count"}, legend="number")],
        ),
    ]
    tab = DashboardTabModel(title="Drift", panels=[panel.id for panel in panels])
    return DashboardModel(tabs=[tab], panels=panels)
