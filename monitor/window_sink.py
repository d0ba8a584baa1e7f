"""Where closed windows go besides Kafka: the spool for MLflow, and the report process."""

from collections.abc import Callable

from contract.windows import Window
from monitor.mlflow_sink.thread import SinkThread
from monitor.reports.files import ReportChoice
from monitor.reports.process import ReportProcess
from monitor.reports.reference import References
from monitor.timeline.samples import Sample


class WindowSink:
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

    def put(self, window: Window, sample: Callable[[], Sample | None]) -> None:
        """Take a window and what reads its merged sample; a window whose sample is not there gets no report."""
        # the timeline does not know the offset yet
        self._sink.submit(window, 0)
        reference = self._references.path(window.model)
        if reference is not None and self._choice.wants(window):
            found = sample()
            if found is not None:
                self._reports.request(window, found, reference)
