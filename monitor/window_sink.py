"""Where closed windows go besides Kafka: the spool for MLflow, and the report process."""

from collections.abc import Callable, Sequence

from contract.alerts import ModelVerdict
from contract.windows import Cumulative, Window
from monitor.mlflow_sink.spool import SpoolFullError
from monitor.mlflow_sink.thread import SinkThread
from monitor.news import WindowLines
from monitor.reports.files import ReportChoice
from monitor.reports.process import ReportProcess
from monitor.reports.reference import References
from monitor.timeline.samples import Sample


class WindowSink:
    """Spools what is on ``windows`` for MLflow, and asks for a report where a window says something new.

    A message is on disk when ``put`` returns. Reports are best effort: the topics still hold what they are made of.
    """

    def __init__(self, sink: SinkThread, reports: ReportProcess, references: References) -> None:
        self._sink = sink
        self._reports = reports
        self._references = references
        self._choice = ReportChoice()
        self._lines = WindowLines()

    @property
    def full(self) -> bool:
        """Whether MLflow has fallen so far behind that no window can be taken."""
        return self._sink.full

    def take_up(self, end: int) -> None:
        """``windows`` has been read up to the offset ``end``: what MLflow lacks of it is spooled again."""
        self._sink.take_up(end)

    def tell(self, verdicts: Sequence[ModelVerdict]) -> None:
        """Give MLflow verdicts that are on ``alerts``."""
        self._sink.tell(verdicts)

    def put(self, message: Window | Cumulative, offset: int, sample: Callable[[], Sample | None] | None = None) -> bool:
        """Take a message at an offset of ``windows``, and what reads its window's sample; False if the spool is full.

        A window whose sample is not there gets no report.

        Raises:
            NoRoomError: the disk is full.
        """
        try:
            self._sink.submit(message, offset)
        except SpoolFullError:
            return False
        if isinstance(message, Window):
            self._lines.put(message)
        if isinstance(message, Window) and sample is not None:
            self._report(message, sample)
        return True

    def _report(self, window: Window, sample: Callable[[], Sample | None]) -> None:
        reference = self._references.path(window.model)
        if reference is None or not self._choice.wants(window):
            return
        found = sample()
        if found is not None:
            self._reports.request(window, found, reference)
