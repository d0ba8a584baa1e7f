"""The process of the page: a bound port, the thread that reads the topics, and a stop within seconds."""

import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from contract.http.listener import address_of, bound
from contract.kafka.log_throttle import LogThrottle
from contract.settings import Settings
from contract.worker.clock import SystemClock
from contract.worker.process import stop_on_signals
from contract.worker.scraping import metrics_served
from dashboard.following.follower import StreamFollower
from dashboard.page.health import register
from dashboard.serving.app import create_app
from dashboard.serving.live import LiveSource, ReaderWatch
from dashboard.serving.reports import ReportDesk, WantedReport
from dashboard.serving.routes import PageRoutes
from dashboard.stream.state import StreamState
from dashboard.view.places import places_of

_VARIABLES = "CHURNSTREAM_DASHBOARD_HOST, CHURNSTREAM_DASHBOARD_PORT"
_GRACE_SECONDS = 2
_KEEP_ALIVE_SECONDS = 75
_MOST_CONNECTIONS = 1_000
_MOST_MESSAGE_BYTES = 1_000_000
_OF_THIS_PROCESS = ("CHURNSTREAM_METRICS_PORT", "CHURNSTREAM_HEARTBEAT", "CHURNSTREAM_INSTANCE")


def run_dashboard(
    settings: Settings,
    *,
    mlflow_page: str | None = None,
    reports_page: str | None = None,
    started: Callable[[str], None],
) -> None:
    """Show the page until SIGINT or SIGTERM; ``started`` is told its address once it answers.

    ``mlflow_page`` and ``reports_page`` are where MLflow and the report pages are for the browser.

    Raises:
        UserError: the address cannot be bound, or a Kafka property is wrong.
    """
    listener = bound(settings.dashboard_host, settings.dashboard_port, _VARIABLES)
    state, lock, clock = StreamState(), threading.Lock(), SystemClock()
    follower = StreamFollower(settings, state, lock)
    source = LiveSource(state, lock, follower, places_of(settings, mlflow=mlflow_page, reports=reports_page), clock)
    watch = ReaderWatch(follower.run)
    desk = ReportDesk(report_command, report_environment(settings), clock)
    routes = PageRoutes(source, desk, lambda: not watch.failed)
    app = create_app(settings, routes, desk, clock, lambda: register(source))
    # a line for each request that is none
    logging.getLogger("uvicorn.error").addFilter(LogThrottle(seconds=10))
    # uvicorn raises the signal that ended it once more, for whoever handled it before
    stop_on_signals()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=_MOST_MESSAGE_BYTES,
        lifespan="on",
        limit_concurrency=_MOST_CONNECTIONS,
        # longer than proxies keep an idle connection: it should be they who close it
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    stop = threading.Event()
    reading = threading.Thread(target=watch.run, args=(stop,), name="dashboard-read", daemon=True)
    with metrics_served(settings):
        reading.start()
        try:
            _DashboardServer(config, lambda: started(address_of(listener)), stop.set).run(sockets=[listener])
        finally:
            stop.set()
            # one that hangs in the network is left behind; it has nothing to bring to an end
            reading.join(_GRACE_SECONDS)


def report_command(wanted: WantedReport, path: Path) -> Sequence[str]:
    """The command line that makes a report."""
    model = wanted.model
    command = [sys.executable, "-m", "churnstream", "report", str(wanted.start), "--version", str(model.version)]
    # with = because a name may begin with a dash
    return [*command, f"--model={model.name}", f"--role={model.role}", f"--out={path}"]


def report_environment(settings: Settings) -> dict[str, str]:
    """The environment of that command: ours, and what flags have set."""
    kafka = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.kafka.items()}
    flags = {
        "CHURNSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "MLFLOW_TRACKING_URI": settings.mlflow_tracking_uri,
    }
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_THIS_PROCESS}
    return inherited | kafka | flags


class _DashboardServer(uvicorn.Server):
    """Says when it answers, and when it begins to end."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started
        self._ending = ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)
