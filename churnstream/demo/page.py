"""The model's page beside a demo: a process of its own, on a port of this machine that is free."""

from churnstream.local_kafka.broker import HOST, is_free
from churnstream.processes.children import Child, Children
from contract.errors import UserError

PORT = 8090
_MOST_PORTS = 100


def page_port(first: int = PORT) -> int:
    """The first port of 127.0.0.1 from ``first`` on that nobody listens on.

    Raises:
        UserError: none of a hundred is free.
    """
    for port in range(first, first + _MOST_PORTS):
        if is_free(port):
            return port
    raise UserError(f"no port from {first} to {first + _MOST_PORTS - 1} is free on {HOST}; end a program that uses one")


class DemoPage:
    """``churnstream dashboard`` as a child. One that fails costs the demo its page and nothing else."""

    def __init__(self, children: Children) -> None:
        port = page_port()
        self.address = f"http://{HOST}:{port}"
        self._child: Child = children.start("dashboard", "dashboard", "--host", HOST, "--port", str(port))

    @property
    def problem(self) -> str | None:
        """Why there is no page any more; None while there is one."""
        if self._child.exit_code is None:
            return None
        return f"the page has ended with exit code {self._child.exit_code}; {self._child.explain()}"
