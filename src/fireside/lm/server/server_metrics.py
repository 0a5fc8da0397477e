"""What a server counts, for Prometheus."""

from collections.abc import Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fireside.lm.engine.engine import Engine

__all__ = ["ServerMetrics"]

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class ServerMetrics:
    """Counters of one server; nothing is shared with others in the process.

    Args:
        engine: whose load is told at every scrape.

    Attributes:
        requests: answers by endpoint and HTTP status.
        request_seconds: from the request's head to the answer's end, by endpoint.
        first_token_seconds: from the start of a streamed answer to its first token.
        prompt_tokens: in prompts that were answered.
        answer_tokens: in answers.
        unfinished: answers that failed, or whose client left.
    """

    def __init__(self, engine: Engine) -> None:
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"namespace": "fireside", "registry": self._registry}
        self.requests = Counter("requests", "Answered requests.", ("endpoint", "status"), **own)
        self.request_seconds = Histogram(
            "request_seconds", "Time to the end of an answer.", ("endpoint",), buckets=_SECONDS, **own
        )
        self.first_token_seconds = Histogram(
            "first_token_seconds", "Time to the first token of a stream.", buckets=_SECONDS, **own
        )
        self.prompt_tokens = Counter("prompt_tokens", "Tokens of answered prompts.", **own)
        self.answer_tokens = Counter("answer_tokens", "Tokens of answers.", **own)
        self.unfinished = Counter("unfinished", "Answers that failed or that nobody waited for.", **own)
        self._registry.register(_EngineCollector(engine))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text, in the format that a scraper accepts, and its content type."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type


class _EngineCollector(Collector):
    """Reads the engine's load when it is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterable[Metric]:
        load = self._engine.load()
        gauges = {
            "running_sequences": (load.num_running, "Sequences that hold memory."),
            "waiting_sequences": (load.num_waiting, "Sequences that have not begun, or gave up memory."),
            "kv_cache_bytes": (load.kv_bytes, "Keys and values held, remembered prefixes included."),
            "kv_cache_capacity_bytes": (load.kv_capacity_bytes, "Room for keys and values."),
        }
        for name, (value, meaning) in gauges.items():
            yield GaugeMetricFamily(f"fireside_{name}", meaning, value=value)
        counts = {
            "computed_tokens": (
                load.num_computed_tokens,
                "Tokens that went through the model; those found in the prefix cache do not count.",
            ),
            "preemptions": (load.num_preemptions, "Sequences that gave up their memory for others."),
            "drafted_tokens": (load.num_drafted_tokens, "Guessed tokens that the model verified."),
            "accepted_tokens": (load.num_accepted_tokens, "Guessed tokens that were drawn."),
        }
        for name, (value, meaning) in counts.items():
            yield CounterMetricFamily(f"fireside_{name}", meaning, value=value)
