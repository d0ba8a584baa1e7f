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
    loops: list[Callable[[threading.Event], None]] = [champion.run]
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
    instruments = Instruments()
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
