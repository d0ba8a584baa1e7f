"""What a client is told when its request cannot be answered: problem details (RFC 9457), with every fault found."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from contract.errors import ChurnstreamError

MEDIA_TYPE = "application/problem+json"


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request.

    ``field`` is its place (``features.Age``, ``[3].features.Age`` in a list, empty for the whole body), ``reason`` a
    code as in dead letters, ``found`` the kind of JSON value there (never the value), ``remedy`` what to send instead.
    """

    field: str
    reason: str
    found: str
    remedy: str


class ProblemDetails(msgspec.Struct, frozen=True):
    """The body of every answer that is none: RFC 9457, with ``errors`` where the request is at fault."""

    title: str
    status: int
    detail: str
    errors: Sequence[Fault] = ()
    type: str = "about:blank"


class ProblemError(ChurnstreamError):
    """A request that is answered with ``status`` and what to do about it."""

    def __init__(
        self, status: int, detail: str, *, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers

    def response(self) -> Response:
        """The answer."""
        body = ProblemDetails(HTTPStatus(self.status).phrase, self.status, self.detail, self.errors)
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA_TYPE)


def unavailable(detail: str, seconds: int = 1) -> ProblemError:
    """503, to be tried again after ``seconds``."""
    return ProblemError(503, detail, headers={"Retry-After": str(seconds)})
