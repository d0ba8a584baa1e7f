"""What a client is told when its request cannot be answered: problem details (RFC 9457), with every fault found."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from contract.errors import ChurnstreamError
from scorer.serving.errors import (
    InvalidRequestError,
    ModelFailureError,
    OverloadedError,
    RequestTooLargeError,
    ServingError,
    UnavailableError,
    UnknownRecordError,
)

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 100

_STATUS: dict[type[ServingError], int] = {
    InvalidRequestError: 400,
    UnknownRecordError: 404,
    RequestTooLargeError: 413,
    OverloadedError: 429,
    ModelFailureError: 500,
    UnavailableError: 503,
}
_RETRIED = (429, 503)
_RETRY_SECONDS = 1


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
        self.errors = errors[:MOST_FAULTS]
        self.headers = headers

    def response(self) -> Response:
        """The answer."""
        body = ProblemDetails(HTTPStatus(self.status).phrase, self.status, self.detail, self.errors)
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA_TYPE)


def place(index: int, field: str, many: bool) -> str:
    """Where a field of one record stands in a body, which holds a list of them or a single one."""
    if not many:
        return field
    return f"[{index}].{field}" if field else f"[{index}]"


@contextmanager
def told_over_http(many: bool = False) -> Iterator[None]:
    """Turn a ``ServingError`` in the block into its problem; ``many``: the request is a list.

    Raises:
        ProblemError: there was one.
    """
    try:
        yield
    except ServingError as error:
        status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
        faults = [Fault(place(one.index, one.field, many), one.reason, one.found, one.remedy) for one in error.faults]
        headers = {"Retry-After": str(_RETRY_SECONDS)} if status in _RETRIED else None
        raise ProblemError(status, error.detail, errors=faults, headers=headers) from None
