"""What the page's process counts and measures for Prometheus, beside what all workers do (``contract.signals``).

It reads topics as workers do, so ``contract.signals.RECORDS`` and ``LAG`` are its own, too.
"""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_REPORT_SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0)

PAGES_OPEN = Gauge("churnstream_dashboard_pages_open", "Pages that browsers hold open.")
PAGE_SECONDS = Histogram(
    "churnstream_dashboard_page_seconds", "Time to make what a page shows of the topics.", buckets=_SECONDS
)
PUSHES = Counter("churnstream_dashboard_pushes", "Changes pushed to open pages.")
KAFKA_UP = Gauge("churnstream_dashboard_kafka_up", "1 while the topics can be read, 0 while Kafka is away.")
REPORTS = Counter("churnstream_dashboard_reports", "Reports asked for, by how it went.", ["result"])
REPORT_SECONDS = Histogram(
    "churnstream_dashboard_report_seconds", "Time to make a report that was asked for.", buckets=_REPORT_SECONDS
)
HTTP_REQUESTS = Counter("churnstream_http_requests", "Requests answered.", ["route", "status"])
HTTP_SECONDS = Histogram(
    "churnstream_http_request_seconds", "From a request's first byte to its answer.", ["route"], buckets=_SECONDS
)
for _result in ("made", "failed"):
    # or the first failure would not count as a rise
    REPORTS.labels(_result)
