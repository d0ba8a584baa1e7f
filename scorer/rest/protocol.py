"""How HTTP is read: as uvicorn reads it, with bounds on a request's head and on the time that it takes to come.

Without them a client could send header after header, or one byte a minute, for as long as it likes, and many such
clients could take all memory or all connections.
"""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contract.errors import ChurnstreamError
from scorer.rest.problems import ProblemError

MOST_HEAD_BYTES = 65_536
"""Of a request's address, and the names and values of its headers."""
HEAD_SECONDS = 30.0
"""In which a head that has begun must have come."""


_TOO_LARGE = f"the request's address and headers have more than {MOST_HEAD_BYTES} bytes; send fewer or shorter ones"
_TOO_LATE = f"the request's headers did not arrive within {HEAD_SECONDS:.0f} seconds"


class HeadTooLargeError(ChurnstreamError):
    """A request's address and headers have more than ``MOST_HEAD_BYTES``."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that is too large is answered 431, one that does not come 408, and the connection ends.

    A connection on which nothing has been sent yet ends silently, after the time for which an idle one is kept.
    """

    _in_head = False
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None
    _is_too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._deadline = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._end(431, _TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._stop_waiting()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._end, 408, _TOO_LATE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_waiting()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MOST_HEAD_BYTES:
            self._is_too_large = True
            # so the parser stops, and its caller takes the request for one that cannot be read
            raise HeadTooLargeError
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._is_too_large:
            self._end(431, _TOO_LARGE)
        else:
            self._end(400, msg)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, status: int, detail: str) -> None:
        """Answer, and let go of the connection."""
        self._in_head = False
        if self.transport.is_closing():
            return
        response = ProblemError(status, detail, headers={"Connection": "close"}).response()
        head = [b"HTTP/1.1 %d %s" % (status, HTTPStatus(status).phrase.encode())]
        head += [b"%s: %s" % header for header in response.raw_headers]
        self.transport.write(b"\r\n".join([*head, b"", bytes(response.body)]))
        self.transport.close()
