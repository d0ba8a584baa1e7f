"""The monitor's worker: the timeline with all that hangs on it, in one process."""

import asyncio
import logging
import signal
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from contract.alert_rules import load_alert_rules
from contract.alerts import Alert
from contract.errors import UserError
from contract.kafka.stream_identity import stream_identity
from contract.masking import public_address, without_secrets
from contract.schema import Schema
from contract.settings import Settings
from contract.topics import LABELS, PANES, WINDOWS
from contract.windows import Window
from contract.worker.clock import SystemClock
from contract.worker.heartbeat import Heartbeat
from contract.worker.logs import NEWS
from contract.worker.news import stream_place
from monitor.alert_sinks.threads import AlertSinks
from monitor.budget import levels
from monitor.files import references_folder
from monitor.mlflow_sink.chart_view import chart_link
from monitor.mlflow_sink.offsets import WindowsTopic
from monitor.mlflow_sink.sink import MlflowSink
from monitor.mlflow_sink.thread import SinkThread
from monitor.model_facts.registry import Registry
from monitor.model_facts.thread import FactsThread
from monitor.reports.process import ReportProcess
from monitor.reports.reference import ReferenceCache, References
from monitor.segments.judging import SegmentVerdicts
from monitor.signals import tell_settings
from monitor.slot import Slot
from monitor.timeline.app import Timeline
from monitor.timeline.faust_app import create_app
from monitor.timeline.run import quieten_libraries, run_timeline
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from monitor.verdicts.judging import Verdicts
from monitor.watch.letters import LetterCounts, LetterNames
from monitor.watch.thread import WatchThread
from monitor.window_sink import WindowSink
from monitor.window_sums import WindowSums

_FIRST_LOOK_SECONDS, _LAST_WRITES_SECONDS, _LAST_ALERTS_SECONDS = 10.0, 60.0, 8.0
_log = logging.getLogger("churnstream.monitor")
_news = logging.getLogger(NEWS)


def run_monitor(settings: Settings, schema: Schema, mlflow_page: str | None = None) -> None:
    """Follow the panes until SIGINT or SIGTERM; then finish the reports asked for and the writes to MLflow.

    ``mlflow_page`` is MLflow's address as people who get alerts reach it; None: the tracking URI, if it is one.

    Raises:
        UserError: the settings contradict the stream, another monitor works in the same state folder, the MLflow
            experiment cannot take the stream's windows, or the alert rules or a sink's URL are of no use.
    """
    rules = load_alert_rules(settings.alert_rules)
    clock = SystemClock()
    tell_settings(settings.spool_limit, settings.slide, clock.now)
    slot = Slot(
        settings.state_dir,
        "monitor",
        f"a monitor already runs with the state folder {settings.state_dir}; stop it, or give a standby its own "
        f"CHURNSTREAM_STATE_DIR",
    )
    try:
        stream = stream_identity(settings)
        slot.adopt(stream, settings.topic_prefix, waiting="spool/*.json")
        windows = WindowsTopic(stream, stream_identity(settings, WINDOWS))
        sink = MlflowSink(settings, clock, windows)
        link = _link_to(mlflow_page or settings.mlflow_tracking_uri, sink)
        alert_sinks = AlertSinks(settings, stream, rules, clock, link=link)
    except UserError:
        slot.close()
        raise
    sink_thread = SinkThread(sink)
    try:
        sink_thread.check(_FIRST_LOOK_SECONDS)
    except UserError:
        sink_thread.close(0.0)
        slot.close()
        raise
    reports = ReportProcess(settings, on_report=lambda _path: sink_thread.wake())
    cache = ReferenceCache(settings.mlflow_tracking_uri, references_folder(settings.state_dir), schema)
    references = References(cache, settings, schema)

    of_tests = levels(settings.false_alerts_per_month, settings.slide)
    verdicts = Verdicts(references.calibration, of_tests, settings.min_records)
    by_segment = SegmentVerdicts(schema.segments, references.segments, of_tests.segments, settings.min_records)

    letters = LetterCounts(settings.slide, settings.topic(LABELS))

    def complete(window: Window, sums: WindowSums) -> Window:
        judged = by_segment(verdicts(window, sums), sums)
        return msgspec.structs.replace(judged, dead_letters=letters.within(window.start, window.end))

    def make_book() -> WindowBook:
        return WindowBook(
            WindowSpec(settings.window, settings.slide),
            partitions=settings.partitions,
            label_lateness=settings.label_lateness,
            label_tolerance=settings.label_tolerance,
            horizon=schema.label.horizon_ms,
            sample_size=settings.sample_size,
            judge=references.judge,
            judge_again=references.judge_again,
            complete=complete,
            ready=references.is_ready,
        )

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        app = create_app(settings)
        closed_windows = WindowSink(sink_thread, reports, references)
        timeline = Timeline(
            app,
            settings,
            stream,
            make_book,
            references,
            closed_windows,
            rules=rules,
            on_turn=lambda at_work: _tell_turn(settings, mlflow_page, sink, at_work=at_work),
        )
        names = LetterNames(schema.names)
        watch = WatchThread(settings, rules, names, letters, sink.spool, clock, lambda: timeline.turn, timeline.tell)
        facts = FactsThread(
            settings,
            Registry(settings),
            references,
            clock,
            lambda: timeline.versions_turn,
            timeline.tell_versions,
            timeline.expect,
        )
        heartbeat = Heartbeat(settings.heartbeat)
        watch.start()
        facts.start()
        try:
            await run_timeline(app, settings, stop, heartbeat, lambda: timeline.waits_for_room)
        finally:
            watch.close()
            facts.close()
            timeline.close()

    quieten_libraries()
    alert_sinks.start()
    try:
        asyncio.run(main())
    finally:
        if not alert_sinks.close(_LAST_ALERTS_SECONDS):
            _log.warning("alerts are still being sent; the next monitor sends those that were not committed again")
        reports.close()
        if not sink_thread.close(_LAST_WRITES_SECONDS):
            _log.warning("windows are waiting for MLflow on disk; the next monitor with this state folder logs them")
        slot.close()


def _tell_turn(settings: Settings, mlflow_page: str | None, sink: MlflowSink, *, at_work: bool) -> None:
    """Say that the monitor is ready, or that it is not needed now."""
    if not at_work:
        _news.info("standing by: another monitor is active")
        return
    base = mlflow_page or settings.mlflow_tracking_uri
    is_address = base.startswith(("http://", "https://"))
    shown = public_address(base).rstrip("/") if is_address else without_secrets(base)
    charts = (
        chart_link(shown, sink.axis.experiment_id, sink.axis.tags) if is_address and sink.axis is not None else shown
    )
    _news.info(
        "ready: makes %s of %s, %s, or in MLflow %s (experiment %r)",
        settings.topic(WINDOWS),
        settings.topic(PANES),
        stream_place(settings),
        charts,
        settings.experiment,
    )


def _link_to(mlflow: str, sink: MlflowSink) -> Callable[[Alert], str | None]:
    """The page of an alert: the experiment's charts, or as long as it is not known the model's page."""
    base = public_address(mlflow).rstrip("/") if mlflow.startswith(("http://", "https://")) else None

    def link(alert: Alert) -> str | None:
        if base is None:
            return None
        if sink.axis is not None:
            return chart_link(base, sink.axis.experiment_id, sink.axis.tags)
        model = alert.model
        return base if model is None else f"{base}/#/models/{quote(model.name, safe='')}/versions/{model.version}"

    return link
