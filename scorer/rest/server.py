"""The REST service's process: a bound port, the threads beside the server, and a stop that finishes what is in work."""

import logging
import threading
from collections.abc import Callable

import uvicorn

from contract.http.listener import address_of, bound
from contract.kafka.log_throttle import LogThrottle
from contract.schema import Schema
from contract.settings import Settings
from contract.worker.clock import SystemClock
from contract.worker.news import WorkerNews, stream_place
from contract.worker.process import in_background, stop_on_signals
from contract.worker.scraping import metrics_served
from scorer.models.swap import Champion
from scorer.rest.app import create_app
from scorer.rest.instruments import Instruments
from scorer.rest.protocol import BoundedProtocol
from scorer.serving.live_metrics import LiveMetrics
from scorer.serving.predictor import Parts
from scorer.serving.publisher import Publisher
from scorer.serving.request_time import WallTime
from scorer.serving.sinks import LocalSink, Sink, StreamSink
from scorer.serving.stream_time import StreamTime

_GRACE_SECONDS = 5
_KEEP_ALIVE_SECONDS = 75
_NEWS_SECONDS = 1.0


def serve(
    settings: Settings, schema: Schema, *, local: bool, links: dict[str, str], started: Callable[[str], None]
) -> None:
    """Answer requests until a signal ends it; ``started`` is told the address.

    Raises:
        UserError: the address cannot be bound.
    """
    listener = bound(settings.http_host, settings.http_port, "CHURNSTREAM_HTTP_HOST, CHURNSTREAM_HTTP_PORT")
    clock = SystemClock()
    champion = Champion(settings)
    instruments = Instruments()
    loops: list[Callable[[threading.Event], None]] = [
        champion.run,
        lambda stop: _tell(settings, champion, instruments, address_of(listener), stop, local=local),
    ]
    make_sink: Callable[[], Sink]
    if local:
        metrics = LiveMetrics(settings)
        loops.append(metrics.run)

        def make_sink() -> Sink:
            return LocalSink(metrics)
    else:

        def make_sink() -> Sink:
            return StreamSink(settings, Publisher(settings))

    stream_time = StreamTime(settings, clock) if settings.request_time == "stream" and not local else None
    if stream_time:
        loops.append(stream_time.run)
    parts = Parts(settings, schema, champion, make_sink, stream_time or WallTime(clock), clock)
    app = create_app(parts, links, instruments)
    # a line for each request that is none
    logging.getLogger("uvicorn.error").addFilter(LogThrottle(seconds=10))
    # uvicorn raises the signal that ended it once more, for whoever handled it before
    stop_on_signals()
    with metrics_served(settings, instruments.registry), in_background(*loops):
        if stream_time:
            # or the first requests would carry wall time into a stream of the past
            stream_time.looked.wait(_GRACE_SECONDS)
        started(address_of(listener))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            http=BoundedProtocol,
            ws="none",
            lifespan="on",
            # longer than proxies and clients keep an idle connection: it should be they who close it
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            # a request in work waits for Kafka at most so long
            timeout_graceful_shutdown=settings.acknowledge_timeout_ms // 1_000 + _GRACE_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _tell(
    settings: Settings,
    champion: Champion,
    instruments: Instruments,
    address: str,
    stop: threading.Event,
    *,
    local: bool,
) -> None:
    """Say which model answers, once there is one, and now and then how much it has answered."""
    registry = instruments.registry

    def totals() -> dict[str, int]:
        counts = {"records": "churnstream_http_records_total", "labels": "churnstream_http_labels_total"}
        return {what: int(registry.get_sample_value(name) or 0) for what, name in counts.items()}

    news = WorkerNews(totals)
    while not stop.wait(_NEWS_SECONDS):
        model = champion.model
        if model is None:
            continue
        place = "without Kafka" if local else stream_place(settings)
        news.tell(f"answers on {address} with {model.ref.name} v{model.ref.version}, {place}")
    news.close()
