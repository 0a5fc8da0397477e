"""The HTTP server of a transformer: `/predict`, `/schema`, `/health`, `/metrics`.

    POST /predict   a row (an object: column to value) or an array of rows; answers the same shape
    GET  /schema    the columns that rows bring and answers hold
    GET  /health    whether the server is up; the one path that needs no key
    GET  /metrics   counts for Prometheus

A refusal is `{"error": {"type", "message"}}`; messages about rows name the stage, the column and the remedy.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fireside.core.errors import InputError
from fireside.ml.base import Transformer
from fireside.ml.serving.json_rows import read_rows, write_rows
from fireside.ml.serving.predictor import Predictor
from fireside.ml.serving.server_config import PredictionServerConfig
from fireside.ml.serving.server_metrics import ServerMetrics
from fireside.ml.serving.stage_columns import accepted_kinds, columns_of, stages_of

__all__ = ["make_app"]

logger = logging.getLogger(__name__)

SHORT = 16 << 10
"""Bytes of a row that is predicted at once."""
PATHS = ("/predict", "/schema", "/health", "/metrics")


def make_app(model: Transformer, limits: PredictionServerConfig | None = None) -> Starlette:
    """The ASGI application of a transformer.

    >>> from starlette.testclient import TestClient
    >>> from fireside.ml.feature import Tokenizer
    >>> client = TestClient(make_app(Tokenizer(inputCol="text", outputCol="words")))
    >>> client.post("/predict", json={"text": "Hearth and home"}).json()
    {'words': ['hearth', 'and', 'home']}
    """
    server = PredictionServer(model, limits or PredictionServerConfig())
    return Starlette(
        routes=[
            Route("/predict", server.predict, methods=["POST"]),
            Route("/schema", server.schema),
            Route("/health", server.health),
            Route("/metrics", server.metrics),
        ],
        exception_handlers={HTTPException: server.refused, InputError: server.refused, 500: server.failed},
    )


class PredictionServer:
    """The handlers of one transformer."""

    def __init__(self, model: Transformer, limits: PredictionServerConfig) -> None:
        self._limits = limits
        self._predictor = Predictor(model, limits.outputs)
        self._stages = [stage.uid for stage in stages_of(model)]
        columns = columns_of(model)
        self._inputs = [
            {"name": name, "kinds": accepted_kinds(stage, name), "stage": stage.uid}
            for name, stage in columns.read.items()
        ]
        # SQL says nothing about its columns; then all are answered.
        self._outputs = list(limits.outputs or columns.final) or None
        self._metrics = ServerMetrics()

    async def predict(self, request: Request) -> Response:
        """Predict a row, or several."""
        self._let_in(request)
        body = await self._body(request)
        start = time.perf_counter()
        rows = read_rows(body)
        many = len(rows) if isinstance(rows, list) else 1
        if many > self._limits.max_rows:
            raise HTTPException(413, f"{many} rows in one request: send at most {self._limits.max_rows}")
        # A short row takes less than the way to another thread; more would hold up everybody else.
        predict: Callable[[Any], Any] = self._predictor
        is_short = isinstance(rows, dict) and len(body) <= SHORT
        found = predict(rows) if is_short else await run_in_threadpool(predict, rows)
        answer = write_rows(self._answer(found))
        self._metrics.answered("/predict", 200, seconds=time.perf_counter() - start, rows=many)
        return Response(answer, media_type="application/json")

    async def schema(self, request: Request) -> Response:
        """The columns."""
        self._let_in(request)
        return self._json(
            "/schema", {"inputs": self._inputs, "outputs": self._outputs, "stages": self._stages}
        )

    async def health(self, request: Request) -> Response:
        """That the server is up."""
        return self._json("/health", {"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """The counts."""
        self._let_in(request)
        self._metrics.answered("/metrics", 200)
        return Response(self._metrics.text(), media_type=self._metrics.content_type)

    async def refused(self, request: Request, error: Exception) -> Response:
        """What a client is told of its own mistake."""
        status, kind, headers = 422, type(error).__name__, None
        if isinstance(error, HTTPException):
            status, kind, headers = error.status_code, "HTTPError", error.headers
        message = error.detail if isinstance(error, HTTPException) else str(error)
        return self._error(request, status, kind, message, headers)

    async def failed(self, request: Request, error: Exception) -> Response:
        """What a client is told of a mistake of ours: that there was one."""
        logger.error("a request to %s failed", request.url.path, exc_info=error)
        return self._error(request, 500, "ServerError", "the server failed at this request; its log says why")

    def _answer(self, found: Any) -> Any:
        """The outputs of a row or of several; those of a label's indexer are missing where the label is."""
        if isinstance(found, Mapping):
            names = self._outputs or list(found)
            return {name: found[name] for name in names if name in found}
        if isinstance(found, Sequence):
            return [self._answer(row) for row in found]
        return None

    def _let_in(self, request: Request) -> None:
        key = self._limits.api_key
        given = request.headers.get("authorization", "")
        if key is not None and not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            raise HTTPException(
                401, "send the API key as 'Authorization: Bearer KEY'", {"WWW-Authenticate": "Bearer"}
            )

    async def _body(self, request: Request) -> bytes:
        # A page of another origin can send a form without asking, but not JSON.
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, f"the content type is {kind!r}: send 'Content-Type: application/json'")
        limit, body = self._limits.max_body_bytes, bytearray()
        try:
            async with asyncio.timeout(self._limits.body_timeout_s):
                async for part in request.stream():
                    body += part
                    if len(body) > limit:
                        raise HTTPException(
                            413,
                            f"the body is larger than {limit} bytes: send fewer rows",
                            {"Connection": "close"},
                        )
        except ClientDisconnect:
            # Nobody reads the answer; the counts tell of it.
            raise HTTPException(400, "the client left before its body had arrived") from None
        except asyncio.CancelledError:
            raise HTTPException(503, "the server stops: ask again", {"Connection": "close"}) from None
        except TimeoutError:
            message = f"the body has not arrived in {self._limits.body_timeout_s:g} seconds"
            raise HTTPException(408, message) from None
        return bytes(body)

    def _json(self, path: str, content: Any) -> Response:
        self._metrics.answered(path, 200)
        return Response(msgspec.json.encode(content), media_type="application/json")

    def _error(
        self, request: Request, status: int, kind: str, message: str, headers: Mapping[str, str] | None = None
    ) -> Response:
        # Paths that do not exist would make a new counter each.
        path = request.url.path if request.url.path in PATHS else "other"
        self._metrics.answered(path, status)
        content = msgspec.json.encode({"error": {"type": kind, "message": message}})
        return Response(content, status, headers, media_type="application/json")
