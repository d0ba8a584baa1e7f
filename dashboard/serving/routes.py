"""The page's routes beside the page itself: whether the process works, what is shown as data, and a window's report."""

from collections.abc import Callable
from typing import Protocol, get_args

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from contract.messages import ModelRef, Role
from dashboard.serving.answers import sentence, short_page
from dashboard.serving.headers import REPORT_POLICY
from dashboard.serving.reports import AwaitedReport, FailedReport, ReportDesk, WantedReport
from dashboard.view.address import selected_of
from dashboard.view.export import json_of
from dashboard.view.model import Page
from dashboard.view.selected import Selected

_GET = frozenset({"GET", "HEAD"})
ROUTES = dict.fromkeys(
    ("/", "/health", "/page.json", "/page.csv", "/windows.csv", "/report", "/favicon.ico", "/robots.txt"), _GET
)
_SECONDS_BETWEEN_LOOKS = 2


class ShownSource(Protocol):
    """What the routes ask for; each call may take a while, and comes from a thread."""

    def page(self, selected: Selected) -> Page: ...
    def csv(self, selected: Selected) -> str: ...
    def report_of(self, model: ModelRef, start: int) -> WantedReport | None: ...


class PageRoutes:
    """``is_reading`` says whether the topics are still read; ``desk`` makes reports."""

    def __init__(self, source: ShownSource, desk: ReportDesk, is_reading: Callable[[], bool]) -> None:
        self._source = source
        self._desk = desk
        self._is_reading = is_reading

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in (
            ("/health", self.health),
            ("/page.json", self.as_json),
            ("/page.csv", self.as_csv),
            ("/windows.csv", self.as_csv),
            ("/report", self.report),
            ("/robots.txt", self.robots),
        ):
            app.add_route(path, endpoint, methods=["GET"], include_in_schema=False)

    async def health(self, _request: Request) -> Response:
        """200 while the process works, also while the broker is away: the page says so."""
        if self._is_reading():
            return sentence(200, "ok")
        return sentence(503, "The topics are no longer read; restart `churnstream dashboard`. Its log says why.")

    async def robots(self, _request: Request) -> Response:
        return sentence(200, "User-agent: *\nDisallow: /")

    async def as_json(self, request: Request) -> Response:
        """The whole page as JSON."""
        page = await run_in_threadpool(self._source.page, selected_of(request.query_params))
        return Response(await run_in_threadpool(json_of, page), media_type="application/json")

    async def as_csv(self, request: Request) -> Response:
        """The windows of what is shown as a table."""
        text = await run_in_threadpool(self._source.csv, selected_of(request.query_params))
        answer = Response(text, media_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = 'attachment; filename="windows.csv"'
        return answer

    async def report(self, request: Request) -> Response:
        """A window's report; while it is made, a page that asks again by itself."""
        named = _window_of(request)
        if named is None:
            return short_page(
                "No such report",
                "A report's address is /report?model=churn&version=3&role=champion&start=1735689600000, where start is "
                "the window's start in milliseconds since 1970, UTC.",
                status=400,
            )
        wanted = await run_in_threadpool(self._source.report_of, *named)
        if wanted is None:
            return short_page(
                "No such window",
                "The page knows no window of this model version that starts at that time.",
                "It may be too old for the topic `windows` or this page to keep, or it has not been read yet.",
                status=404,
            )
        answer = self._desk.ask(wanted)
        if isinstance(answer, AwaitedReport):
            before = "" if not answer.before else f" Reports that come first: {answer.before}."
            return short_page(
                "The report is being made",
                f"It takes half a minute, or longer on a busy machine.{before} It is shown here when it is ready.",
                status=202,
                again_in=_SECONDS_BETWEEN_LOOKS,
            )
        if isinstance(answer, FailedReport):
            return short_page("There is no report", answer.why, status=503)
        return FileResponse(
            answer.path,
            media_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": REPORT_POLICY, "Cache-Control": "no-store"},
        )


def _window_of(request: Request) -> tuple[ModelRef, int] | None:
    """The model and the start that an address names, None where it names none."""
    given = request.query_params
    name, version, role, start = (given.get(name, "") for name in ("model", "version", "role", "start"))
    numbers = all(text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 17 for text in (version, start))
    roles = {known: known for known in get_args(Role)}
    if not name or not numbers or (role or "champion") not in roles:
        return None
    return ModelRef(name, int(version), roles[role or "champion"]), int(start)
