"""Where closed windows go besides Kafka: the spool for MLflow, and the report process."""

from pathlib import Path

import pandas as pd

from contract.messages import Drift, ModelRef, Summary, Window
from contract.schema import Schema
from contract.settings import Settings
from monitor.drift import judge, sample_frame
from monitor.reference import ReferenceCache
from monitor.report_files import ReportChoice
from monitor.report_process import ReportProcess
from monitor.sink import SinkThread


class References:
    """The reference samples of the models on the stream, in memory and as files."""

    def __init__(self, cache: ReferenceCache, settings: Settings, schema: Schema) -> None:
        self._cache = cache
        self._settings = settings
        self._schema = schema
        self._frames: dict[ModelRef, pd.DataFrame] = {}
        self._paths: dict[ModelRef, Path] = {}

    def prepare(self, model: ModelRef) -> None:
        """Fetch a model's sample; see ``ReferenceCache.load`` for what it raises."""
        self._paths[model] = self._cache.path(model)
        self._frames[model] = self._cache.load(model)

    def path(self, model: ModelRef) -> Path:
        """The file of a prepared model's sample."""
        return self._paths[model]

    def judge(self, model: ModelRef, summary: Summary) -> Drift:
        """The drift of a window's sample against the sample of its (prepared) model."""
        return judge(
            sample_frame(self._schema, summary.sample),
            self._frames[model],
            self._schema,
            alpha=self._settings.alpha,
            min_distance=self._settings.min_distance,
            min_records=self._settings.min_records,
        )


class MonitorOutlet:
    """Spools each window for MLflow, and asks for a report where a window says something new.

    A window is on disk when ``put`` returns. Reports are best effort: the topics still hold what they are made of.
    """

    def __init__(self, sink: SinkThread, reports: ReportProcess, references: References) -> None:
        self._sink = sink
        self._reports = reports
        self._references = references
        self._choice = ReportChoice()

    @property
    def full(self) -> bool:
        """Whether MLflow has fallen so far behind that no window can be taken."""
        return self._sink.full

    def put(self, window: Window, summary: Summary) -> None:
        """Take a window and the merged summary that it was computed from."""
        self._sink.submit(window)
        if self._choice.wants(window):
            self._reports.request(window, summary.sample, self._references.path(window.model))
