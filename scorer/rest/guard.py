"""Around every request: who may ask, and what is a body."""

import asyncio

from pydantic import SecretStr
from starlette.requests import Request

from contract.http.token import has_token
from scorer.rest.problems import ProblemError

_BODY_SECONDS = 30
_DRAINED = 10_000_000
"""Bytes of too large a body that are read and dropped: a client that is cut off may not see why."""
_TOO_LARGE = "the body has more than {} bytes; send the records in several requests"


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
            408, f"the body did not arrive within {_BODY_SECONDS} seconds", headers={"Connection": "close"}
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
