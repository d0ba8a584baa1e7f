"""What the REST service counts and measures, for Prometheus."""

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

MEDIA_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_RECORDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192)


class Instruments:
    """One service's metrics, in a registry of its own; what all workers count, and versions, are shown with them."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each, of its birthday
        self.registry = CollectorRegistry()
        self.registry.register(REGISTRY)
        self.requests = Counter(
            "churnstream_http_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "churnstream_http_request_seconds",
            "From a request's first byte to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch = Histogram(
            "churnstream_http_batch_records", "Records scored in one call.", buckets=_RECORDS, registry=self.registry
        )
        self.records = Counter("churnstream_http_records", "Records scored and accepted.", registry=self.registry)
        self.labels = Counter("churnstream_http_labels", "Labels accepted.", registry=self.registry)
        self.in_work = Gauge(
            "churnstream_http_in_work", "Records and labels that are being processed.", registry=self.registry
        )
        self.ready = Gauge("churnstream_ready", "1 if requests are answered.", registry=self.registry)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
