"""The server of the page as an ASGI application: NiceGUI inside FastAPI, and what stands around every request."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI
from nicegui import Client, ui
from nicegui import app as nicegui_app
from nicegui import core as nicegui_core
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from contract.http.hosts import MISDIRECTED, UNKNOWN_NAME, AllowedHosts, HostMiddleware
from contract.kafka.log_throttle import LogThrottle
from contract.settings import Settings
from contract.worker.clock import Clock
from contract.worker.heartbeat import SECONDS_BETWEEN_BEATS, Heartbeat
from contract.worker.logs import fault
from dashboard.serving.access import AccessMiddleware
from dashboard.serving.answers import sentence
from dashboard.serving.doors import AT_FAULT, DoorsMiddleware, measure
from dashboard.serving.headers import HeadersMiddleware, mark_scripts_of_nicegui
from dashboard.serving.origins import OriginMiddleware
from dashboard.serving.reports import ReportDesk
from dashboard.serving.routes import ROUTES, PageRoutes
from dashboard.signals import PAGES_OPEN

_MESSAGES_KEPT = 30
"""Pushes kept for a browser whose connection broke; one that missed more loads the page anew."""


def create_app(
    settings: Settings, routes: PageRoutes, desk: ReportDesk, clock: Clock, register: Callable[[], None]
) -> FastAPI:
    """The application; ``register`` adds the page at ``/``. NiceGUI has one a process, so this is called once."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(desk.work()), asyncio.create_task(_beat(Heartbeat(settings.heartbeat)))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan, redirect_slashes=False)
    routes.add_to(app)
    register()
    _tame_nicegui()
    ui.run_with(
        app,
        title="churnstream",
        dark=None,
        tailwind=False,
        gzip_middleware_factory=_compressed,
        message_history_length=_MESSAGES_KEPT,
        show_welcome_message=False,
    )
    PAGES_OPEN.set_function(lambda: sum(client.has_socket_connection for client in Client.instances.values()))
    # the last one added stands outermost
    app.add_middleware(DoorsMiddleware, routes=ROUTES, open_pages=lambda: len(Client.instances))
    if settings.http_token is not None:
        app.add_middleware(AccessMiddleware, token=settings.http_token, clock=clock)
    app.add_middleware(OriginMiddleware, named=settings.http_allowed_hosts)
    if settings.http_token is None:
        hosts = AllowedHosts(settings.dashboard_host, settings.http_allowed_hosts)
        app.add_middleware(HostMiddleware, hosts=hosts, refused=lambda: sentence(MISDIRECTED, UNKNOWN_NAME))
    app.add_middleware(HeadersMiddleware, frames=settings.dashboard_frames)
    measure(app, frozenset(ROUTES))
    return app


def _compressed(app: ASGIApp) -> GZipMiddleware:
    """What a first visit loads has 3 MB: at the default level it takes longer to compress than to draw."""
    return GZipMiddleware(app, minimum_size=1_000, compresslevel=1)


def _tame_nicegui() -> None:
    mark_scripts_of_nicegui()
    # its own pages for these would each be held as an open page, and quote the error
    nicegui_app.add_exception_handler(404, _not_there)
    nicegui_app.add_exception_handler(Exception, _at_fault)
    # whatever a browser says about itself would stand in our log
    nicegui_core.sio.on("log", _say_nothing)
    logging.getLogger("nicegui").addFilter(LogThrottle(seconds=10))


async def _not_there(_request: Request, _error: Exception) -> Response:
    return sentence(404, "There is no such page.")


async def _at_fault(_request: Request, error: Exception) -> Response:
    logging.getLogger("churnstream.dashboard").error("a page failed: %s", fault(error))
    return sentence(500, AT_FAULT)


def _say_nothing(_sid: str, _message: object) -> None:
    """Take no line of a browser's."""


async def _beat(heartbeat: Heartbeat) -> None:
    while True:
        heartbeat.beat()
        await asyncio.sleep(SECONDS_BETWEEN_BEATS)
