"""The HTTP server of a transformer: `/predict`, `/schema`, `/health`, `/metrics`.

    POST /predict   a row (an object: column to value) or an array of rows; answers the same shape
    GET  /schema    the columns that rows bring and answers hold
    GET  /health    whether the server is up; the one path that needs no key
    GET  /metrics   counts for Prometheus

Predictions run in threads beside the event loop, so that the other paths answer meanwhile.
A refusal is `{"error": {"type", "message"}}`; messages about rows name the stage, the column and the remedy.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fireside.core.errors import InputError
from fireside.core.http_access import refusal_of
from fireside.ml.base import Transformer
from fireside.ml.serving.json_rows import num_sparse_entries, read_rows, write_rows
from fireside.ml.serving.number_types import number_types
from fireside.ml.serving.predictor import Predictor
from fireside.ml.serving.server_config import PredictionServerConfig
from fireside.ml.serving.server_metrics import ServerMetrics
from fireside.ml.serving.stage_columns import accepted_kinds, columns_of, stages_of

__all__ = ["make_app"]

logger = logging.getLogger(__name__)

PATHS = ("/predict", "/schema", "/health", "/metrics")


def make_app(model: Transformer, limits: PredictionServerConfig | None = None) -> Starlette:
    """The ASGI application of a transformer.

    >>> from starlette.testclient import TestClient
    >>> from fireside.ml.feature import Tokenizer
    >>> app = make_app(Tokenizer(inputCol="text", outputCol="words"))
    >>> client = TestClient(app, base_url="http://localhost")
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
        self._types = number_types(model, limits.types, limits.outputs or ())
        self._inputs = [
            {
                "name": name,
                "kinds": accepted_kinds(stage, name),
                "numbers": self._types.get(name, "double"),
                "stage": stage.uid,
            }
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
        many, answer = await run_in_threadpool(self._predicted, body)
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
        self._let_in(request, is_open=True)
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

    def _predicted(self, body: bytes) -> tuple[int, bytes]:
        """How many rows a body has, and the answer to them."""
        rows = read_rows(body, self._types)
        many = len(rows) if isinstance(rows, list) else 1
        if many > self._limits.max_rows:
            raise HTTPException(413, f"{many} rows in one request: send at most {self._limits.max_rows}")
        entries, most = num_sparse_entries(rows), self._limits.max_vector_entries
        if entries > most:
            raise HTTPException(
                413,
                f"the sparse vectors of one request have {entries} entries, zeros included: send at most "
                f"{most}",
            )
        return many, write_rows(self._answer(self._predictor(rows)))

    def _answer(self, found: Any) -> Any:
        """The outputs of a row or of several; those of a label's indexer are missing where the label is."""
        if isinstance(found, Mapping):
            names = self._outputs or list(found)
            return {name: found[name] for name in names if name in found}
        if isinstance(found, Sequence):
            return [self._answer(row) for row in found]
        return None

    def _let_in(self, request: Request, *, is_open: bool = False) -> None:
        found = refusal_of(
            self._limits.api_key,
            host=request.headers.get("host", ""),
            authorization=request.headers.get("authorization", ""),
            is_open=is_open,
        )
        if found is not None:
            headers = {"WWW-Authenticate": "Bearer"} if found.status == 401 else None
            raise HTTPException(found.status, found.message, headers)

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
