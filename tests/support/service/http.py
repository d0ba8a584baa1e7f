"""JSON over HTTP, as a test asks a server from outside."""

import json
from typing import Any
from urllib.request import Request, urlopen


def get_json(address: str, body: dict[str, Any] | None = None) -> Any:
    """The answer to a GET, or to a POST of ``body``."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(address, data, {"Content-Type": "application/json"}), timeout=30) as answer:
        return json.load(answer)
