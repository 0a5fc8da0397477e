"""The application: which path leads where."""

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fireside.core.errors import FiresideError
from fireside.lm.engine.engine import Engine
from fireside.lm.server.admission import Admission
from fireside.lm.server.api_error import ApiError, error_response
from fireside.lm.server.chat_endpoint import chat_completions
from fireside.lm.server.chat_page import page_file
from fireside.lm.server.completion_endpoint import completions
from fireside.lm.server.connection import ClientGoneError
from fireside.lm.server.guard import Guard
from fireside.lm.server.meter import Meter
from fireside.lm.server.server_config import ServerConfig
from fireside.lm.server.server_metrics import ServerMetrics
from fireside.lm.server.service import Service, service_of

__all__ = ["make_app"]


def make_app(engine: Engine, config: ServerConfig | None = None) -> Starlette:
    """An ASGI application that serves one engine.

    Args:
        engine: runs the model; its name is the model's name.
        config: limits.
    """
    config = config or ServerConfig()
    metrics = ServerMetrics(engine)
    routes = [
        Route("/v1/chat/completions", chat_completions, methods=["POST"]),
        Route("/v1/completions", completions, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{name:path}", model),
        Route("/health", health),
        Route("/metrics", exposition),
        Route("/", page_file),
        Route("/chat.js", page_file),
        Route("/chat.css", page_file),
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Meter, metrics=metrics, paths=frozenset(route.path for route in routes)),
            Middleware(Guard, api_key=config.api_key),
        ],
        exception_handlers={
            ApiError: error_response,
            FiresideError: error_response,
            HTTPException: error_response,
            Exception: error_response,
            ClientGoneError: _nobody_waits,
        },
    )
    room = engine.max_sequences + config.max_waiting
    app.state.service = Service(engine, config, Admission(room), metrics)
    return app


async def models(request: Request) -> Response:
    """`GET /v1/models`."""
    return _json({"object": "list", "data": [_card(service_of(request))]})


async def model(request: Request) -> Response:
    """`GET /v1/models/NAME`."""
    service = service_of(request)
    service.check_model(request.path_params["name"])
    return _json(_card(service))


async def health(request: Request) -> Response:
    """`GET /health`."""
    return _json({"status": "ok"})


async def exposition(request: Request) -> Response:
    """`GET /metrics`."""
    text, content_type = service_of(request).metrics.exposition(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": content_type})


async def _nobody_waits(request: Request, error: Exception) -> Response:
    return Response(status_code=499)


def _card(service: Service) -> dict[str, object]:
    return {
        "id": service.engine.model_name,
        "object": "model",
        "created": service.created,
        "owned_by": "fireside",
        "context_length": service.engine.context_length,
    }


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
