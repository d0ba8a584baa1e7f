"""The REST service as an ASGI application: its routes, its API page, and one form for every error."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import Response

from contract.http.hosts import MISDIRECTED, UNKNOWN_NAME, AllowedHosts, HostMiddleware
from contract.http.measuring import MeasuringMiddleware
from contract.kafka.log_throttle import LogThrottle
from scorer.rest.home import NAME
from scorer.rest.instruments import Instruments
from scorer.rest.openapi import openapi_document
from scorer.rest.problems import ProblemError
from scorer.rest.routes import Routes
from scorer.serving.predictor import Parts

Handler = Callable[[Routes, Request], Awaitable[Response]]

_ROUTES: dict[str, tuple[str, Handler]] = {
    "/": ("GET", Routes.home),
    "/predict": ("POST", Routes.predict),
    "/labels": ("POST", Routes.label),
    "/explain": ("POST", Routes.explain),
    "/model": ("GET", Routes.model),
    "/health": ("GET", Routes.health),
    "/ready": ("GET", Routes.ready),
    "/metrics": ("GET", Routes.metrics),
}
_SAID = {404: "there is no such page; see /docs", 405: "this page does not take this method; see /docs"}
_log = logging.getLogger("churnstream.service")
_log.addFilter(LogThrottle(seconds=10))


def create_app(parts: Parts, links: dict[str, str], instruments: Instruments | None = None) -> FastAPI:
    """The application, whose parts live from the server's start to its stop; ``links`` as for ``Routes``."""
    instruments = Instruments() if instruments is None else instruments
    document = openapi_document(parts.schema, parts.settings, version(NAME))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.routes = Routes(parts, instruments, links)
        yield
        await app.state.routes.close()

    app = FastAPIOffline(title=NAME, redoc_url=None, lifespan=lifespan, redirect_slashes=False)
    # requests are checked by the types of the stream, so the document is made from these
    app.openapi = lambda: document  # type: ignore[method-assign]
    for path, (method, handler) in _ROUTES.items():
        endpoint = _endpoint(handler)
        if method == "POST":
            # Starlette's own route: FastAPI's costs a fifth of a request, for parameters that there are none of
            app.add_route(path, endpoint, methods=[method], include_in_schema=False)
        else:  # with Starlette's, a GET would be a HEAD, too
            app.add_api_route(path, endpoint, methods=[method], include_in_schema=False, response_model=None)
    app.add_exception_handler(ProblemError, _told)
    app.add_exception_handler(HTTPException, _told)
    if parts.settings.http_token is None:
        hosts = AllowedHosts(parts.settings.http_host, parts.settings.http_allowed_hosts)
        app.add_middleware(HostMiddleware, hosts=hosts, refused=ProblemError(MISDIRECTED, UNKNOWN_NAME).response)
    # the last one added stands outermost
    app.add_middleware(
        MeasuringMiddleware,
        route_of=lambda path: path if path in _ROUTES else "other",
        requests=instruments.requests,
        seconds=instruments.seconds,
        at_fault=ProblemError(500, "the service is at fault; its log says more").response,
        log=_log,
    )
    return app


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await handler(request.app.state.routes, request)

    return endpoint


async def _told(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = ProblemError(error.status_code, _SAID.get(error.status_code, error.detail), headers=error.headers)
    if not isinstance(error, ProblemError):
        raise error
    return error.response()
