"""A port that a server of ours listens on."""

import socket

from contract.errors import UserError

_BACKLOG = 2_048


def bound(host: str, port: int, variables: str) -> socket.socket:
    """A socket that listens on ``host`` and ``port``; 0 takes a free one. ``variables`` are what else sets them.

    Raises:
        UserError: the address cannot be bound.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise UserError(
            f"{host}:{port} cannot be bound ({error.strerror or error}); give another --host or --port ({variables})"
        ) from None


def address_of(listener: socket.socket) -> str:
    """Where it is asked, such as ``http://127.0.0.1:8080``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
