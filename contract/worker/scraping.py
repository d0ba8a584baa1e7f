"""A port of a worker's own on which Prometheus finds its metrics, where the settings name one."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

from contract.errors import UserError
from contract.settings import Settings


@contextmanager
def metrics_served(settings: Settings, registry: CollectorRegistry = REGISTRY) -> Iterator[int | None]:
    """Serve ``registry`` at ``/metrics`` for the block; gives the port, None where the settings name none.

    Raises:
        UserError: the port cannot be bound.
    """
    if settings.metrics_port is None:
        yield None
        return
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise UserError(
            f"{settings.metrics_host}:{settings.metrics_port} cannot be bound for metrics ({error.strerror or error}); "
            f"give another --metrics-port (CHURNSTREAM_METRICS_PORT)"
        ) from None
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
