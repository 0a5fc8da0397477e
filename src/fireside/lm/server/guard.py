"""Who may come in, checked before anything else."""

import hmac
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from fireside.lm.server.api_error import ApiError

__all__ = ["Guard", "is_loopback"]

# The page asks for the key itself, and whoever watches over the server may see that it lives.
_OPEN = frozenset({"/", "/chat.js", "/chat.css", "/health"})


class Guard:
    """An ASGI layer that asks for the API key.

    Without a key the server is for this machine alone: then names of other machines in `Host` are refused, so
    that a web page cannot reach it by a name that it points here (DNS rebinding).

    Args:
        app: what is guarded.
        api_key: what clients must send, or `None`.
    """

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self._app = app
        self._api_key = None if api_key is None else api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refusal(scope)) is not None:
            await error.response()(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if self._api_key is None:
            host = headers.get("host", "")
            if is_loopback(_without_port(host)):
                return None
            return ApiError(403, f"the server answers to this machine's own names only, not to {host!r}")
        if scope["path"] in _OPEN:
            return None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if not key or scheme.lower() != "bearer":
            message = "the API key is missing: send 'Authorization: Bearer KEY'"
        elif hmac.compare_digest(key.strip().encode(), self._api_key):
            return None
        else:
            message = "the API key is not the one that this server was started with"
        return ApiError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, reachable from nowhere else.

    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "example.org", "")]
    [True, True, True, False, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    """The name in a `Host` header.

    >>> _without_port("localhost:80"), _without_port("[::1]:80"), _without_port("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
