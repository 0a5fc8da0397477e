"""Server-sent events, as OpenAI streams answers."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fireside.lm.server.api_error import api_error_of
from fireside.lm.server.connection import ClientGoneError, unless_gone

__all__ = ["EventStream"]

logger = logging.getLogger(__name__)

_DONE = b"data: [DONE]\n\n"


class EventStream(Response):
    """A response that sends JSON objects as they come, and then `[DONE]`.

    An error that comes after the status has been sent is an object of its own before the end.

    Args:
        objects: what to send.
        close: called at the end, however it comes.
    """

    media_type = "text/event-stream"

    def __init__(self, objects: AsyncGenerator[dict[str, Any]], close: Callable[[bool], None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # It has no length that is known before.
        del self.headers["content-length"]
        self._objects = objects
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_whole = False
        try:
            with suppress(ClientGoneError):
                await unless_gone(receive, self._write(send))
                is_whole = True
        finally:
            self._close(is_whole)

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

        async def say(data: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": more})

        try:
            async with aclosing(self._objects) as objects:
                async for one in objects:
                    await say(b"data: " + msgspec.json.encode(one) + b"\n\n")
        except OSError:
            raise ClientGoneError("the client has left") from None
        except Exception as error:
            logger.exception("a stream failed")
            await say(b"data: " + msgspec.json.encode(api_error_of(error).body) + b"\n\n")
        await say(_DONE, more=False)
