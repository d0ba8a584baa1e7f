"""Who may see anything where there is a token: requests that carry it, and browsers that have given it once."""

import hashlib
import hmac
from collections import OrderedDict, deque
from urllib.parse import parse_qs, quote

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from contract.http.hosts import POLICY_VIOLATION
from contract.http.token import has_token
from contract.worker.clock import Clock
from dashboard.serving.answers import login_page, sentence, short_page

LOGIN = "/login"
_HEALTH = "/health"
_MOST_FORM_BYTES = 4_096
_MOST_WRONG = 10
_WRONG_PER_MS = 60_000
_MOST_ADDRESSES = 1_000
_TOO_MANY = "Too many wrong tokens came from this address. Try again in a minute."


class WrongTokens:
    """Counts wrong tokens by the address that they came from: after ten in a minute it has to wait.

    It remembers 1,000 addresses; the one that was quiet for longest goes first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[int]] = OrderedDict()

    def must_wait(self, address: str) -> bool:
        """Whether no token of ``address`` is looked at now."""
        times = self._wrong.get(address, deque())
        since = self._clock.monotonic() - _WRONG_PER_MS
        return sum(time > since for time in times) >= _MOST_WRONG

    def count(self, address: str) -> None:
        """A wrong one came."""
        self._wrong.setdefault(address, deque(maxlen=_MOST_WRONG)).append(self._clock.monotonic())
        self._wrong.move_to_end(address)
        while len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)


class AccessMiddleware:
    """ASGI middleware that lets pass who has the token; ``/health`` tells nothing, so everybody may ask it.

    ``Authorization: Bearer`` carries it, or a cookie that is derived from it (HMAC-SHA256) and that the form at
    ``/login`` sets: no script can read it, and no page of another site sends it. Another token makes cookies void. All
    comparisons take the same time wherever values differ.
    """

    def __init__(self, app: ASGIApp, token: SecretStr, clock: Clock) -> None:
        self._app = app
        self._token = token
        # cookies do not know ports: two servers on one machine have two names
        self._cookie = f"churnstream_{self._derived('cookie name')[:12]}"
        self._session = self._derived("session of the dashboard")
        self._wrong = WrongTokens(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] == _HEALTH or self._has_session(scope):
            if scope["type"] == "http" and scope["path"] == LOGIN:
                await RedirectResponse("./", 303)(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        refusal = self._refusal_of_header(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        elif scope["path"] == LOGIN:
            await (await self._log_in(Request(scope, receive)))(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def _derived(self, purpose: str) -> str:
        key = self._token.get_secret_value().encode()
        return hmac.new(key, f"churnstream: {purpose}".encode(), hashlib.sha256).hexdigest()

    def _has_session(self, scope: Scope) -> bool:
        cookies = cookie_parser("; ".join(Headers(scope=scope).getlist("cookie")))
        return hmac.compare_digest(cookies.get(self._cookie, "").encode(), self._session.encode())

    def _refusal_of_header(self, scope: Scope) -> Response | None:
        """What to answer, None where the header has the token."""
        authorization = Headers(scope=scope).get("authorization", "")
        address = _address(scope)
        if authorization and self._wrong.must_wait(address):
            return _wait()
        if has_token(authorization, self._token):
            return None
        if authorization:
            self._wrong.count(address)
        elif scope["type"] == "http" and "text/html" in Headers(scope=scope).get("accept", ""):
            return _to_login(scope)
        answer = sentence(
            401, "Give the token (CHURNSTREAM_HTTP_TOKEN) in the header Authorization: Bearer …, or log in at /login."
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    async def _log_in(self, request: Request) -> Response:
        action = f"login?next={quote(request.query_params.get('next', ''), safe='')}"
        if request.method != "POST":
            return login_page(action, "", 200)
        address = _address(request.scope)
        if self._wrong.must_wait(address):
            return _wait()
        given = await _token_of_form(request)
        if not hmac.compare_digest(given.encode(), self._token.get_secret_value().encode()):
            self._wrong.count(address)
            return login_page(action, "This token is wrong.", 401)
        # `./` makes whatever was asked for a path of ours
        answer = RedirectResponse(f"./{request.query_params.get('next', '').lstrip('/')}", 303)
        answer.set_cookie(
            self._cookie, self._session, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return answer


def _to_login(scope: Scope) -> Response:
    query = scope["query_string"].decode("latin-1")
    asked = scope["path"].lstrip("/") + (f"?{query}" if query else "")
    if Headers(scope=scope).get("sec-fetch-site") == "cross-site":
        # who follows a link from a mail may be logged in, but such a request carries no cookie; one from here does
        return short_page("One moment", "The page is opening.", again_in=0)
    return RedirectResponse(f"login?next={quote(asked, safe='')}", 303)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _wait() -> Response:
    answer = sentence(429, _TOO_MANY)
    answer.headers["Retry-After"] = str(_WRONG_PER_MS // 1_000)
    return answer


async def _token_of_form(request: Request) -> str:
    """What was typed; empty where the form is too large, or none."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_FORM_BYTES:
            return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0].strip()
