"""Numbers about a server, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

__all__ = ["ServerMetrics"]

# From a row that takes 100 microseconds to a batch that takes seconds.
_BUCKETS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class ServerMetrics:
    """Counts of one server; several in one process do not add up.

    >>> metrics = ServerMetrics()
    >>> metrics.answered("/predict", 200, seconds=0.0002, rows=1)
    >>> 'fireside_ml_requests_total{path="/predict",status="200"} 1.0' in metrics.text().decode()
    True
    """

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "fireside_ml_requests", "Requests answered.", ["path", "status"], registry=self._registry
        )
        self._rows = Counter("fireside_ml_rows", "Rows predicted.", registry=self._registry)
        self._seconds = Histogram(
            "fireside_ml_predict_seconds",
            "From the whole body to the answer, of requests that were predicted.",
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def answered(self, path: str, status: int, *, seconds: float | None = None, rows: int = 0) -> None:
        """Count a request, and its rows and seconds where it was predicted."""
        self._requests.labels(path, str(status)).inc()
        self._rows.inc(rows)
        if seconds is not None:
            self._seconds.observe(seconds)

    def text(self) -> bytes:
        """All counts in Prometheus's text format."""
        return generate_latest(self._registry)
