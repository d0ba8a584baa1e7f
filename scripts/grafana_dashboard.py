"""Write observability/grafana/dashboards/churnstream.json, in the types that Grafana publishes for its dashboards."""

import json
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef

PATH = Path(__file__).resolve().parent.parent / "observability" / "grafana" / "dashboards" / "churnstream.json"
_SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
_JOBS = 'job=~"score|join|monitor|serve|dashboard"'
_MODEL = "{{model}} v{{version}} {{role}}"
_HEIGHT, _WIDTH = 8, 8


class Line(NamedTuple):
    """A query of Prometheus, and how its series are called in the legend."""

    query: str
    legend: str


class Chart(NamedTuple):
    """One panel: what it shows, in words, its lines, and Grafana's name of their unit."""

    title: str
    description: str
    lines: tuple[Line, ...]
    unit: str = "short"
    kind: Literal["lines", "numbers", "states"] = "lines"
    most: float | None = None


ROWS: dict[str, tuple[Chart, ...]] = {
    "Is it keeping up?": (
        Chart(
            "Workers up",
            "How many of each are running. With 0 or none, nobody does this work, and new messages wait in Kafka.",
            (Line(f"sum by (job) (up{{{_JOBS}}})", "{{job}}"),),
            kind="numbers",
        ),
        Chart(
            "Waiting messages",
            "Lag: messages of a topic that its reader has not read yet. It may rise for a while, but it should fall.",
            (Line("sum by (job, topic) (churnstream_lag_records)", "{{job}}: {{topic}}"),),
        ),
        Chart(
            "Messages read a second",
            "Only batches that were committed count.",
            (Line("sum by (job, topic) (rate(churnstream_records_total[1m]))", "{{job}}: {{topic}}"),),
        ),
        Chart(
            "From record to prediction",
            "From a record's arrival at Kafka to the commit of its prediction. It is long after a pause of "
            "the scorer, because the records are old.",
            tuple(
                Line(
                    f"histogram_quantile({share}, "
                    "sum by (le) (rate(churnstream_record_to_prediction_seconds_bucket[5m])))",
                    f"{name} of records",
                )
                for share, name in ((0.5, "half"), (0.99, "99 %"))
            ),
            unit="s",
        ),
        Chart(
            "Stages of a batch, 95 %",
            "95 % of the batches take at most this long in each stage.",
            (
                Line(
                    "histogram_quantile(0.95, "
                    "sum by (le, job, stage) (rate(churnstream_batch_stage_seconds_bucket[5m])))",
                    "{{job}}: {{stage}}",
                ),
            ),
            unit="s",
        ),
        Chart(
            "Dead letters a second, the most frequent reasons",
            "Messages that could not be used. Each is on the topic dead-letters, with its reason and field.",
            (Line("topk(5, sum by (reason) (rate(churnstream_dead_letters_total[5m])))", "{{reason}}"),),
        ),
        Chart(
            "Batches given up, producers replaced, rebalances",
            "Some are normal, such as when a worker starts. Many in a row mean a problem with Kafka or the network.",
            (
                Line("sum by (job) (increase(churnstream_batches_aborted_total[5m]))", "{{job}}: batches given up"),
                Line(
                    "sum by (job, reason) (increase(churnstream_producers_replaced_total[5m]))",
                    "{{job}}: producers, {{reason}}",
                ),
                Line("sum by (job) (increase(churnstream_rebalances_total[5m]))", "{{job}}: rebalances"),
            ),
        ),
        Chart(
            "Kept in the stores",
            "The join keeps predictions that wait for labels, labels that wait for predictions, and panes. The monitor "
            "keeps windows that can still change, and their panes.",
            (
                Line("sum by (what) (churnstream_join_kept)", "join: {{what}}"),
                Line("max by (what) (churnstream_monitor_kept)", "monitor: {{what}}"),
            ),
        ),
        Chart(
            "Event time behind wall time",
            "How far the closing of windows is behind the clock. In a replay of old data it is the age of the data.",
            (
                Line("min(churnstream_watermark_age_seconds)", "windows"),
                Line(
                    "time() - min by (of) (churnstream_join_watermark_timestamp_seconds)",
                    "{{of}}",
                ),
            ),
            unit="s",
        ),
        Chart(
            "Windows that wait for MLflow",
            "0 while MLflow accepts them. At the limit the monitor waits and publishes no more windows.",
            (
                Line("sum(churnstream_spool_windows)", "waiting"),
                Line("max(churnstream_spool_limit_windows)", "limit"),
                Line("sum(1 - churnstream_mlflow_up)", "outage (1)"),
            ),
        ),
        Chart(
            "Version in use",
            "The version that scores. Jobs may differ for seconds after a promotion. If for longer, one refused it.",
            (
                Line("max by (job) (churnstream_model_version)", "{{job}}"),
                Line("max by (job) (churnstream_model_refused)", "{{job}}: refused"),
            ),
        ),
        Chart(
            "Requests a second",
            "Requests that the REST service and the page have answered.",
            (Line("sum by (job, status) (rate(churnstream_http_requests_total[5m]))", "{{job}}: {{status}}"),),
        ),
    ),
    "Is it right?": (
        Chart(
            "Verdict",
            "The monitor's verdict in one word. The page of `churnstream dashboard` says since when, why, "
            "and what to do.",
            (Line("max by (model, version, role, state) (churnstream_verdict) == 1", f"{_MODEL}: {{{{state}}}}"),),
            kind="states",
        ),
        Chart(
            "F1",
            "Realised: from labels, of the newest final window. Nowcast: what the newest window will have when its "
            "labels are in. Estimated: from scores alone.",
            (
                Line(
                    'max by (model, version, role, basis) (churnstream_window_performance_ratio{metric="f1"})',
                    _MODEL + ": {{basis}}",
                ),
            ),
            unit="percentunit",
            most=1,
        ),
        Chart(
            "Brier score (0 is best)",
            "Mean squared error of the probabilities, with that on the held-out rows for comparison.",
            (
                Line(
                    'max by (model, version, role, basis) (churnstream_window_performance_ratio{metric="brier"})',
                    _MODEL + ": {{basis}}",
                ),
            ),
        ),
        Chart(
            "Records with a label",
            "Share of the newest window's records that have their label. Without labels nothing is realised.",
            (Line("max by (model, version, role) (churnstream_window_coverage_ratio)", _MODEL),),
            unit="percentunit",
            most=1,
        ),
        Chart(
            "Open alerts",
            "Incidents that are open, by kind. `churnstream alerts` lists them.",
            (Line("max by (kind) (churnstream_alerts_standing)", "{{kind}}"),),
        ),
    ),
    "Has the world changed?": (
        Chart(
            "Drifted columns",
            "Columns of the newest window that differ from training by more than chance.",
            (Line("max by (model, version, role) (churnstream_window_drifted_columns)", _MODEL),),
        ),
        Chart(
            "Share of features that drifted",
            "Of the newest window. The page of `churnstream dashboard` shows which ones.",
            (Line("max by (model, version, role) (churnstream_window_drift_ratio)", _MODEL),),
            unit="percentunit",
            most=1,
        ),
        Chart(
            "Records in a window",
            "Of the newest window. A fall means that customers are missing, or that a source is silent.",
            (Line("max by (model, version, role) (churnstream_window_records)", _MODEL),),
        ),
    ),
}


def dashboard() -> str:
    """The dashboard as Grafana reads it: JSON."""
    made = (
        Dashboard("churnstream")
        .uid("churnstream")
        .description("Is it keeping up? Is it right? Has the world changed? Made by scripts/grafana_dashboard.py.")
        .tags(["churnstream"])
        .readonly()
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("10s")
        .time("now-1h", "now")
    )
    numbers = count(1)
    for title, charts in ROWS.items():
        made.with_row(Row(title).id(next(numbers)))
        for chart in charts:
            made.with_panel(_panel(chart, next(numbers)))
    found = made.build().to_json()
    # Grafana has dropped it since, and its schema refuses it
    del found["style"]
    return json.dumps(found, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _panel(chart: Chart, number: int) -> stat.Panel | statetimeline.Panel | timeseries.Panel:
    panel = _drawn(chart)
    panel.title(chart.title).description(chart.description).datasource(_SOURCE).unit(chart.unit)
    panel.id(number).span(_WIDTH).height(_HEIGHT)
    for name, line in zip("ABC", chart.lines, strict=False):
        query = prometheus.Dataquery().expr(line.query).legend_format(line.legend).range().ref_id(name)
        panel.with_target(query.datasource(_SOURCE))
    return panel


def _drawn(chart: Chart) -> stat.Panel | statetimeline.Panel | timeseries.Panel:
    if chart.kind == "numbers":
        newest = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
        return stat.Panel().reduce_options(newest).color_mode(BigValueColorMode.NONE).graph_mode(BigValueGraphMode.NONE)
    if chart.kind == "states":
        return statetimeline.Panel().merge_values(True)
    panel = timeseries.Panel().min(0)
    legend = common.VizLegendOptions().show_legend(True)
    panel.legend(legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM))
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    return panel if chart.most is None else panel.max(chart.most)


if __name__ == "__main__":
    PATH.write_text(dashboard(), encoding="utf-8")
