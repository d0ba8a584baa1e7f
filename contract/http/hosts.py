"""Under which names the service is asked. Without a token this is what keeps web pages out.

A page from anywhere can let its own name stand for 127.0.0.1 (DNS rebinding). Its browser then takes the service for
the page's own server, and asks it whatever the page likes; only the header Host still has the page's name.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

MISDIRECTED = 421
POLICY_VIOLATION = 1008
"""Why a web socket is closed (RFC 6455)."""
UNKNOWN_NAME = (
    "the Host header is not a name of this service; use 127.0.0.1 or localhost, or start the service with the name "
    "in CHURNSTREAM_HTTP_ALLOWED_HOSTS, or with a token (CHURNSTREAM_HTTP_TOKEN)"
)
_PROBES = frozenset({"/health", "/ready"})
"""Asked by load balancers under whatever name; they tell nothing about anybody."""
_MOST_REMEMBERED = 256


class AllowedHosts:
    """The names and addresses of a service that is bound to ``bound``, and ``named`` ones.

    Loopback names are always among them. Bound to other than a loopback address, the service is reached by addresses
    that it does not know of (a container's, a proxy's), so every address is: no page can have an address for its name.
    ``*.example.com`` names all below it, ``*`` all there are.
    """

    def __init__(self, bound: str, named: Sequence[str]) -> None:
        self._bound = bound.lower()
        self._named = frozenset(name for name in named if not name.startswith("*."))
        self._below = tuple(name.removeprefix("*") for name in named if name.startswith("*."))
        self._any_address = not _is_loopback(self._bound)
        # clients ask under the same few names again and again
        self.allow = lru_cache(_MOST_REMEMBERED)(self._allow)

    def _allow(self, header: bytes) -> bool:
        """Whether a value of the header Host, with a port or without, is one of them."""
        name = _without_port(header.decode("latin-1").lower()).removesuffix(".")
        return bool(name) and (
            _is_loopback(name)
            or (self._any_address and _is_address(name))
            or name == self._bound
            or name in self._named
            or "*" in self._named
            or name.endswith(self._below)
        )


class HostMiddleware:
    """ASGI middleware that turns requests under other names away. One without the header is from no browser.

    ``refused`` makes the answer to such a request; a web socket is closed before it is open.
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, refused: Callable[[], ASGIApp]) -> None:
        self._app = app
        self._hosts = hosts
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in _PROBES:
            for name, value in scope["headers"]:
                if name == b"host" and not self._hosts.allow(value):
                    if scope["type"] == "http":
                        await self._refused()(scope, receive, send)
                    else:
                        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
                    return
        await self._app(scope, receive, send)


def _without_port(host: str) -> str:
    if host.startswith("["):
        address, bracket, port = host[1:].partition("]")
        return address if bracket and (not port or port.startswith(":")) else ""
    name, _, port = host.partition(":")
    return "" if ":" in port else name


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
