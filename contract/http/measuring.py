"""Around every request to a server of ours: how long it took, and a fault that gives nothing away."""

import logging
import time
from collections.abc import Callable

from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.worker.logs import fault

_GONE = 499
"""Counted in the place of a status where the client left before its answer."""


class MeasuringMiddleware:
    """ASGI middleware that counts answers, and turns whatever no route has handled into a 500 without a traceback.

    Args:
        route_of: what a path is counted as, one of a few.
        requests: answers, by route and status.
        seconds: their time, by route.
        at_fault: the answer to a request that failed.
        log: is told of faults.
    """

    def __init__(
        self,
        app: ASGIApp,
        route_of: Callable[[str], str],
        requests: Counter,
        seconds: Histogram,
        at_fault: Callable[[], ASGIApp],
        log: logging.Logger,
    ) -> None:
        self._app = app
        self._route_of = route_of
        self._requests = requests
        self._seconds = seconds
        self._at_fault = at_fault
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begin = time.perf_counter()
        try:
            await self._app(scope, receive, observed)
        except ClientDisconnect:
            status = _GONE
        except Exception as error:
            self._log.error("a request failed: %s", fault(error))
            if not status:
                await self._at_fault()(scope, receive, observed)
        finally:
            route = self._route_of(scope["path"])
            self._requests.labels(route, status or _GONE).inc()
            self._seconds.labels(route).observe(time.perf_counter() - begin)
