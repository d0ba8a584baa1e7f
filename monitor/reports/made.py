"""A window's report from its sample and the file of its reference. Imported in a report process only (5 s)."""

from pathlib import Path

import pandas as pd
from evidently.core.report import Snapshot

from contract.models.bundle import LABEL_COLUMN
from contract.schema import Schema
from contract.settings import Settings
from contract.windows import Window
from monitor.inputs.rule import InputRule
from monitor.reports.page import report_page
from monitor.reports.report import build_report
from monitor.timeline.drift import sample_frame
from monitor.timeline.samples import Sample


def report_of(settings: Settings, schema: Schema, window: Window, sample: Sample, reference: Path) -> Snapshot:
    """The report of a window; ``reference`` is a Parquet file (``monitor.reports.reference``).

    Raises:
        NothingToReportError: no column can be shown.
    """
    return build_report(
        window,
        sample_frame(schema, sample),
        pd.read_parquet(reference).drop(columns=LABEL_COLUMN, errors="ignore"),
        schema,
        alpha=InputRule.of(settings).level,
        min_distance=settings.min_distance,
    )


def page_of(settings: Settings, schema: Schema, window: Window, sample: Sample, reference: Path) -> str:
    """The same as one HTML page.

    Raises:
        NothingToReportError: as ``report_of``.
    """
    return report_page(report_of(settings, schema, window, sample, reference))
