"""Errors in the form that OpenAI's clients expect."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from fireside.core.errors import CapacityError, FiresideError, InputError

__all__ = ["ApiError", "api_error_of", "error_response"]

_KINDS = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """A refusal.

    Args:
        status: the HTTP status.
        message: what was given and what to do about it.
        code: a word for programs.
        param: the field of the request that is wrong.
        headers: to be sent with it.

    >>> ApiError(404, "there is no model 'x'", code="model_not_found", param="model").body["error"]["type"]
    'not_found_error'
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        kind = "server_error" if self.status >= 500 else _KINDS.get(self.status, "invalid_request_error")
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """The answer."""
        return Response(
            msgspec.json.encode(self.body),
            self.status,
            headers=self.headers,
            media_type="application/json",
        )


def api_error_of(error: Exception) -> ApiError:
    """What a client is told of an error; of defects of ours, that there was one and no more."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, error.detail, headers=error.headers)
    if isinstance(error, CapacityError):
        return ApiError(400, str(error), code="context_length_exceeded")
    if isinstance(error, InputError):
        return ApiError(400, str(error))
    if isinstance(error, FiresideError):
        return ApiError(500, str(error))
    return ApiError(500, "the server has failed at this request; its log says why")


async def error_response(request: Request, error: Exception) -> Response:
    """`api_error_of` as Starlette's handler of exceptions."""
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        error.detail = f"{request.method} {request.url.path} is not served here"
    return api_error_of(error).response()
