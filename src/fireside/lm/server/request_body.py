"""The body of a request: read within limits, decoded into a type."""

import asyncio
from typing import TypeVar

import msgspec
from starlette.requests import Request

from fireside.lm.server.api_error import ApiError
from fireside.lm.server.server_config import ServerConfig

__all__ = ["decode_body", "read_body"]

T = TypeVar("T")
# A body that is too large is read on for a while and thrown away, so that the client hears the answer.
_DISCARDED = 16


async def read_body(request: Request, limits: ServerConfig) -> bytes:
    """The whole body.

    Raises:
        ApiError: it is no JSON by its header, too large, or too slow.
    """
    # A page of another origin can send a form without asking, but not JSON.
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, f"the content type is {kind!r}: send 'Content-Type: application/json'")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            async for part in request.stream():
                size += len(part)
                if size <= limits.max_body_bytes:
                    parts.append(part)
                elif size > _DISCARDED * limits.max_body_bytes:
                    break
    except TimeoutError:
        raise ApiError(408, f"the body has not arrived in {limits.body_timeout_s:g} seconds") from None
    if size > limits.max_body_bytes:
        raise ApiError(413, f"the body is larger than {limits.max_body_bytes} bytes: send less")
    return b"".join(parts)


def decode_body(body: bytes, kind: type[T]) -> T:
    """JSON as a type; names that the type does not have are refused.

    Raises:
        ApiError: no JSON, or other types; the message names the field.

    >>> decode_body(b'{"n": 1}', dict)
    {'n': 1}
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        _, _, path = str(error).partition(" - at `$.")
        raise ApiError(400, str(error), param=path.rstrip("`") or None) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError(400, f"the body is not valid JSON: {error}") from error
