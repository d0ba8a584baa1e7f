"""A receiver of webhooks on 127.0.0.1 that keeps all it was sent, by path."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_STATE = re.compile(r"^Incident: (.+) \((\w+)\)$", re.MULTILINE)
State = tuple[str, str]
"""Key and state of an incident."""


class Receiver:
    """Answers 200, or what ``answers`` has for the path; counts what it has taken, and every request."""

    def __init__(self, port: int = 0) -> None:
        self.answers: dict[str, int] = {}
        self.requests: list[str] = []
        self._taken: list[tuple[str, dict[str, Any]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def url(self, path: str) -> str:
        """What apprise is to be given."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def all(self) -> list[tuple[str, dict[str, Any]]]:
        """Path and message of all that was taken, in order."""
        return list(self._taken)

    def messages(self, path: str) -> list[dict[str, Any]]:
        """What was taken there, in order."""
        return [message for at, message in self.all() if at == f"/{path}"]

    def states(self, path: str) -> list[State]:
        """Key and state of each, in order."""
        return [_STATE.findall(message["message"])[0] for message in self.messages(path)]

    def first_states(self, path: str) -> list[State]:
        """The same, of what came twice only the first."""
        return list(dict.fromkeys(self.states(path)))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(self.path)
                answer = receiver.answers.get(self.path, 200)
                if answer == 200:
                    receiver._taken.append((self.path, json.loads(body)))
                self.send_response(answer)
                # what Slack says
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver(port)
    try:
        yield receiver
    finally:
        receiver.close()
