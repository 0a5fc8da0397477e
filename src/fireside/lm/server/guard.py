"""Who may come in, checked before anything else."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from fireside.core.http_access import refusal_of
from fireside.lm.server.api_error import ApiError

__all__ = ["Guard"]

# The page asks for the key itself, and whoever watches over the server may see that it lives.
_OPEN = frozenset({"/", "/chat.js", "/chat.css", "/health"})


class Guard:
    """An ASGI layer that asks for the API key.

    Without a key the server is for this machine alone, and names of other machines in `Host` are refused.

    Args:
        app: what is guarded.
        api_key: what clients must send, or `None`.
    """

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self._app = app
        self._api_key = api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refusal(scope)) is not None:
            await error.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        found = refusal_of(
            self._api_key,
            host=headers.get("host", ""),
            authorization=headers.get("authorization", ""),
            is_open=scope["path"] in _OPEN,
        )
        if found is None:
            return None
        if found.status == 403:
            return ApiError(403, found.message)
        headers_sent = {"WWW-Authenticate": "Bearer"}
        return ApiError(401, found.message, code="invalid_api_key", headers=headers_sent)
