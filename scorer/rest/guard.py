"""Around every request: who may ask, what is a body, how long it took. No answer leaves without being counted."""

import asyncio
import logging
import time
import traceback
from collections.abc import Set

from pydantic import SecretStr
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.http.token import has_token
from contract.kafka.log_throttle import LogThrottle
from contract.worker.logs import failure
from scorer.rest.instruments import Instruments
from scorer.rest.problems import ProblemError

_GONE = 499
"""Counted in the place of a status where the client left before its answer."""
_BODY_SECONDS = 30
_DRAINED = 10_000_000
"""Bytes of too large a body that are read and dropped: a client that is cut off may not see why."""
_TOO_LARGE = "the body has more than {} bytes; send the records in several requests"
_log = logging.getLogger("churnstream.service")
_log.addFilter(LogThrottle(seconds=10))


class MeasuringMiddleware:
    """ASGI middleware that counts answers, and turns whatever no route has handled into a 500 without a traceback."""

    def __init__(self, app: ASGIApp, instruments: Instruments, routes: Set[str]) -> None:
        self._app = app
        self._instruments = instruments
        self._routes = routes

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
            # its text may hold values of the request
            frames = "".join(traceback.format_tb(error.__traceback__))
            _log.error("a request failed (%s)\n%s", failure(error), frames)
            if not status:
                await ProblemError(500, "the service is at fault; its log says more").response()(
                    scope, receive, observed
                )
        finally:
            route = scope["path"] if scope["path"] in self._routes else "other"
            self._instruments.requests.labels(route, status or _GONE).inc()
            self._instruments.seconds.labels(route).observe(time.perf_counter() - begin)


def authorise(request: Request, token: SecretStr | None) -> None:
    """Let a request with the bearer token pass; all, where there is no token.

    Raises:
        ProblemError: 401.
    """
    if token is None:
        return
    if not has_token(request.headers.get("authorization", ""), token):
        raise ProblemError(
            401,
            "give the service's token (CHURNSTREAM_HTTP_TOKEN) in the header Authorization: Bearer …",
            headers={"WWW-Authenticate": "Bearer"},
        )


def declared_size(request: Request, max_bytes: int) -> int:
    """Bytes of the body that may be held, ``max_bytes`` at most and where its length is not declared."""
    declared = request.headers.get("content-length", "")
    return min(int(declared), max_bytes) if declared.isascii() and declared.isdecimal() else max_bytes


async def json_body(request: Request, max_bytes: int) -> bytes:
    """A request's body, of which no more than ``max_bytes`` are held.

    Raises:
        ProblemError: 408, 413 or 415.
    """
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower()
    if media_type.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise ProblemError(415, "send JSON in UTF-8, with the header Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProblemError(415, "send the body without compression")
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await _read(request, max_bytes)
    except TimeoutError:
        raise ProblemError(
            408, f"the body has not come within {_BODY_SECONDS} seconds", headers={"Connection": "close"}
        ) from None


async def _read(request: Request, max_bytes: int) -> bytes:
    size = 0
    parts = []
    async for part in request.stream():
        size += len(part)
        if size <= max_bytes:
            parts.append(part)
        elif size > max_bytes + _DRAINED:
            raise ProblemError(413, _TOO_LARGE.format(max_bytes), headers={"Connection": "close"})
    if size > max_bytes:
        raise ProblemError(413, _TOO_LARGE.format(max_bytes))
    return b"".join(parts)
